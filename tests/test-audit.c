/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is recorded of each change that somebody asked for. The test is the journal: mydockerd sees its socket where
 * journald's is. */

#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NOBODY 65534
#define MESSAGE_ID "9c4a498edd824657a9782538c15b7d9d"

static GDBusConnection *nobody;
static int journal = -1;

/* Starts mydockerd again, in a mount namespace of its own where this directory has what the journal listens on, or has not. */
static void restart_with(const char *directory) {
        daemon_kill(SIGTERM);
        expect(0, NULL, NULL,
               "unshare -m --propagation private sh -euc '"
               "mount --bind %s /mnt; mount -t tmpfs -o mode=0755 tmpfs /run; mkdir /run/systemd;"
               " mount --move /mnt /run/systemd; exec %s/start-daemon'",
               directory, sandbox_dir());
}

static void begin_journal(void) {
        struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "systemd/journal/socket"};
        struct timeval patience = {.tv_sec = HARNESS_PATIENCE};

        expect(0, "", "", "mkdir -p systemd/journal");
        journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        g_assert_cmpint(bind(journal, (struct sockaddr *)&address, sizeof(address)), ==, 0);
        g_assert_cmpint(setsockopt(journal, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)),
                        ==, 0);
        restart_with("systemd");
}

static void end_journal(void) {
        daemon_kill(SIGTERM);
        close(journal);
        expect(0, "", "", "rm -r systemd");
        daemon_start();
}

/* The fields of one record, as systemd's JOURNAL_NATIVE_PROTOCOL has them. */
static GHashTable *parse(const char *text, gsize size) {
        GHashTable *fields = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        const char *end = text + size;

        while (text < end) {
                const char *newline = memchr(text, '\n', end - text);
                const char *equals = memchr(text, '=', newline - text);
                char *name = g_strndup(text, (equals ?: newline) - text);
                guint64 length;

                g_assert_nonnull(newline);
                if (equals) {
                        length = newline - equals - 1;
                        text = equals + 1;
                } else {
                        memcpy(&length, newline + 1, sizeof(length));
                        length = GUINT64_FROM_LE(length);
                        text = newline + 1 + sizeof(length);
                }
                g_assert_cmpuint(length, <, (guint64)(end - text));
                g_hash_table_insert(fields, name, g_strndup(text, length));
                text += length + 1;
        }
        return fields;
}

static const char *field(GHashTable *record, const char *name) {
        return g_hash_table_lookup(record, name);
}

/* The next record of this action, to be unreferenced. */
static GHashTable *next_record(const char *action) {
        char buffer[65536];

        for (;;) {
                GHashTable *record;
                ssize_t n;

                n = recv(journal, buffer, sizeof(buffer), 0);
                if (n < 0)
                        g_error("no record of %s came: %s", action, g_strerror(errno));
                record = parse(buffer, n);
                if (g_strcmp0(field(record, "MYDOCKER_ACTION"), action) == 0)
                        return record;
                g_hash_table_unref(record);
        }
}

/* Compares fields of the next record of an action: NAME, PATTERN, …, NULL. */
static void check_record(const char *action, ...) {
        g_autoptr(GHashTable) record = next_record(action);
        const char *name;
        va_list ap;

        check_text("MESSAGE_ID", field(record, "MESSAGE_ID"), MESSAGE_ID);
        va_start(ap, action);
        while ((name = va_arg(ap, const char *)))
                check_text(name, field(record, name), va_arg(ap, const char *));
        va_end(ap);
}

#define RUN "org.mydocker.container.run"

static void test_record(void) {
        g_autofree char *path = NULL;
        g_autoptr(GVariant) reply = NULL;

        begin_journal();
        path = container_run("{'name': <'web'>, 'user': <'1000'>}", "sleep 1000");
        check_record(RUN, "MYDOCKER_VERDICT", "allowed", "MYDOCKER_REASON", "root", "PRIORITY", "6",
                     "MYDOCKER_METHOD", "Run", "MYDOCKER_OBJECT", MANAGER_PATH, "MYDOCKER_VERB",
                     "run", "MYDOCKER_CONTAINER", "web", "MYDOCKER_IMAGE", "busybox:latest",
                     "MYDOCKER_IMAGE_ID", "????????*", "MYDOCKER_USER", "1000",
                     "MYDOCKER_CALLER_UID", "0", "MESSAGE", "*allowed*uid 0*web*", NULL);

        bus_refused(nobody, ERROR_INTERACTIVE, NULL, path, "Stop", "(@a{sv} {},)");
        check_record("org.mydocker.container.lifecycle", "MYDOCKER_VERDICT", "refused",
                     "MYDOCKER_REASON", "polkit", "PRIORITY", "5", "MYDOCKER_METHOD", "Stop",
                     "MYDOCKER_OBJECT", path, "MYDOCKER_CONTAINER", "web", "MYDOCKER_ID",
                     strrchr(path, '/') + 1, "MYDOCKER_OWNER", "0", "MYDOCKER_CALLER_UID", "65534",
                     NULL);
        container_remove(path);
        check_record("org.mydocker.container.remove", "MYDOCKER_REASON", "root", NULL);

        rule_set("action.id == '" RUN "'");
        WAIT_UNTIL(permission_is(nobody, RUN, "yes"));
        reply = bus_try(nobody, NULL, NULL, NULL, NULL, "Run",
                        "('busybox', ['sleep', '1000'], {'env': <['SECRET=hidden']>})");
        check_record(RUN, "MYDOCKER_VERDICT", "allowed", "MYDOCKER_REASON", "polkit",
                     "MYDOCKER_CALLER_UID", "65534", NULL);
        g_free(path);
        g_variant_get(reply, "(o)", &path);
        check_allowed(nobody, path, "Remove", "({'force': <true>},)");
        check_record("org.mydocker.container.remove", "MYDOCKER_VERDICT", "allowed",
                     "MYDOCKER_REASON", "owner", "MYDOCKER_OWNER", "65534", NULL);
        rule_clear();
        end_journal();
}

/* What a caller passes is neither a field nor a line of its own. */
static void test_injection(void) {
        g_autoptr(GHashTable) record = NULL;

        begin_journal();
        rule_set("action.id == '" RUN "'");
        WAIT_UNTIL(permission_is(nobody, RUN, "yes"));
        bus_refused(nobody, ERROR_INTERACTIVE, NULL, NULL, "Run",
                    "('busybox', ['true'], {'volumes':"
                    " <[('/x\\nMYDOCKER_VERDICT=allowed\\nMYDOCKER_CALLER_UID=0', '/x', '')]>})");
        record = next_record("org.mydocker.workspace.volume");
        check_text("verdict", field(record, "MYDOCKER_VERDICT"), "refused");
        check_text("uid", field(record, "MYDOCKER_CALLER_UID"), "65534");
        check_text("volume", field(record, "MYDOCKER_VOLUME"),
                   "/x\nMYDOCKER_VERDICT=allowed\nMYDOCKER_CALLER_UID=0");
        CHECK(!strchr(field(record, "MESSAGE"), '\n'));
        rule_clear();
        end_journal();
}

/* Who logged in, and where: a process that a login session has, or looks so. */
static void test_origin(void) {
        g_autofree char *group =
                g_strdup_printf("mydocker-test-%d.slice/session-7.scope", getpid());

        begin_journal();
        expect(0, NULL, "",
               "for root in $(awk '$3 == \"cgroup2\" || $4 ~ /name=systemd/ { print $2 }' /proc/mounts); do\n"
               "        mkdir -p $root/%s && echo $$ > $root/%s/cgroup.procs || exit\n"
               "done\n"
               "[ ! -e /proc/self/loginuid ] || echo 4242 > /proc/self/loginuid\n"
               "exec mydocker run --rm busybox true",
               group, group);
        check_record(RUN, "MYDOCKER_CALLER_UNIT", "session-7.scope", "MYDOCKER_CALLER_SESSION", "7",
                     "MYDOCKER_CALLER_LOGIN_UID", "4242", NULL);
        expect(0, NULL, "",
               "for root in $(awk '$3 == \"cgroup2\" || $4 ~ /name=systemd/ { print $2 }' /proc/mounts); do\n"
               "        rmdir $root/%s $root/%.*s || exit\n"
               "done",
               group, (int)strcspn(group, "/"), group);
        end_journal();
}

/* Where no journal listens it is a line of the log. */
static void test_no_journal(void) {
        g_autofree char *log = NULL;

        expect(0, "", "", "mkdir silence");
        restart_with("silence");
        expect(0, NULL, "", "mydocker run --rm --name logged busybox true");
        log = read_file("%s/daemon.log", sandbox_dir());
        check_text("log", log, "*" RUN " allowed (root) to uid 0, verb run, container logged, *");
        daemon_kill(SIGTERM);
        expect(0, "", "", "rmdir silence");
        daemon_start();
}

int main(int argc, char *argv[]) {
        int r;

        harness_init(&argc, &argv);
        nobody = bus_connect_as(NOBODY);
        harness_add("/audit/record", test_record);
        harness_add("/audit/injection", test_injection);
        harness_add("/audit/origin", test_origin);
        harness_add("/audit/no-journal", test_no_journal);
        r = harness_run();
        g_object_unref(nobody);
        return r;
}

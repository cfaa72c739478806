/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bus as a way to attack the daemon: messages that make no sense, callers that vanish, and users who take as much
 * as they get. */

#include "attack.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static pid_t before;

static void check_alive(const char *what) {
        g_autoptr(GVariant) version = bus_property(NULL, "Version");

        if (!version || daemon_pid() != before || kill(before, 0) < 0)
                test_fails("the daemon did not survive %s", what);
}

/* Sends a message of which GDBus knows nothing, with this many descriptors. Return: the error's name or NULL, to be freed. */
static char *send_odd(const char *path, const char *interface, const char *member, GVariant *body,
                      guint n_fds) {
        g_autoptr(GDBusMessage) message =
                g_dbus_message_new_method_call(MANAGER_NAME, path, interface, member);
        g_autoptr(GDBusMessage) reply = NULL;
        g_autoptr(GError) error = NULL;

        if (body)
                g_dbus_message_set_body(message, body);
        if (n_fds > 0) {
                g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();

                for (guint i = 0; i < n_fds; i++)
                        g_unix_fd_list_append(fds, STDERR_FILENO, NULL);
                g_dbus_message_set_unix_fd_list(message, fds);
        }
        reply = g_dbus_connection_send_message_with_reply_sync(
                nobody, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, 60000, NULL, NULL, &error);
        if (!reply) {
                test_fails("%s: no reply: %s", member, error->message);
                return NULL;
        }
        return g_strdup(g_dbus_message_get_error_name(reply));
}

static GVariant *run_body(const char *key, GVariant *value) {
        GVariantBuilder options;
        const char *command[] = {"true", NULL};

        g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
        g_variant_builder_add(&options, "{sv}", key, value);
        return g_variant_new("(s^asa{sv})", "busybox", command, &options);
}

static void check_run(const char *what, const char *key, GVariant *value, const char *expected) {
        g_autofree char *name =
                send_odd(MANAGER_PATH, MANAGER_NAME, "Run", run_body(key, value), 0);

        check_text(what, name, expected);
        check_alive(what);
}

/* The same prefix for all; with a number it is a variable each time. */
static GVariant *many_strings(guint n, const char *prefix) {
        g_auto(GStrv) strings = g_new0(char *, n + 1);

        for (guint i = 0; i < n; i++)
                strings[i] = *prefix ? g_strdup_printf("%s%u=1", prefix, i) : g_strdup("");
        return g_variant_new_strv((const char *const *)strings, n);
}

static GVariant *nested(guint depth) {
        GVariant *v = g_variant_new_byte(1);

        for (guint i = 0; i < depth; i++)
                v = g_variant_new_variant(v);
        return v;
}

static void test_odd_messages(void) {
        g_autofree char *large = g_strnfill(2 * 1024 * 1024, 'x'), *variable = NULL;
        static const char *const members[] = {"Run",    "Create",   "GetContainer",
                                              "Import", "GetImage", "ListContainers"};
        static const char *const paths[] = {
                "/org/mydocker/containers/x",
                "/org/mydocker/containers",
                "/org/mydocker/jobs/0",
                "/org/mydocker/images/____",
                "/org/mydocker/containers/x/processes/99999999999999999999999",
                "/"};
        static const char *const interfaces[] = {"org.mydocker.Container", "org.mydocker.Process",
                                                 "org.mydocker.Job", "org.mydocker.Image", NULL};

        check_run("a descriptor that did not come", "stdin", g_variant_new_handle(5), "*");
        check_run("volumes that did not come", "volume-fds",
                  g_variant_new_parsed("[(handle 7, '/data', ''), (handle -1, '/x', '')]"), "*");
        variable = g_strdup_printf("A=%.*s", 200000, large);
        check_run("a variant in 60 variants", "env", nested(50), ERROR_ARGS);
        check_run("a string of 2 MB", "hostname", g_variant_new_string(large), ERROR_ARGS);
        check_run("20,000 variables", "env", many_strings(20000, "A"), ERROR_ARGS);
        check_run("9,000 variables", "env", many_strings(9000, "A"), NULL);
        check_run("400,000 empty strings", "env", many_strings(400000, ""), ERROR_ARGS);
        check_run("10,000 volumes", "volumes",
                  g_variant_new_parsed("[('/etc', '/x', 'ro'), ('/etc', '/x', 'ro')]"), ERROR_ARGS);
        check_run("a large environment", "env",
                  g_variant_new_strv((const char *const[]){variable}, 1), "*");
        for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
                g_autofree char *none = send_odd(MANAGER_PATH, MANAGER_NAME, members[i], NULL, 0);
                g_autofree char *wrong =
                        send_odd(MANAGER_PATH, MANAGER_NAME, members[i],
                                 g_variant_new_parsed("(1, (2, [byte 3]), 'x')"), 0);
                g_autofree char *fds = send_odd(MANAGER_PATH, MANAGER_NAME, members[i],
                                                g_variant_new_parsed("(handle 0,)"), 15);

                CHECK(none && wrong && fds);
        }
        for (guint i = 0; i < G_N_ELEMENTS(paths); i++)
                for (guint k = 0; interfaces[k]; k++) {
                        g_autofree char *wait = send_odd(paths[i], interfaces[k], "Wait",
                                                         g_variant_new_parsed("(@a{sv} {},)"), 0);
                        g_autofree char *get =
                                send_odd(paths[i], "org.freedesktop.DBus.Properties", "Get",
                                         g_variant_new("(ss)", interfaces[k], "Name"), 0);
                        g_autofree char *all =
                                send_odd(paths[i], "org.freedesktop.DBus.Properties", "GetAll",
                                         g_variant_new("(s)", interfaces[k]), 0);

                        CHECK(wait && get && all);
                }
        check_alive("odd messages");
        expect(0, "", "", "mydocker ps -aq | xargs -r mydocker rm -f > /dev/null");
}

/* A connection of nobody's to the bus, past its greeting, without a library. */
static int connect_raw(void) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        /* Hello: a method call without arguments. */
        static const char hello[] = "l\1\0\1\0\0\0\0\1\0\0\0\x6d\0\0\0"
                                    "\1\1o\0\x15\0\0\0/org/freedesktop/DBus\0\0\0"
                                    "\2\1s\0\x14\0\0\0org.freedesktop.DBus\0\0\0\0"
                                    "\3\1s\0\5\0\0\0Hello\0\0\0"
                                    "\6\1s\0\x14\0\0\0org.freedesktop.DBus\0\0\0\0";
        char reply[512];
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        g_snprintf(address.sun_path, sizeof(address.sun_path), "%s/bus", sandbox_dir());
        /* The peer's user is the one at connect(2). */
        g_assert_cmpint(seteuid(NOBODY), ==, 0);
        g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
        g_assert_cmpint(seteuid(0), ==, 0);
        g_assert_cmpint(write(fd, "\0AUTH EXTERNAL 3635353334\r\n", 27), ==, 27);
        g_assert_cmpint(read(fd, reply, sizeof(reply)), >, 0);
        g_assert_true(g_str_has_prefix(reply, "OK"));
        g_assert_cmpint(write(fd, "NEGOTIATE_UNIX_FD\r\n", 19), ==, 19);
        g_assert_cmpint(read(fd, reply, sizeof(reply)), >, 0);
        g_assert_cmpint(write(fd, "BEGIN\r\n", 7), ==, 7);
        g_assert_cmpint(write(fd, hello, sizeof(hello) - 1), ==, sizeof(hello) - 1);
        g_assert_cmpint(read(fd, reply, sizeof(reply)), >, 0);
        return fd;
}

/* A whole message for the daemon as it goes over the wire. */
static guchar *make_blob(gsize *ret_size) {
        g_autoptr(GDBusMessage) message =
                g_dbus_message_new_method_call(MANAGER_NAME, MANAGER_PATH, MANAGER_NAME, "Run");
        guchar *blob;

        g_dbus_message_set_serial(message, 2);
        g_dbus_message_set_body(
                message,
                g_variant_new_parsed("('busybox', ['sleep', '1'], {'auto-remove': <true>})"));
        blob = g_dbus_message_to_blob(message, ret_size, G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING,
                                      NULL);
        g_assert_nonnull(blob);
        return blob;
}

static void test_wire(void) {
        gsize size;
        g_autofree guchar *blob = make_blob(&size);

        /* Half a message, then silence; and one with bytes turned over, which the bus itself may refuse. */
        for (gsize i = 1; i < size; i += 7) {
                g_autofree guchar *broken = g_memdup2(blob, size);
                int half = connect_raw(), odd = connect_raw();

                g_assert_cmpint(write(half, blob, i), ==, (gssize)i);
                broken[i] ^= 0xff;
                g_assert_cmpint(write(odd, broken, size), ==, (gssize)size);
                close(half);
                close(odd);
        }
        check_alive("broken messages");
        /* The caller is gone before the answer comes, at any moment of the work. */
        for (guint i = 0; i < 20; i++) {
                int fd = connect_raw();

                g_assert_cmpint(write(fd, blob, size), ==, (gssize)size);
                g_usleep(i * 700);
                close(fd);
        }
        check_alive("callers who vanish");
        bus_wait_property(NULL, "ContainersCount", "0");
        expect(0, "", "", "mydocker run --rm busybox true");
}

/* Answers to calls that were sent without waiting. */
static guint n_refused, n_answered;

static void on_answer(GObject *source, GAsyncResult *result, gpointer data) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GUnixFDList) fds = NULL;
        g_autoptr(GVariant) reply = g_dbus_connection_call_with_unix_fd_list_finish(
                G_DBUS_CONNECTION(source), &fds, result, &error);

        n_answered++;
        if (!reply) {
                g_autofree char *name = g_dbus_error_get_remote_error(error);

                n_refused += g_strcmp0(name, ERROR_LIMITS) == 0;
        } else if (data && fds)
                g_ptr_array_add(data, g_steal_pointer(&fds));
}

/* Calls a method of a container as nobody, `n` times at once, keeping the descriptors that come. */
static void flood(const char *path, const char *method, const char *arguments, guint n,
                  GPtrArray *fds) {
        n_refused = n_answered = 0;
        for (guint i = 0; i < n; i++)
                g_dbus_connection_call_with_unix_fd_list(
                        nobody, MANAGER_NAME, path, "org.mydocker.Container", method,
                        g_variant_new_parsed(arguments), NULL, G_DBUS_CALL_FLAGS_NONE, 60000, NULL,
                        NULL, on_answer, fds);
}

static void flood_until(guint n) {
        gint64 end = g_get_monotonic_time() + HARNESS_PATIENCE_USEC;

        while (n_answered < n && g_get_monotonic_time() < end)
                g_main_context_iteration(NULL, n_answered < n);
}

/* What one user holds, others can have too. */
static void test_slots(void) {
        static const struct {
                const char *method, *arguments;
                guint n, limit; /* calls, and how many may be granted */
        } cases[] = {
                {"OpenLogs", "({'follow': <true>},)", 90, 64},
                {"Attach", "(@a{sv} {},)", 60, 16},
                {"Exec", "(['sleep', '1000'], {'open-stdin': <true>})", 100, 64},
        };
        g_autoptr(GError) error = NULL;
        g_autofree char *path =
                attack_run_container(nobody, NULL, "{'tty': <true>}", "exec sleep 1000", &error);
        g_autofree char *other = NULL, *name = NULL;

        g_assert_no_error(error);
        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(GPtrArray) held = g_ptr_array_new_with_free_func(g_object_unref);

                flood(path, cases[i].method, cases[i].arguments, cases[i].n, held);
                flood_until(cases[i].n);
                if (n_answered < cases[i].n || held->len > cases[i].limit)
                        test_fails("%s: %u answers, %u granted", cases[i].method, n_answered,
                                   held->len);
                /* Meanwhile, somebody else. */
                g_clear_pointer(&other, g_free);
                other = attack_run_container(somebody, NULL, "{'tty': <true>}", "exec sleep 1000",
                                             &error);
                g_assert_no_error(error);
                {
                        g_autoptr(GVariant) reply = bus_try(somebody, NULL, NULL, &error, other,
                                                            cases[i].method, cases[i].arguments);

                        g_assert_no_error(error);
                }
                attack_remove(somebody, other);
        }

        /* Calls that wait. */
        flood(path, "Wait", "(@a{sv} {},)", 100, NULL);
        while (n_answered < 30 && n_answered < 100 - 64)
                g_main_context_iteration(NULL, TRUE);
        CHECK(n_refused == n_answered);
        expect(0, "", "", AS_SOMEBODY "mydocker run --rm busybox true");
        g_dbus_connection_call(nobody, MANAGER_NAME, path, "org.mydocker.Container", "Remove",
                               g_variant_new_parsed("({'force': <true>},)"), NULL,
                               G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
        flood_until(100);
        bus_wait_property(NULL, "ContainersCount", "0");
        check_alive("a flood");
}

/* A client that does not read holds up neither the container nor the daemon, nor anybody else. */
static void test_unread_streams(void) {
        g_autoptr(GUnixFDList) fds = NULL, streams = NULL;
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;
        g_autofree char *path = attack_run_container(
                nobody, NULL, "{'tty': <true>, 'log-max-size': <uint64 65536>}",
                "while :; do echo y; done", &error);

        g_assert_no_error(error);
        for (guint i = 0; i < 10; i++) {
                g_autoptr(GUnixFDList) attached = NULL;
                g_autoptr(GVariant) answer =
                        bus_try(nobody, NULL, &attached, &error, path, "Attach", "(@a{sv} {},)");

                g_assert_no_error(error);
                if (!streams)
                        streams = g_steal_pointer(&attached);
        }
        reply = bus_try(nobody, NULL, &fds, &error, path, "Exec",
                        "(['cat', '/dev/zero'], @a{sv} {})");
        g_assert_no_error(error);
        expect(0, "0\n", "", "timeout %d " AS_SOMEBODY "mydocker run --rm busybox id -u",
               HARNESS_PATIENCE);
        /* More than one may collect. */
        bus_refused(nobody, ERROR_LIMITS, NULL, path, "ExecCollect",
                    "(['cat', '/dev/zero'], @a{sv} {})");
        attack_remove(nobody, path);
        check_alive("unread streams");
}

/* A log as large as its writer pleases would fill the disk. */
static void test_endless_log(void) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = attack_run_container(nobody, NULL, "{'log-max-size': <uint64 0>}",
                                                     "yes | head -c 50331648", &error);
        g_autofree char *size = NULL;

        g_assert_no_error(error);
        CHECK(container_wait(path) == 0);
        shell(&size, NULL,
              "du -sbc \"$MYDOCKER_SANDBOX\"/state/containers/*/log* | tail -n 1 | cut -f1");
        CHECK(atoi(size) > 1024 * 1024 && atoi(size) < 40 * 1024 * 1024);
        attack_remove(nobody, path);
}

/* Pipes of others, which the user may read at most, offered as the place for what a container puts out. */
static void test_pipes_of_others(void) {
        static const int flags[] = {O_PATH, O_RDONLY | O_NONBLOCK};
        g_autofree char *text = NULL;
        int fifo;

        expect(0, "", "", "mkfifo -m 644 fifo");
        fifo = open("fifo", O_RDWR | O_NONBLOCK | O_CLOEXEC);
        g_assert_cmpint(fifo, >=, 0);
        for (guint i = 0; i < G_N_ELEMENTS(flags); i++) {
                g_autoptr(GUnixFDList) fds = attack_open("fifo", flags[i]);
                g_autoptr(GError) error = NULL;
                g_autofree char *path = attack_run_container(
                        nobody, fds, "{'attach-stdout': <handle 0>, 'attach-stderr': <handle 0>}",
                        "echo evil", &error);
                g_autofree char *name = error ? g_dbus_error_get_remote_error(error) : NULL;
                char byte;

                check_text("the error", name, ERROR_ARGS);
                CHECK(read(fifo, &byte, 1) < 0);
                if (path)
                        attack_remove(nobody, path);
        }
        close(fifo);
        expect(0, "", "", "rm fifo");
}

static bool may_exec(GDBusConnection *caller, const char *path) {
        g_autoptr(GVariant) reply =
                bus_try(caller, NULL, NULL, NULL, path, "ExecCollect", "(['true'], @a{sv} {})");

        return reply;
}

/* A rule names a container. Its name is whoever's who was first, so a rule says whose it must be. */
static void test_names_in_rules(void) {
        g_autoptr(GVariant) reply = NULL;
        g_autofree char *mine = NULL, *roots = NULL;

        attack_allow(
                "action.id == 'org.mydocker.container.exec' && action.lookup('container') == 'web' &&"
                " action.lookup('owner') == '0'",
                NULL);
        roots = container_run("{'name': <'web'>, 'labels': <{'team': 'x'}>}", "sleep 1000");
        WAIT_UNTIL(may_exec(somebody, roots));
        /* The name is taken; and when it is free again, it is another's. */
        mine = attack_run_container(nobody, NULL, "{'name': <'mine'>, 'labels': <{'team': 'x'}>}",
                                    "sleep 1000", NULL);
        bus_refused(nobody, ERROR_MYDOCKER("NameInUse"), NULL, mine, "Rename",
                    "('web', @a{sv} {})");
        container_remove(roots);
        reply = bus_try(nobody, NULL, NULL, NULL, mine, "Rename", "('web', @a{sv} {})");
        g_assert_nonnull(reply);
        CHECK(!may_exec(somebody, mine));
        attack_remove(nobody, mine);
        attack_forbid(NULL);
}

int main(int argc, char *argv[]) {
        attack_init(&argc, &argv);
        before = daemon_pid();
        harness_add("/attack-bus/odd-messages", test_odd_messages);
        harness_add("/attack-bus/wire", test_wire);
        harness_add("/attack-bus/slots", test_slots);
        harness_add("/attack-bus/unread-streams", test_unread_streams);
        harness_add("/attack-bus/pipes-of-others", test_pipes_of_others);
        harness_add("/attack-bus/endless-log", test_endless_log);
        harness_add("/attack-bus/names-in-rules", test_names_in_rules);
        return attack_run();
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Logs: what is in them, whole and in order, at full speed, through rotation, while the daemon dies; and all ways to
 * read them. */

#include "harness.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINES (HARNESS_SLOW ? 100000 : 1000000)

/* "2024-01-02T03:04:05.123456789Z" */
#define TIME "20[0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9][.][0-9]\\{9\\}Z"

static void test_format(void) {
        expect(0, NULL, "",
               "mydocker run -d --name log busybox sh -c 'echo out; echo err >&2; "
               "until [ -e /tmp/go ]; do sleep 0.05; done; echo; printf rest' && "
               "until [ $(mydocker logs log 2>&1 | wc -l) = 2 ]; do sleep 0.05; done; "
               "mydocker exec log touch /tmp/go; mydocker wait log");
        expect(0, "out\n\nrest", "err\n", "mydocker logs log");
        expect(0, "3\n1\n", "",
               "mydocker logs -t log 2> err | grep -c '^" TIME
               " '; mydocker logs -t log 2>&1 > /dev/null | grep -c '^" TIME " err$'; rm err");
        expect(0, "\nrest", "", "mydocker logs -n 2 log");
        expect(0, "", "", "mydocker logs --tail 0 log");
        expect(0, "out\n\nrest", "err\n", "mydocker logs --tail all log");
        expect(0, "out\n\nrest", "err\n", "mydocker logs --since 1h log");
        expect(0, "", "", "mydocker logs --until 1h log");
        expect(125, "", "*--tail*", "mydocker logs --tail many log");
        expect(0, NULL, "", "mydocker rm log");
        expect(1, "", "*No such container: log*", "mydocker logs log");
}

/* A line that is still being written is there already, once and whole. */
static void test_partial_line(void) {
        g_autofree char *path = container_run(
                "{'name': <'part'>}",
                "printf begin; until [ -e /tmp/go ]; do sleep 0.05; done; echo ' end'; sleep 1000");

        WAIT_UNTIL(shell(NULL, NULL, "test \"$(mydocker logs part)\" = begin") == 0);
        expect(0, "begin", "", "mydocker logs part");
        container_touch(path, "/tmp/go");
        WAIT_UNTIL(shell(NULL, NULL, "mydocker logs part | grep -q end") == 0);
        expect(0, "begin end\n", "", "mydocker logs part");
        expect(0, "begin end\n", "", "mydocker logs -n 1 part");
        expect(0, "1\n", "", "mydocker logs -t part | grep -c '^" TIME " begin end$'");
        container_remove(path);
}

static void test_since_until(void) {
        g_autofree char *path = container_run(
                "{'name': <'times'>}",
                "for i in one two three; do echo $i; until [ -e /tmp/$i ]; do sleep 0.05; done; done");
        g_autofree char *since = NULL;

        /* The time of a line is that at which it was read. */
        for (const char *const *line = (const char *const[]){"one", "two", "three", NULL}; *line;
             line++) {
                g_autofree char *file = g_strconcat("/tmp/", *line, NULL);

                container_wait_log(path, *line);
                container_touch(path, file);
        }
        container_wait(path);
        shell(&since, NULL, "mydocker logs -t times | sed -n '2s/ .*//p' | tr -d '\\n'");
        expect(0, "two\nthree\n", "", "mydocker logs --since %s times", since);
        expect(0, "one\ntwo\n", "", "mydocker logs --until %s times", since);
        expect(0, "two\n", "", "mydocker logs --since %s --until %s times", since, since);
        expect(0, "three\n", "", "mydocker logs --since %s -n 1 times", since);
        container_remove(path);
}

/* -f shows what is there and what comes, and ends with the container; or at --until. */
static void test_follow(void) {
        expect(0, "one\ntwo\nthree\n", "err\n",
               "mydocker run -d --name follow busybox sh -c 'echo one; until [ -e /tmp/go ]; do sleep 0.05; done; "
               "echo two; echo err >&2; sleep 0.3; echo three' > /dev/null; "
               "mydocker logs -f follow > out 2> err & pid=$!; until grep -qs one out; do sleep 0.05; done; "
               "mydocker exec follow touch /tmp/go; wait $pid; status=$?; cat out; cat err >&2; rm out err; exit $status");
        expect(0, "two\nthree\n", "err\n", "mydocker logs -f -n 3 follow");
        expect(0, NULL, "", "mydocker rm follow");

        expect(0, "", "",
               "mydocker run -d --name follow busybox sh -c 'while :; do date; sleep 0.05; done' > /dev/null; "
               "until mydocker logs follow | grep -q .; do sleep 0.05; done; "
               "timeout 120 mydocker logs -f --until \"$(date -u -d '+2 seconds' +%%Y-%%m-%%dT%%H:%%M:%%SZ)\" follow > out; "
               "test -s out; rm out");
        /* Who follows and goes away, or stands still, is nobody's trouble. */
        expect(0, "", NULL,
               "mydocker logs -f follow | head -n 1 > /dev/null; "
               "mydocker logs -f follow > out & pid=$!; until [ -s out ]; do sleep 0.05; done; kill -STOP $pid; "
               "mydocker rm -f follow > /dev/null; kill -CONT $pid; wait $pid; rm out");
}

/* Old text goes, new text stays, and a follower that is not two files behind misses nothing on the way. */
static void test_rotation(void) {
        expect(0, "", "",
               "mkdir steps; mydocker run -d --name turns -v $PWD/steps:/steps --log-opt max-size=200k busybox sh -c "
               "'i=0; while [ $i -lt 40000 ]; do [ $((i %% 1000)) != 0 ] || until [ -e /steps/$i ]; do sleep 0.02; done; "
               "echo line $i; i=$((i+1)); done' > /dev/null; "
               "mydocker logs -f turns > all & "
               "for i in $(seq 0 1000 39000); do touch steps/$i; "
               "until grep -qx \"line $((i+999))\" all; do sleep 0.02; done; done; wait; rm -r steps; "
               "i=0; while [ $i -lt 40000 ]; do echo line $i; i=$((i+1)); done | cmp - all");
        expect(0, "", "",
               "mydocker logs turns > kept; tail -n $(wc -l < kept) all | cmp - kept; test -s kept");
        expect(0, "", "",
               "for f in $MYDOCKER_SANDBOX/state/containers/*/log*; do test $(stat -c %%s $f) -le 204800 || stat $f; done");
        expect(0, NULL, "", "mydocker rm turns; rm all kept");
}

/* Puts what `mydocker logs` prints into the files out and err, and compares. */
static void check_numbered(const char *name) {
        expect(0, "", "",
               "mydocker logs %s > out 2> err; seq 1 %d | cmp - out; seq 1 %d | cmp - err; rm out err",
               name, LINES, LINES);
}

/* Two streams at full speed, and the daemon killed in the middle, again and again: every line is there once, in order. */
static void test_restarts(void) {
        g_autofree char *command = g_strdup_printf("seq 1 %d >&2 & seq 1 %d; wait", LINES, LINES);
        g_autofree char *path =
                container_run("{'name': <'fast'>, 'log-max-size': <uint64 1000000000>}", command);

        for (int i = 0; i < 3; i++) {
                daemon_kill(SIGKILL);
                daemon_start();
        }
        container_wait(path);
        check_numbered("fast");
        container_remove(path);
}

/* A reader with a cursor goes on where it was, through rotation and restarts of the daemon. */
static void test_cursor(void) {
        g_autofree char *path = container_run(
                "{'name': <'read'>, 'log-max-size': <uint64 300000>}",
                "i=0; while [ $i -lt 10000 ]; do echo $i; i=$((i+1)); [ $((i % 100)) != 0 ] || sleep 0.02; done; "
                "sleep 1000");
        g_autofree char *cursor = g_strdup("");
        int next = 0, rounds = 0;

        for (gint64 end = g_get_monotonic_time() + 2 * HARNESS_PATIENCE_USEC;
             next < 10000 && g_get_monotonic_time() < end; rounds++) {
                g_autoptr(GVariant) reply =
                        bus_call(path, "ReadLogs", "(%s, uint32 2000, @a{sv} {})", cursor);
                g_autoptr(GVariant) data = g_variant_get_child_value(reply, 0);
                g_autofree char *text =
                        g_strndup(g_variant_get_data(data) ?: "", g_variant_get_size(data));
                g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
                gboolean at_end;

                g_free(cursor);
                g_variant_get_child(reply, 1, "s", &cursor);
                g_variant_get_child(reply, 2, "b", &at_end);
                for (char **line = lines; *line && **line; line++) {
                        g_autofree char *expected = g_strdup_printf("* stdout F %d", next++);

                        check_text("line", *line, expected);
                }
                if (at_end)
                        g_usleep(10000);
                if (rounds == 20) {
                        daemon_kill(SIGKILL);
                        daemon_start();
                }
        }
        g_assert_cmpint(next, ==, 10000);
        bus_refused(bus, ERROR_ARGS, "*cursor*", path, "ReadLogs",
                    "('nonsense', uint32 0, @a{sv} {})");
        bus_refused(bus, ERROR_ARGS, "*max_bytes*", path, "ReadLogs", "('', uint32 3, @a{sv} {})");
        container_remove(path);
}

static void test_none(void) {
        expect(0, "shown\n", "", "mydocker run --name mute --log-driver none busybox echo shown");
        expect(1, "", "*keeps no log*", "mydocker logs mute");
        expect(0, "mute\n", "", "mydocker rm mute");
        expect(125, "", "*log-driver*", "mydocker run --log-driver syslog busybox true");
}

/* What listens in journald's place, where the supervisor looks. */
static int listen_as_journald(void) {
        struct sockaddr_un address = {.sun_family = AF_UNIX,
                                      .sun_path = "fake/systemd/journal/socket"};
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        g_assert_cmpint(fd, >=, 0);
        expect(0, "", "", "mkdir -p fake/systemd/journal");
        g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
        expect(0, "", "", "nsenter -t %d -m mount --bind $PWD/fake /run", supervisor_pid());
        return fd;
}

/* The value of a field of an entry, NULL if there is none. To be freed. */
static char *find_field(const char *entry, size_t size, const char *name) {
        g_autofree char *simple = g_strconcat("\n", name, "=", NULL);
        g_autofree char *binary = g_strconcat("\n", name, "\n", NULL);
        const char *p = memmem(entry, size, simple, strlen(simple));
        guint64 length;

        if (p) {
                p += strlen(simple);
                return g_strndup(p, strchr(p, '\n') - p);
        }
        p = memmem(entry, size, binary, strlen(binary));
        if (!p)
                return NULL;
        p += strlen(binary);
        memcpy(&length, p, sizeof(length));
        return g_strndup(p + sizeof(length), GUINT64_FROM_LE(length));
}

static void check_field(const char *entry, size_t size, const char *name, const char *expected) {
        g_autofree char *value = find_field(entry, size, name);

        g_assert_cmpstr(value, ==, expected);
}

/* Receives the next entry and compares its message. Its size is returned. */
static size_t next_entry(int fd, char entry[static 65536], const char *message) {
        struct pollfd pollfd = {.fd = fd, .events = POLLIN};
        ssize_t n;

        g_assert_cmpint(poll(&pollfd, 1, HARNESS_PATIENCE * 1000), ==, 1);
        entry[0] = '\n'; /* before the first field, too */
        n = recv(fd, entry + 1, 65534, 0);
        g_assert_cmpint(n, >, 0);
        entry[n + 1] = '\0';
        check_field(entry, n + 1, "MESSAGE", message);
        return n + 1;
}

static void test_journald(void) {
        static char entry[65536];
        g_autofree char *path = NULL, *short_id = NULL;
        size_t size;
        int fd = listen_as_journald();

        path = container_run(
                "{'name': <'noted'>, 'log-driver': <'journald'>}",
                "echo out; until [ -e /tmp/go ]; do sleep 0.05; done; echo err >&2; "
                "i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done; printf rest");
        size = next_entry(fd, entry, "out");
        short_id = g_strndup(strrchr(path, '/') + 1, 12);
        check_field(entry, size, "PRIORITY", "6");
        check_field(entry, size, "CONTAINER_ID", short_id);
        check_field(entry, size, "CONTAINER_ID_FULL", strrchr(path, '/') + 1);
        check_field(entry, size, "CONTAINER_NAME", "noted");
        check_field(entry, size, "CONTAINER_TAG", short_id);
        check_field(entry, size, "IMAGE_NAME", "busybox");
        check_field(entry, size, "CONTAINER_PARTIAL_MESSAGE", NULL);
        container_touch(path, "/tmp/go");
        size = next_entry(fd, entry, "err");
        check_field(entry, size, "PRIORITY", "3");
        /* More than the socket takes at once, in order. */
        for (int i = 0; i < 3000; i++) {
                g_autofree char *line = g_strdup_printf("%d", i);

                next_entry(fd, entry, line);
        }
        next_entry(fd, entry, "rest");
        g_assert_cmpint(container_wait(path), ==, 0);
        container_remove(path);

        expect(0, "shown\n", "",
               "mydocker run --name noted --log-driver journald --log-opt tag=web busybox echo shown");
        size = next_entry(fd, entry, "shown");
        check_field(entry, size, "CONTAINER_TAG", "web");
        check_field(entry, size, "SYSLOG_IDENTIFIER", "web");
        expect(0, NULL, "", "mydocker rm noted");
        expect(125, "", "*log-tag*",
               "mydocker run --log-driver journald --log-opt tag='a\nFORGED=1' busybox true");

        close(fd);
        expect(0, "", "", "nsenter -t %d -m umount /run; rm -r fake", supervisor_pid());
        /* Nobody listens on a machine without systemd: better said than lost. */
        if (access("/run/systemd/journal/socket", F_OK) < 0)
                expect(125, "", "*journald*", "mydocker run --log-driver journald busybox true");
}

/* With the real journald: what it has is shown as a log file is. */
static void test_read_journal(void) {
        g_autofree char *path = NULL;
        pid_t journald;

        expect(0, "", "",
               "mkdir -p fake/systemd/journald.conf.d;"
               " printf '[Journal]\\nStorage=volatile\\nReadKMsg=no\\nAudit=no\\n"
               "RateLimitIntervalSec=0\\n' > fake/systemd/journald.conf.d/test.conf");
        expect(0, "", "", "nsenter -t %d -m mount --bind $PWD/fake /run", supervisor_pid());
        journald = fork();
        if (journald == 0) {
                g_autofree char *pid = g_strdup_printf("%d", supervisor_pid());

                execlp("nsenter", "nsenter", "-t", pid, "-m", "/lib/systemd/systemd-journald",
                       NULL);
                _exit(127);
        }
        WAIT_UNTIL(access("fake/systemd/journal/socket", F_OK) == 0);

#define LOGS "nsenter -t %d -m mydocker logs "
        path = container_run(
                "{'name': <'noted'>, 'log-driver': <'journald'>}",
                "echo one; echo oops >&2; until [ -e /tmp/go ]; do sleep 0.05; done; echo two");
        WAIT_UNTIL(shell(NULL, NULL, LOGS "noted 2>&1 | grep -q oops", supervisor_pid()) == 0);
        container_touch(path, "/tmp/go");
        WAIT_UNTIL(shell(NULL, NULL, LOGS "noted | grep -q two", supervisor_pid()) == 0);
        g_assert_cmpint(container_wait(path), ==, 0);
        expect(0, "one\ntwo\n", "oops\n", LOGS "noted", supervisor_pid());
        expect(0, "two\n", "", LOGS "-n 1 noted", supervisor_pid());
        expect(0, "", "", LOGS "-n 0 noted", supervisor_pid());
        expect(0, "20*Z one\n20*Z two\n", "20*Z oops\n", LOGS "-t noted", supervisor_pid());
        expect(0, "one\ntwo\n", "oops\n", LOGS "--since 1h -f noted", supervisor_pid());
        expect(0, "", "", LOGS "--until 1h noted", supervisor_pid());
        expect(0, "two\n", "", LOGS "-n 1 --since 1h --until 0s noted", supervisor_pid());
        /* A line longer than an entry, and what comes while somebody follows. */
        expect(0, "20000\n", "",
               "mydocker run -d --name long --log-driver journald busybox"
               " sh -c 'head -c 20000 /dev/zero | tr \"\\\\0\" x; until [ -e /tmp/go ]; do sleep 0.05; done;"
               " echo; echo end; sleep 1000' > /dev/null;"
               " nsenter -t %d -m mydocker logs -f long > followed & pid=$!;"
               " until grep -qs x followed; do sleep 0.1; done; mydocker exec long touch /tmp/go;"
               " until grep -qx end followed; do sleep 0.1; done;"
               " mydocker rm -f long > /dev/null; wait $pid;"
               " head -n 1 followed | tr -d '\\n' | wc -c; rm followed",
               supervisor_pid());
        /* Anybody may write an entry that claims to be a container's. */
        expect(0, "one\ntwo\n", "oops\n",
               "printf 'MESSAGE=forged\\nCONTAINER_ID_FULL=%s\\n' |"
               " nsenter -t %d -m " AS_NOBODY "logger --journald; " LOGS "noted",
               strrchr(path, '/') + 1, supervisor_pid(), supervisor_pid());
        expect(1, "", "*keeps no log\n",
               "mydocker run --name quiet --log-driver none busybox true; mydocker logs quiet");
        expect(0, NULL, "", "mydocker rm noted quiet");

        kill(journald, SIGTERM);
        waitpid(journald, NULL, 0);
        expect(0, "", "", "nsenter -t %d -m umount /run; rm -r fake", supervisor_pid());
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        /* So that the daemon of before and that of after a test are of one kind: neither began the supervisor. */
        daemon_kill(SIGTERM);
        daemon_start();
        harness_add("/logs/format", test_format);
        harness_add("/logs/partial-line", test_partial_line);
        harness_add("/logs/since-until", test_since_until);
        harness_add("/logs/follow", test_follow);
        harness_add("/logs/rotation", test_rotation);
        harness_add("/logs/restarts", test_restarts);
        harness_add("/logs/cursor", test_cursor);
        harness_add("/logs/none", test_none);
        harness_add("/logs/journald", test_journald);
        harness_add("/logs/read-journal", test_read_journal);
        return harness_run();
}

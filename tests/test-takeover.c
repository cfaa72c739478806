/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Another supervisor takes over beside running containers: upgraded under load, where nobody notices, or after the
 * death of the one before, where containers go on. */

#include "session.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#define CONTAINERS 100
#define UPGRADES 15

/* Prints numbered lines without making processes, and ends with 4. */
#define COUNTING                                                                                   \
        "trap 'echo over; exit 4' TERM; mkfifo /f; exec 3<>/f; i=0; "                              \
        "while :; do echo line $i; i=$((i+1)); read -r -t 0.2 x <&3; done"

/* What the supervisor executes: a new copy in memory after each upgrade. */
static ino_t program_inode(pid_t supervisor) {
        g_autofree char *path = g_strdup_printf("/proc/%d/exe", supervisor);
        g_autofree char *target = g_file_read_link(path, NULL);
        struct stat st;

        if (!target || !g_str_has_prefix(target, "/memfd:") || stat(path, &st) < 0)
                return 0;
        return st.st_ino;
}

static void upgrade(pid_t supervisor) {
        ino_t before = program_inode(supervisor), now;

        g_assert_cmpint(kill(supervisor, SIGHUP), ==, 0);
        WAIT_UNTIL((now = program_inode(supervisor), now != 0 && now != before));
}

/* So that what is there before and after a test is of one kind: the supervisor was begun by no daemon that is still there, and was
 * upgraded once, since descriptors that were passed belong to mounts that nobody else sees any more. */
static void begin_anew(void) {
        daemon_kill(SIGTERM);
        daemon_start();
        upgrade(supervisor_pid());
}

/* Lines "line 0", "line 1", … and then `last`, none missing. Return: how many. */
static guint check_count(const char *log, const char *last) {
        g_auto(GStrv) lines = g_strsplit(log, "\n", -1);
        guint n = 0;

        for (char **line = lines; *line && **line; line++) {
                g_autofree char *expected = g_strdup_printf("line %u", n);

                if (strcmp(*line, expected) == 0)
                        n++;
                else if (!last || strcmp(*line, last) != 0 || line[1][0])
                        test_fails("\"%s\" instead of line %u", *line, n);
        }
        return n;
}

/* In the background: what comes out goes to files. */
static void start_streams(void) {
        expect(0, "", "", "head -c 40000000 /dev/urandom > sent");
        /* In both directions, as the main process and as another. */
        expect(0, "", "",
               "(mydocker run -i --name both busybox cat < sent > back; echo $? > back-status) "
               "> /dev/null 2>&1 &");
        expect(0, "", "",
               "(mydocker exec -i c0 sh -c 'cat; exit 3' < sent > again; echo $? > again-status) "
               "> /dev/null 2>&1 &");
        /* Into the log, in the end at full speed, with two more who look on. */
        expect(0, "", "",
               "(mydocker run --name fast busybox sh -c 'i=0; "
               "until [ -e /go ]; do echo line $i; i=$((i+1)); sleep 0.1; done; end=$((i+100000)); "
               "while [ $i -lt $end ]; do echo line $i; i=$((i+1)); done; exit 9' "
               "> shown; echo $? > shown-status) > /dev/null 2>&1 &");
        WAIT_UNTIL(shell(NULL, NULL, "mydocker exec fast true") == 0);
        expect(0, "", "",
               "for i in 1 2; do (mydocker attach --no-stdin fast > seen$i; echo $? > seen$i-status) "
               "> /dev/null 2>&1 & done");
        WAIT_UNTIL(shell(NULL, NULL, "[ -s seen1 ] && [ -s seen2 ]") == 0);
}

static bool streams_end(void) {
        return shell(NULL, NULL,
                     "[ -s back-status ] && [ -s again-status ] && [ -s shown-status ] && "
                     "[ -s seen1-status ] && [ -s seen2-status ]") == 0;
}

static void check_streams(void) {
        g_autofree char *shown = read_file("shown"), *seen = NULL;
        guint n;

        expect(0, "0\n3\n9\n9\n9\n", "",
               "cat back-status again-status shown-status seen1-status seen2-status");
        expect(0, "", "", "cmp sent back && cmp sent again");
        g_assert_nonnull(shown);
        n = check_count(shown, NULL);
        g_assert_cmpuint(n, >, 100000);
        for (int i = 1; i <= 2; i++) {
                g_free(seen);
                seen = read_file("seen%d", i);
                /* From where they came in. */
                CHECK(seen && g_str_has_suffix(shown, seen) && strlen(seen) > 0);
        }
        expect(0, "", "", "mydocker logs fast | cmp - shown; [ $(wc -l < shown) = %u ]", n);
        expect(0, "*", "", "mydocker rm both fast");
        expect(0, "", "", "rm sent back* again* shown* seen*");
}

static void test_upgrade(void) {
        g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
        Session *session, *second;
        pid_t supervisor = supervisor_pid();
        guint n = HARNESS_SLOW ? CONTAINERS / 4 : CONTAINERS;

        for (guint i = 0; i < n; i++) {
                g_autofree char *options = g_strdup_printf("{'name': <'c%u'>}", i);

                g_ptr_array_add(paths, container_run(options, COUNTING));
        }
        start_streams();
        session = session_new("mydocker run -it --rm --name screen busybox sh", 24, 80);
        session_expect(session, "# ");
        second = session_new("mydocker attach screen", 24, 80);
        expect(0, "", "", "mydocker exec fast touch /go");

        for (guint i = 0; i < UPGRADES || !streams_end(); i++) {
                g_autofree char *typed = g_strdup_printf("echo $((%u + 1000))\n", i);
                g_autofree char *answer = g_strdup_printf("%u\r\n", i + 1000);

                if (i > 1000) {
                        test_fails("the streams never end");
                        break;
                }
                upgrade(supervisor);
                session_type(i % 2 ? session : second, typed);
                session_expect(session, answer);
                session_expect(second, answer);
        }
        check_streams();
        session_type(session, "exit 5\n");
        g_assert_cmpint(session_end(session), ==, 5);
        g_assert_cmpint(session_end(second), ==, 5);
        for (guint i = 0; i < n; i++)
                container_wait_log(paths->pdata[i], "line 1\n");

        /* Half of them end beside an upgrade. */
        for (guint i = 0; i < n; i++) {
                guint32 pid = bus_property_uint(paths->pdata[i], "Pid");

                g_assert_cmpint(kill((pid_t)pid, SIGTERM), ==, 0);
                if (i == n / 2)
                        upgrade(supervisor);
        }
        for (guint i = 0; i < n; i++) {
                g_autofree char *log = NULL;

                g_assert_cmpint(container_wait(paths->pdata[i]), ==, 4);
                log = container_log(paths->pdata[i]);
                CHECK(g_str_has_suffix(log, "\nover\n"));
                check_count(log, "over");
                container_remove(paths->pdata[i]);
        }
}

static void test_death(void) {
        g_autofree char *running = container_run("{'name': <'running'>}", COUNTING);
        g_autofree char *paused = container_run("{'name': <'paused'>}", COUNTING);
        g_autofree char *healthy = container_run(
                "{'health-command': <['test', '-e', '/ok']>, 'health-interval': <uint64 200000>, "
                "'health-retries': <uint32 1>}",
                "touch /ok; sleep 1000");
        g_autofree char *policy =
                container_run("{'restart': <'on-failure:1'>}",
                              "[ -e /once ] && exit 0; touch /once; echo set; sleep 1000");
        g_autofree char *terminal = container_run(
                "{'tty': <true>}", "trap 'exit 8' HUP; echo set; while :; do sleep 0.1; done");
        g_autofree char *log = NULL;
        guint32 pid = bus_property_uint(policy, "Pid");

        container_wait_log(running, "line 3");
        container_wait_log(paused, "line 3");
        container_wait_log(policy, "set");
        container_wait_log(terminal, "set");
        g_variant_unref(bus_call(paused, "Pause", "(@a{sv} {},)"));
        bus_wait_property(healthy, "Health", "'healthy'");
        expect(0, "", "",
               "(mydocker exec running sleep 1000 > out 2>&1; echo $? > status) > /dev/null 2>&1 &");
        WAIT_UNTIL(shell(NULL, NULL, "mydocker top running | grep -q 'sleep 1000'") == 0);

        supervisor_kill();
        /* Who waited for an exec'ed process is told that nobody knows. */
        WAIT_UNTIL(shell(NULL, NULL, "[ -s status ]") == 0);
        expect(0, "125\n*nobody could see how*", "", "cat status out");
        WAIT_UNTIL(shell(NULL, NULL, "mydocker exec running true") == 0);
        bus_check_property(running, "State", "'running'");
        bus_check_property(paused, "State", "'paused'");
        g_variant_unref(bus_call(paused, "Resume", "(@a{sv} {},)"));
        expect(0, "inside\n", "", "mydocker exec paused echo inside");

        /* The policy sees the end, whatever the kernel tells of it. */
        g_assert_cmpint(kill((pid_t)pid, SIGKILL), ==, 0);
        bus_wait_property(policy, "RestartCount", "1");
        bus_wait_property(policy, "State", "'exited'");
        bus_check_property(policy, "ExitCode", "0");

        expect(0, "", "", "mydocker exec %s rm /ok", strrchr(healthy, '/') + 1);
        bus_wait_property(healthy, "Health", "'unhealthy'");

        container_wait_log(running, "line 20\n");
        g_variant_unref(bus_call(running, "Stop", "(@a{sv} {},)"));
        log = container_log(running);
        CHECK(g_str_has_suffix(log, "\nover\n"));
        check_count(log, "over");

        container_remove(running);
        container_remove(paused);
        container_remove(healthy);
        container_remove(policy);
        /* Nobody is at the other end any more. */
        bus_wait_property(terminal, "State", "'exited'");
        container_remove(terminal);
        expect(0, "", "", "rm out status");
        begin_anew();
}

/* The record of a container names a process that is another one's by now: it is left alone. */
static void check_stranger(const char *edit) {
        g_autofree char *path = container_run(NULL, "sleep 1000");
        g_autofree char *record =
                g_strdup_printf("%s/run/state/%s.json", sandbox_dir(), strrchr(path, '/') + 1);
        guint32 pid = bus_property_uint(path, "Pid");

        daemon_kill(SIGTERM);
        supervisor_kill();
        g_assert_cmpint(kill((pid_t)pid, SIGKILL), ==, 0);
        expect(0, "", "", "while [ -e /proc/%u/exe ]; do sleep 0.05; done", pid);
        expect(0, "*", "", "sleep 1000 > /dev/null 2>&1 & echo $! > stranger; %s %s", edit, record);
        daemon_start();
        bus_wait_property(path, "State", "'exited'");
        bus_check_property(path, "ExitCode", "-1");
        expect(0, "", "", "kill $(cat stranger); rm stranger");
        container_remove(path);
        begin_anew();
}

static void test_pid_reused(void) {
        check_stranger("sed -i -E \"s/\\\"pid\\\": ?[0-9]+/\\\"pid\\\":$(cat stranger)/\"");
}

/* Pid and start time fit, but of another boot. */
static void test_other_boot(void) {
        check_stranger("sed -i -E "
                       "-e \"s/\\\"pid\\\": ?[0-9]+/\\\"pid\\\":$(cat stranger)/\" "
                       "-e \"s/\\\"start-time\\\": ?[0-9]+/\\\"start-time\\\":"
                       "$(awk '{print $22}' /proc/$(cat stranger)/stat)/\" "
                       "-e 's/\"boot-id\": ?\"[^\"]*\"/\"boot-id\":"
                       "\"01234567-89ab-cdef-0123-456789abcdef\"/'");
}

/* The daemon watches a supervisor that it has started, and none that has died. */
static void test_watched(void) {
        for (int i = 0; i < 2; i++) {
                supervisor_kill();
                WAIT_UNTIL(shell(NULL, NULL, "mydocker run --rm busybox true") == 0);
                WAIT_UNTIL(shell(NULL, NULL, "[ $(ls -l /proc/%d/fd | grep -c pidfd) -eq 1 ]",
                                 daemon_pid()) == 0);
        }
        begin_anew();
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        begin_anew();
        harness_add("/takeover/upgrade", test_upgrade);
        harness_add("/takeover/death", test_death);
        harness_add("/takeover/pid-reused", test_pid_reused);
        harness_add("/takeover/other-boot", test_other_boot);
        harness_add("/takeover/watched", test_watched);
        return harness_run();
}

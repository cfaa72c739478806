/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon dies and comes again: containers, their logs, exit codes and names go on without it. */

#include "session.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static void restart(int how) {
        daemon_kill(how);
        daemon_start();
}

static void check_survival(int how) {
        g_autofree char *running = container_run(
                "{'name': <'running'>, 'labels': <{'a': 'b'}>, 'memory': <uint64 67108864>}",
                "trap 'exit 4' TERM; i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done");
        g_autofree char *exited = container_run("{'name': <'exited'>}", "echo done; exit 5");
        g_autofree char *created = container_create("{'name': <'created'>}", "exit 6");
        g_autofree char *paused = container_run("{'name': <'paused'>}", "sleep 1000");
        g_autofree char *started = NULL, *log = NULL, *later = NULL, *output = NULL;
        g_autoptr(GVariant) started_at = bus_property(running, "StartedAt");
        guint32 pid = bus_property_uint(running, "Pid");

        container_wait(exited);
        g_variant_unref(bus_call(paused, "Pause", "(@a{sv} {},)"));
        log = container_log(running);
        restart(how);

        bus_check_property(running, "State", "'running'");
        g_assert_cmpuint(bus_property_uint(running, "Pid"), ==, pid);
        bus_check_property(running, "Name", "'running'");
        bus_check_property(running, "Labels", "{'a': 'b'}");
        bus_check_property(running, "MemoryLimit", "67108864");
        started = g_variant_print(started_at, FALSE);
        bus_check_property(running, "StartedAt", started);
        bus_check_property(exited, "State", "'exited'");
        bus_check_property(exited, "ExitCode", "5");
        bus_check_property(created, "State", "'created'");
        bus_check_property(paused, "State", "'paused'");
        bus_check_property(NULL, "ContainersCount", "4");
        bus_check_property(NULL, "RunningCount", "2");

        /* It has gone on writing, and goes on. */
        WAIT_UNTIL(
                (g_free(later), later = container_log(running), strlen(later) > strlen(log) + 20));
        CHECK(g_str_has_prefix(later, log));
        output = container_exec(running, "echo inside");
        check_text("exec", output, "inside\n");

        bus_refused(bus, ERROR_MYDOCKER("NameInUse"), NULL, NULL, "Create",
                    "('busybox', ['true'], {'name': <'exited'>})");
        g_variant_unref(bus_call(running, "Stop", "(@a{sv} {},)"));
        bus_check_property(running, "ExitCode", "4");
        g_variant_unref(bus_call(created, "Start", "(@a{sv} {},)"));
        g_assert_cmpint(container_wait(created), ==, 6);
        g_variant_unref(bus_call(paused, "Resume", "(@a{sv} {},)"));
        bus_check_property(paused, "State", "'running'");
        container_remove(running);
        container_remove(exited);
        container_remove(created);
        container_remove(paused);
}

static void test_killed(void) {
        check_survival(SIGKILL);
}

static void test_terminated(void) {
        check_survival(SIGTERM);
}

/* What ended while nobody looked has its exit code. */
static void test_ended_meanwhile(void) {
        g_autofree char *path = container_run(
                "{'name': <'brief'>}",
                "trap 'echo last; exit 9' USR1; echo ready; while :; do sleep 0.05; done");
        g_autofree char *removed = container_run("{'auto-remove': <true>}", "sleep 1000");
        guint32 removed_pid = bus_property_uint(removed, "Pid");
        guint32 pid = bus_property_uint(path, "Pid");
        g_autofree char *log = NULL;
        g_autofree char *end_of_other =
                g_strdup_printf("%s/run/exits/%s.json", sandbox_dir(), strrchr(removed, '/') + 1);

        container_wait_log(path, "ready\n");
        daemon_kill(SIGKILL);
        g_assert_cmpint(kill(pid, SIGUSR1), ==, 0);
        g_assert_cmpint(kill(removed_pid, SIGKILL), ==, 0);
        expect(0, "", "", "while [ -e /proc/%u ]; do sleep 0.05; done", pid);
        WAIT_UNTIL(g_file_test(end_of_other, G_FILE_TEST_EXISTS));
        daemon_start();

        bus_wait_property(path, "State", "'exited'");
        bus_check_property(path, "ExitCode", "9");
        CHECK(!bus_property_matches(path, "FinishedAt", "0"));
        log = container_log(path);
        check_text("log", log, "ready\nlast\n");
        container_remove(path);
        WAIT_UNTIL(!bus_object_exists(removed));
}

static void test_killed_meanwhile(void) {
        g_autofree char *path = container_run(
                "{'memory': <uint64 33554432>, 'memory-swap': <uint64 33554432>}",
                "trap 'exec tail /dev/zero' USR1; echo ready; while :; do sleep 0.05; done");
        guint32 pid = bus_property_uint(path, "Pid");

        container_wait_log(path, "ready\n");
        daemon_kill(SIGKILL);
        g_assert_cmpint(kill(pid, SIGUSR1), ==, 0);
        expect(0, "", "", "while [ -e /proc/%u ]; do sleep 0.05; done", pid);
        daemon_start();
        bus_wait_property(path, "ExitCode", "137");
        bus_check_property(path, "OOMKilled", "true");
        container_remove(path);
}

/* Killed in the middle of things: at the next start everything is either done or undone. */
static void test_interrupted(void) {
        for (int i = 0; i < 5; i++) {
                g_autofree char *path = container_run(
                        NULL,
                        "dd if=/dev/zero of=/big bs=1M count=30 2>/dev/null; echo ready; sleep 1000");
                g_autofree char *log = NULL, *image = NULL;

                WAIT_UNTIL((g_free(log), log = container_log(path), strstr(log, "ready")));
                g_dbus_connection_call(bus, MANAGER_NAME, path, "org.mydocker.Container", "Commit",
                                       g_variant_new_parsed("('interrupted', @a{sv} {})"), NULL,
                                       G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
                g_assert_true(g_dbus_connection_flush_sync(bus, NULL, NULL));
                g_usleep(i * 10000);
                restart(SIGKILL);
                bus_wait_property(path, "State", "'running'");
                image = image_find("interrupted");
                if (image)
                        image_remove("interrupted");
                g_dbus_connection_call(bus, MANAGER_NAME, path, "org.mydocker.Container", "Remove",
                                       g_variant_new_parsed("({'force': <true>},)"), NULL,
                                       G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
                g_assert_true(g_dbus_connection_flush_sync(bus, NULL, NULL));
                g_usleep(i * 1000);
                restart(SIGKILL);
                if (bus_object_exists(path))
                        container_remove(path);
        }
}

/* Who waits for a job is told when nobody can tell it any more what becomes of it, even if the archive never ends. */
static void test_lost_job(void) {
        expect(0, "", "",
               "{ { { head -c 100000 busybox.tar; exec sleep 1000; } & echo $! > writer; wait; } |"
               " { mydocker import - lost 2> error; echo $? > status; }; } > /dev/null 2>&1 &");
        WAIT_UNTIL(shell(NULL, NULL, "ls -A %s/state/staging/*/0 | grep .", sandbox_dir()) == 0);
        restart(SIGKILL);
        WAIT_UNTIL(g_file_test("status", G_FILE_TEST_EXISTS));
        expect(0, "1\nError: mydockerd has ended; whether this was done is not known*\n", "",
               "cat status error");
        expect(1, NULL, "*No such*", "mydocker inspect lost");
        expect(0, "", "", "kill $(cat writer); rm -f writer status error");
}

/* The daemon was killed when a removed container's directory was in the trash already, and nothing else of it was
 * gone: the harness sees that nothing stays. */
static void test_half_removed(void) {
        g_autofree char *path = container_run(NULL, "sleep 1000");
        const char *id = strrchr(path, '/') + 1;
        guint32 pid = bus_property_uint(path, "Pid");

        daemon_kill(SIGKILL);
        g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
        expect(0, "", "", "while [ ! -e %s/run/exits/%s.json ]; do sleep 0.05; done", sandbox_dir(),
               id);
        expect(0, "", "", "mv %s/state/containers/%s %s/state/trash", sandbox_dir(), id,
               sandbox_dir());
        daemon_start();
        CHECK(!bus_object_exists(path));
}

/* The supervisor could not remove its record of a container that had ended, and the next one finds it. */
static void test_record_left(void) {
        g_autofree char *path =
                container_run(NULL, "while [ ! -e /go ]; do sleep 0.05; done; exit 7");
        const char *id = strrchr(path, '/') + 1;
        g_autoptr(GVariant) finished = NULL;
        g_autofree char *finished_at = NULL;

        expect(0, "", "", "cp %s/run/state/%s.json record", sandbox_dir(), id);
        container_touch(path, "/go");
        g_assert_cmpint(container_wait(path), ==, 7);
        finished = bus_property(path, "FinishedAt");
        finished_at = g_variant_print(finished, FALSE);
        daemon_kill(SIGKILL);
        expect(0, "", "", "mv record %s/run/state/%s.json", sandbox_dir(), id);
        supervisor_kill();
        daemon_start();
        bus_check_property(path, "ExitCode", "7");
        bus_check_property(path, "FinishedAt", finished_at);
        /* Nor later. */
        expect(0, "", "", "ls -A %s/run/state %s/run/exits | grep %s; :", sandbox_dir(),
               sandbox_dir(), id);
        container_remove(path);
        restart(SIGTERM);
}

/* In the background, until its output and exit status are there as files NAME.out and NAME.status. */
static void start_client(const char *name, const char *command) {
        expect(0, "", "", "(%s > %s.out 2>&1; echo $? > %s.status) > /dev/null 2>&1 &", command,
               name, name);
}

/* Has one wait for the end of a container, and sees its call on the bus. */
static void start_waiting(const char *path) {
        g_autofree char *command =
                g_strdup_printf("exec busctl monitor --match \"member='Wait',path='%s'\"", path);
        Session *monitor = session_new(command, 24, 80);

        session_expect(monitor, "Monitoring bus message stream");
        start_client("wait", "mydocker wait base");
        session_expect(monitor, "Wait");
        g_assert_cmpint(kill(monitor->pid, SIGTERM), ==, 0);
        session_end(monitor);
}

/* Commits again and again; one that was told to be done is there. */
#define COMMIT_ALL                                                                                 \
        "i=0; while [ ! -e stop ]; do i=$((i+1)); if mydocker commit base made:$i; then "          \
        "echo made:$i >> made; else sleep 0.1; fi; done"

/* The daemon is killed at any moment while clients are at work: those with a stream never notice, others are told. */
static void test_clients(void) {
        g_autofree char *base = container_run("{'name': <'base'>}", "sleep 1000");
        Session *session = session_new("mydocker run -it --rm --name screen busybox sh", 24, 80);

        session_expect(session, "# ");
        start_client("run", "mydocker run --name seen busybox sh -c 'i=0; while [ ! -e /end ]; do "
                            "echo line $i; i=$((i+1)); sleep 0.01; done; exit 3'");
        start_client("exec", "mydocker exec base sh -c 'i=0; while [ ! -e /end ]; do "
                             "echo line $i; i=$((i+1)); sleep 0.01; done; exit 4'");
        start_client("commit", COMMIT_ALL);
        WAIT_UNTIL(shell(NULL, NULL, "grep -q '^line 1$' run.out && grep -q '^line 1$' exec.out") ==
                   0);
        start_client("logs", "mydocker logs -f seen");
        WAIT_UNTIL(shell(NULL, NULL, "grep -q '^line 1$' logs.out") == 0);
        start_waiting(base);
        for (int i = 0; i < 12; i++) {
                g_usleep(g_random_int_range(0, 150000));
                daemon_kill(SIGKILL);
                session_type(session, "echo $((40 + 2))\n");
                session_expect(session, "42\r\n");
                daemon_start();
        }
        expect(0, "", "",
               "touch stop; mydocker exec base touch /end; mydocker exec seen touch /end; true");
        session_type(session, "exit 5\n");
        g_assert_cmpint(session_end(session), ==, 5);
        WAIT_UNTIL(shell(NULL, NULL,
                         "cat run.status exec.status commit.status wait.status logs.status") == 0);
        expect(0, "3\n4\n", "", "cat run.status exec.status");
        expect(0, "1\n*did not answer*", "", "cat wait.status wait.out");
        expect(0, "1\n", "", "cat logs.status");
        expect(0, "Error: the mydocker daemon *\n*", "", "grep -v '^line ' logs.out");
        /* Nothing of what they showed and of what was logged is missing. */
        expect(0, "", "",
               "for i in run exec; do seq -f 'line %%.0f' 0 $(($(wc -l < $i.out) - 1)) | "
               "cmp - $i.out; done; mydocker logs seen | cmp - run.out");
        expect(0, "", "", "while read -r name; do mydocker inspect $name > /dev/null; done < made");
        expect(0, "*", "",
               "mydocker rm -f base seen; "
               "mydocker images -q made | sort -u | xargs mydocker rmi -f; "
               "rm -f stop made *.out *.status");
}

/* A daemon that starts while the name is still taken, or twice, does no harm. */
static void test_second_daemon(void) {
        g_autofree char *path = container_run(NULL, "sleep 1000");
        g_autofree char *command = NULL;

        expect(0, NULL, NULL, "tr '\\0' ' ' < /proc/%d/cmdline > cmdline", daemon_pid());
        command = read_file("cmdline");
        expect(1, NULL, "?*", "timeout %d %s", HARNESS_PATIENCE, command);
        bus_check_property(path, "State", "'running'");
        container_remove(path);
        expect(0, "", "", "rm cmdline");
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        /* So that the daemon of before and that of after a test are of one kind: neither began the supervisor. */
        restart(SIGTERM);
        harness_add("/restart/killed", test_killed);
        harness_add("/restart/terminated", test_terminated);
        harness_add("/restart/ended-meanwhile", test_ended_meanwhile);
        harness_add("/restart/killed-meanwhile", test_killed_meanwhile);
        harness_add("/restart/interrupted", test_interrupted);
        harness_add("/restart/lost-job", test_lost_job);
        harness_add("/restart/half-removed", test_half_removed);
        harness_add("/restart/record-left", test_record_left);
        harness_add("/restart/clients", test_clients);
        harness_add("/restart/second-daemon", test_second_daemon);
        return harness_run();
}

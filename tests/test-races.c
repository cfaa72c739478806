/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A call is on its way to the supervisor when the container that it is about ends or is removed, or the supervisor
 * itself dies. The supervisor stands still meanwhile, so that it always happens in this order. */

#include "harness.h"

#include <signal.h>
#include <string.h>

typedef struct Answer {
        bool here;
        char *error; /* its name; NULL when the call succeeded */
} Answer;

static void on_answer(GObject *source, GAsyncResult *result, gpointer data) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply =
                g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
        Answer *answer = data;

        answer->error = error ? g_dbus_error_get_remote_error(error) : NULL;
        answer->here = true;
}

/* Has it asked; when this returns the daemon has the call. */
static void ask(Answer *answer, const char *path, const char *method, const char *arguments) {
        *answer = (Answer){};
        g_dbus_connection_call(bus, MANAGER_NAME, path, "org.mydocker.Container", method,
                               g_variant_new_parsed(arguments), NULL, G_DBUS_CALL_FLAGS_NONE,
                               HARNESS_PATIENCE * 1000, NULL, on_answer, answer);
        bus_check_property(path, "Id", "*");
}

static void check_answer(Answer *answer, const char *error) {
        WAIT_UNTIL((g_main_context_iteration(NULL, FALSE), answer->here));
        if (g_strcmp0(answer->error, error) != 0)
                test_fails("the answer is %s, expected %s", answer->error ?: "good",
                           error ?: "a good one");
        g_free(answer->error);
}

static pid_t hold_supervisor(void) {
        pid_t pid = supervisor_pid();

        g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);
        return pid;
}

static void kill_main(const char *path) {
        guint32 pid = bus_property_uint(path, "Pid");

        g_assert_cmpint(kill((pid_t)pid, SIGKILL), ==, 0);
        /* A process that ends has none. */
        expect(0, "", "", "while [ -e /proc/%u/exe ]; do sleep 0.01; done", pid);
}

/* It is not running, whatever the call stumbled over. */
static void test_ended(void) {
        static const struct {
                const char *method, *arguments;
        } calls[] = {
                {"ExecCollect", "(['true'], @a{sv} {})"},
                {"Exec", "(['true'], @a{sv} {})"},
                {"Mount", "(@a{sv} {},)"},
        };

        for (guint i = 0; i < G_N_ELEMENTS(calls); i++) {
                g_autofree char *path = container_run(NULL, "sleep 1000");
                pid_t supervisor = hold_supervisor();
                Answer answer;

                kill_main(path);
                ask(&answer, path, calls[i].method, calls[i].arguments);
                g_assert_cmpint(kill(supervisor, SIGCONT), ==, 0);
                check_answer(&answer, ERROR_MYDOCKER("ContainerNotRunning"));
                container_remove(path);
        }
}

/* What it leaves can be had like that of any that has ended; of one that goes with its end there is nothing. */
static void test_copied_at_end(void) {
        static const struct {
                const char *method, *arguments;
        } calls[] = {
                {"CopyOut", "('/etc', @a{sv} {})"},
                {"CopyIn", "('/etc', @a{sv} {})"},
                {"Export", "(@a{sv} {},)"},
        };

        for (guint i = 0; i < 2 * G_N_ELEMENTS(calls); i++) {
                bool goes = i >= G_N_ELEMENTS(calls);
                guint n = i % G_N_ELEMENTS(calls);
                g_autofree char *path =
                        container_run(goes ? "{'auto-remove': <true>}" : NULL, "sleep 1000");
                pid_t supervisor = hold_supervisor();
                Answer answer;

                kill_main(path);
                ask(&answer, path, calls[n].method, calls[n].arguments);
                g_assert_cmpint(kill(supervisor, SIGCONT), ==, 0);
                check_answer(&answer, goes ? ERROR_MYDOCKER("NoSuchContainer") : NULL);
                if (goes)
                        WAIT_UNTIL(!bus_object_exists(path));
                else
                        container_remove(path);
        }
}

/* The directory of a container's control group, where it can be frozen. Return: to be freed. */
static char *freezer_of(const char *path) {
        g_autoptr(GVariant) group = bus_property(path, "CgroupPath");
        static const char *const places[] = {"/sys/fs/cgroup/freezer", "/sys/fs/cgroup"};
        char *found = NULL;

        for (guint i = 0; i < G_N_ELEMENTS(places) && !found; i++) {
                found = g_strconcat(places[i], g_variant_get_string(group, NULL), NULL);
                if (!g_file_test(found, G_FILE_TEST_IS_DIR))
                        g_clear_pointer(&found, g_free);
        }
        g_assert_nonnull(found);
        return found;
}

/* A process that is killed on its way to its command has been killed like any other. It cannot get there, since its control
 * group is frozen, of which the supervisor knows nothing. */
static void test_killed_on_the_way(void) {
        static const char *const options[] = {"", "-t"};

        for (guint i = 0; i < G_N_ELEMENTS(options); i++) {
                g_autofree char *path = container_run("{'name': <'frozen'>}", "sleep 1000");
                g_autofree char *group = freezer_of(path);

                expect(0, "137\n", "",
                       "cd %s; state() { if [ -e freezer.state ]; then echo $1 > freezer.state; else echo $2 > cgroup.freeze; fi; };"
                       " main=$(cat cgroup.procs); state FROZEN 1;"
                       " { mydocker exec %s frozen true < /dev/null; echo $?; } &"
                       " until other=$(grep -vx \"$main\" cgroup.procs); do sleep 0.01; done;"
                       " kill -KILL $other; state THAWED 0; wait",
                       group, options[i]);
                bus_check_property(path, "State", "'running'");
                container_remove(path);
        }
}

/* New limits count from the next start on, as if it had ended earlier. */
static void test_updated(void) {
        g_autofree char *path = container_run(NULL, "sleep 1000");
        pid_t supervisor = hold_supervisor();
        Answer answer;

        kill_main(path);
        ask(&answer, path, "Update", "({'memory': <uint64 67108864>, 'restart': <'on-failure'>},)");
        g_assert_cmpint(kill(supervisor, SIGCONT), ==, 0);
        check_answer(&answer, NULL);
        bus_check_property(path, "MemoryLimit", "67108864");
        bus_check_property(path, "RestartPolicy", "'on-failure'");
        container_remove(path);
}

static void test_paused(void) {
        g_autofree char *path = container_run(NULL, "sleep 1000");
        pid_t supervisor = hold_supervisor();
        Answer paused, executed;

        ask(&paused, path, "Pause", "(@a{sv} {},)");
        ask(&executed, path, "ExecCollect", "(['true'], @a{sv} {})");
        g_assert_cmpint(kill(supervisor, SIGCONT), ==, 0);
        check_answer(&paused, NULL);
        check_answer(&executed, ERROR_MYDOCKER("ContainerPaused"));
        container_remove(path);
}

static void test_removed(void) {
        g_autofree char *path = container_create(NULL, "true");
        pid_t supervisor = hold_supervisor();
        Answer answer;

        ask(&answer, path, "Export", "(@a{sv} {},)");
        container_remove(path);
        g_assert_cmpint(kill(supervisor, SIGCONT), ==, 0);
        check_answer(&answer, ERROR_MYDOCKER("NoSuchContainer"));
}

static void test_not_removed(void) {
        g_autofree char *path = container_create(NULL, "true");
        Answer removed;

        g_variant_unref(bus_call(path, "Mount", "(@a{sv} {},)"));
        (void)hold_supervisor();
        ask(&removed, path, "Remove", "(@a{sv} {},)");
        supervisor_kill();
        check_answer(&removed, ERROR_MYDOCKER("RuntimeFailed"));
        bus_check_property(path, "State", "'created'");
        WAIT_UNTIL(shell(NULL, NULL, "mydocker rm %s", strrchr(path, '/') + 1) == 0);
        daemon_kill(SIGTERM);
        daemon_start();
}

/* What was executed in it has ended, too, and nothing waits for that. */
static void test_ended_unseen(void) {
        g_autofree char *path = container_run("{'auto-remove': <true>}", "sleep 1000");
        guint32 pid = bus_property_uint(path, "Pid");
        Answer executed;

        ask(&executed, path, "ExecCollect", "(['sleep', '1000'], @a{sv} {})");
        /* A process that nobody has waited for begins with the end of its start. */
        WAIT_UNTIL(shell(NULL, NULL, "[ $(pgrep -c -x sleep --ns %u --nslist pid) -ge 2 ]", pid) ==
                   0);
        (void)hold_supervisor();
        kill_main(path);
        supervisor_kill();
        check_answer(&executed, NULL);
        WAIT_UNTIL(!bus_object_exists(path));
        daemon_kill(SIGTERM);
        daemon_start();
}

/* Two who wait for its end; nothing that is removed is started. */
static void test_removed_first(void) {
        g_autofree char *path = container_run(NULL, "sleep 1000");
        pid_t supervisor = hold_supervisor();
        Answer removed, restarted;

        ask(&removed, path, "Remove", "({'force': <true>},)");
        ask(&restarted, path, "Restart", "({'timeout': <uint32 0>},)");
        g_assert_cmpint(kill(supervisor, SIGCONT), ==, 0);
        check_answer(&removed, NULL);
        check_answer(&restarted, ERROR_MYDOCKER("NoSuchContainer"));
}

/* The signal is lost with the supervisor, but not that it shall end. */
static void test_stopped(void) {
        g_autofree char *path = container_run(NULL, "trap '' TERM; sleep 1000");
        Answer stopped, killed;

        (void)hold_supervisor();
        ask(&stopped, path, "Stop", "({'timeout': <uint32 0>},)");
        ask(&killed, path, "Kill", "(9, @a{sv} {})");
        bus_check_property(path, "State", "'stopping'");
        supervisor_kill();
        check_answer(&stopped, NULL);
        check_answer(&killed, NULL);
        bus_check_property(path, "State", "'exited'");
        container_remove(path);
        daemon_kill(SIGTERM);
        daemon_start();
}

static void lift_limit(pid_t pid) {
        expect(0, "", "",
               "prlimit --pid %d --nofile=$(prlimit --pid %d --nofile --noheadings -o HARD):", pid,
               pid);
}

/* A supervisor that cannot do it now is asked again. */
static void test_killed_later(void) {
        g_autofree char *path = container_run(NULL, "sleep 1000");
        g_autoptr(GVariant) processes = NULL;
        pid_t supervisor = supervisor_pid();
        Answer killed;

        g_variant_unref(bus_call(path, "Pause", "(@a{sv} {},)"));
        /* Nothing can be opened. */
        expect(0, "", "", "prlimit --pid %d --nofile=3:", supervisor);
        ask(&killed, path, "Kill", "(9, @a{sv} {})");
        processes = bus_try(NULL, NULL, NULL, NULL, path, "GetProcesses", "(@a{sv} {},)");
        lift_limit(supervisor);
        check_answer(&killed, NULL);
        bus_check_property(path, "State", "'exited'");
        container_remove(path);
}

/* The daemon has just one descriptor more, and a copy of it is what goes to the caller. */
static void test_unanswered(void) {
        g_autofree char *path = container_run("{'tty': <true>}", "sleep 1000");
        pid_t daemon = daemon_pid();
        Answer attached;

        expect(0, "", "",
               "n=0; while [ -e /proc/%d/fd/$n ]; do n=$((n+1)); done;"
               " prlimit --pid %d --nofile=$((n+1)):",
               daemon, daemon);
        ask(&attached, path, "Attach", "(@a{sv} {},)");
        check_answer(&attached, ERROR_MYDOCKER("RuntimeFailed"));
        lift_limit(daemon);
        container_remove(path);
}

/* A call whose descriptors the daemon has no room for ends it, and nothing else: it only has to be started again. */
static void test_no_room(void) {
        g_autofree char *path = container_run(NULL, "sleep 1000");
        guint32 pid = bus_property_uint(path, "Pid");

        expect(0, "", "",
               "n=0; while [ -e /proc/%d/fd/$n ]; do n=$((n+1)); done; prlimit --pid %d --nofile=$n:",
               daemon_pid(), daemon_pid());
        expect(1, "", "*did not answer*", "mydocker import /dev/null nothing");
        expect(0, "*connection with the message bus has ended\n", "", "tail -n 1 %s/daemon.log",
               sandbox_dir());
        daemon_start();
        bus_check_property(path, "State", "'running'");
        g_assert_cmpuint(bus_property_uint(path, "Pid"), ==, pid);
        container_remove(path);
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        /* So that the daemon of before and that of after a test are of one kind: neither began the supervisor. */
        daemon_kill(SIGTERM);
        daemon_start();
        harness_add("/races/ended", test_ended);
        harness_add("/races/copied-at-end", test_copied_at_end);
        harness_add("/races/killed-on-the-way", test_killed_on_the_way);
        harness_add("/races/updated", test_updated);
        harness_add("/races/paused", test_paused);
        harness_add("/races/removed", test_removed);
        harness_add("/races/ended-unseen", test_ended_unseen);
        harness_add("/races/not-removed", test_not_removed);
        harness_add("/races/removed-first", test_removed_first);
        harness_add("/races/stopped", test_stopped);
        harness_add("/races/killed-later", test_killed_later);
        harness_add("/races/unanswered", test_unanswered);
        harness_add("/races/no-room", test_no_room);
        return harness_run();
}

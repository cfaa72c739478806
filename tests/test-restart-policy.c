/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Containers that are started again when they have ended, by their restart policy; and what can be waited for. */

#include "harness.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void do_call(const char *path, const char *method, const char *arguments) {
        g_variant_unref(bus_call(path, method, arguments));
}

#define NO_OPTIONS "(@a{sv} {},)"

/* The command in the foreground stays to the last end. */
static void test_foreground(void) {
        expect(4, "1\n2\n3\n", "",
               "mydocker run --name again --restart on-failure:2 busybox sh -c"
               " 'echo run >> /runs; wc -l < /runs; exit 4'");
        expect(0, "again\n", "", "mydocker rm again");
        expect(0, "", "",
               "mydocker run --name again --restart always busybox true & pid=$!;"
               " until [ \"$(mydocker inspect -f '{{.RestartCount}}' again 2> /dev/null)\" -ge 1 ]"
               " 2> /dev/null; do sleep 0.05; done; kill -0 $pid;"
               " mydocker stop again > /dev/null; wait $pid; mydocker rm again > /dev/null");
}

static void restart_daemon(void) {
        daemon_kill(SIGTERM);
        daemon_start();
}

/* Ends at once when it is started; with the state it leaves behind in its own file system. */
#define COUNTING "echo run >> /runs; wc -l < /runs; "

static void wait_for_count(const char *path, guint32 count) {
        WAIT_UNTIL(bus_property_uint(path, "RestartCount") >= count);
}

/* As long as a container that ends at once takes to be started three times again: 0.7 s. Whatever is not
 * started again by then is not going to be. */
static void let_policies_act(void) {
        g_autofree char *clock = container_run("{'restart': <'always'>}", "exit 0");

        wait_for_count(clock, 3);
        container_remove(clock);
}

static void test_words(void) {
        static const char *const policies[] = {"no", "on-failure", "on-failure:7", "always",
                                               "unless-stopped"};
        static const char *const bad[] = {
                "", "yes", "on-failure:", "on-failure:x", "on-failure:-1", "always:2"};

        for (guint i = 0; i < G_N_ELEMENTS(policies); i++) {
                g_autofree char *options = g_strdup_printf("{'restart': <'%s'>}", policies[i]);
                g_autofree char *shown = g_strdup_printf("'%s'", policies[i]);
                g_autofree char *path = container_create(options, "exit 0");

                bus_check_property(path, "RestartPolicy", shown);
                bus_check_property(path, "RestartCount", "0");
                container_remove(path);
        }
        for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
                bus_refused(bus, ERROR_ARGS, "Option restart*", NULL, "Create",
                            "('busybox', ['true'], {'restart': <%s>})", bad[i]);
        bus_refused(bus, ERROR_ARGS, "Option restart*auto-remove", NULL, "Run",
                    "('busybox', ['true'], {'restart': <'always'>, 'auto-remove': <true>})");
        expect(125, "", "Conflicting options: --restart and --rm*",
               "mydocker run --rm --restart always busybox true");
        expect(125, "", "*restart*", "mydocker create --restart sometimes busybox true");
}

static void test_on_failure(void) {
        g_autofree char *limited =
                container_run("{'restart': <'on-failure:2'>}", COUNTING "exit 3");
        g_autofree char *mending = container_run("{'restart': <'on-failure'>}",
                                                 COUNTING "[ $(wc -l < /runs) -ge 3 ] || exit 1");
        g_autofree char *log = NULL, *other = NULL;

        bus_wait_property(limited, "RestartCount", "2");
        bus_wait_property(limited, "State", "'exited'");
        bus_check_property(limited, "ExitCode", "3");
        log = container_log(limited);
        check_text("log", log, "1\n2\n3\n");

        /* It is not started again once it has succeeded. */
        bus_wait_property(mending, "ExitCode", "0");
        bus_check_property(mending, "State", "'exited'");
        bus_check_property(mending, "RestartCount", "2");
        let_policies_act();
        other = container_log(mending);
        check_text("log", other, "1\n2\n3\n");
        bus_check_property(limited, "RestartCount", "2");
        expect(0, "2 on-failure 2\n", "",
               "mydocker inspect --format '{{.RestartCount}} {{.HostConfig.RestartPolicy.Name}} "
               "{{.HostConfig.RestartPolicy.MaximumRetryCount}}' %s",
               strrchr(limited, '/') + 1);
        container_remove(limited);
        container_remove(mending);
}

static void test_always(void) {
        g_autoptr(Recorder) recorder = recorder_new(bus);
        gint64 began = g_get_monotonic_time();
        g_autofree char *path =
                container_run("{'restart': <'always'>, 'name': <'again'>}", COUNTING "exit 0");
        g_autofree char *log = NULL, *from_zero = NULL;
        guint stopped;

        wait_for_count(path, 3);
        /* Now it waits for 400 ms, and has waited for 100 and 200. */
        CHECK(g_get_monotonic_time() - began >= 300000);
        do_call(path, "Stop", NO_OPTIONS);
        bus_check_property(path, "State", "'exited'");
        log = container_log(path);
        let_policies_act();
        bus_check_property(path, "State", "'exited'");

        /* Somebody's start counts from the beginning. */
        stopped = recorder_length(recorder);
        do_call(path, "Start", NO_OPTIONS);
        from_zero = g_strdup_printf("PropertiesChanged %s RestartCount=0", path);
        CHECK(recorder_wait(recorder, stopped, from_zero) >= 0);
        wait_for_count(path, 2);
        container_remove(path);
        CHECK(!bus_object_exists(path));
}

static char *look_at_properties(const char *path) {
        g_autoptr(GVariant) pid = bus_property(path, "Pid"), code = bus_property(path, "ExitCode");
        g_autofree char *pid_text = g_variant_print(pid, FALSE);
        g_autofree char *code_text = g_variant_print(code, FALSE);

        return g_strdup_printf("%s %s", pid_text, code_text);
}

static char *output_of(const char *command) {
        char *out;

        shell(&out, NULL, "%s 2>&1", command);
        return out;
}

static char *list(const char *path) {
        return output_of("mydocker ps --filter name=fails --format '{{.Status}}'");
}

static char *inspect(const char *path) {
        return output_of("mydocker inspect --format '{{.State.Status}} {{.State.Restarting}} "
                         "{{.State.Running}}' fails");
}

static char *try_rm(const char *path) {
        return output_of("mydocker rm fails");
}

static char *error_of(const char *path, const char *method, const char *arguments) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = bus_try(bus, NULL, NULL, &error, path, method, arguments);

        return g_strdup(reply ? "done" : error->message);
}

static char *try_remove(const char *path) {
        return error_of(path, "Remove", NO_OPTIONS);
}

static char *try_exec(const char *path) {
        return error_of(path, "Exec", "(['true'], @a{sv} {})");
}

/* Compares what is seen while it waits to be started again: if it was started meanwhile, it is looked at once more. It waits longer
 * each time. */
static void check_while_waiting(const char *path, char *(*look)(const char *path),
                                const char *expected) {
        g_autofree char *seen = NULL;
        guint32 count;

        do {
                bus_wait_property(path, "State", "'restarting'");
                count = bus_property_uint(path, "RestartCount");
                g_free(seen);
                seen = look(path);
        } while (!bus_property_matches(path, "State", "'restarting'") ||
                 bus_property_uint(path, "RestartCount") != count);
        check_text("what is seen of a waiting container", seen, expected);
}

static void test_waiting(void) {
        g_autofree char *path =
                container_run("{'restart': <'always'>, 'name': <'fails'>}", "exit 7");
        g_autofree char *other = NULL;

        wait_for_count(path, 3);
        check_while_waiting(path, look_at_properties, "0 7");
        check_while_waiting(path, list, "Restarting (7) * ago\n");
        check_while_waiting(path, inspect, "restarting true true\n");
        check_while_waiting(path, try_remove,
                            "*org.mydocker.Error.ContainerRunning: *is restarting");
        check_while_waiting(
                path, try_rm,
                "Error: container fails is restarting: stop the container before removing it or force "
                "remove\n");
        check_while_waiting(path, try_exec, "*org.mydocker.Error.ContainerNotRunning: *");
        expect(0, "fails\n", "", "mydocker stop fails");
        bus_check_property(path, "State", "'exited'");
        bus_check_property(path, "ExitCode", "7");
        let_policies_act();
        bus_check_property(path, "State", "'exited'");
        do_call(path, "Remove", NO_OPTIONS);

        other = container_run("{'restart': <'always'>}", "exit 7");
        wait_for_count(other, 3);
        bus_wait_property(other, "State", "'restarting'");
        container_remove(other); /* by force */
        CHECK(!bus_object_exists(other));
}

static void test_stopped_by_hand(void) {
        static const char *const arguments[] = {"-s KILL", "-s TERM"};
        g_autofree char *hurt = NULL;

        for (guint i = 0; i < G_N_ELEMENTS(arguments); i++) {
                g_autofree char *path = container_run(
                        "{'restart': <'always'>, 'name': <'again'>}",
                        "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done");

                container_wait_log(path, "ready");
                expect(0, "again\n", "", "mydocker kill %s again", arguments[i]);
                bus_wait_property(path, "State", "'exited'");
                let_policies_act();
                bus_check_property(path, "State", "'exited'");
                bus_check_property(path, "RestartCount", "0");
                container_remove(path);
        }
        /* What somebody else kills is started again. */
        hurt = container_run("{'restart': <'on-failure'>}", "sleep 1000");
        kill((pid_t)bus_property_uint(hurt, "Pid"), SIGKILL);
        wait_for_count(hurt, 1);
        bus_wait_property(hurt, "State", "'running'");
        container_remove(hurt);
}

/* At no time is neither there: it would be made. */
static void swap(const char *one, const char *other) {
        g_assert_cmpint(renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE), ==, 0);
}

static void test_cannot_start(void) {
        g_autoptr(GVariant) reply = NULL;
        g_autofree char *path = NULL;

        expect(0, "", "", "mkdir source; echo file > other");
        expect(0, "*", "",
               "mydocker run -d --name moved --restart on-failure -v $PWD/source:/target busybox "
               "sh -c 'sleep 1000'");
        swap("source", "other");
        reply = bus_call(NULL, "GetContainer", "('moved',)");
        g_variant_get(reply, "(o)", &path);
        /* A file cannot be mounted on a directory. */
        kill((pid_t)bus_property_uint(path, "Pid"), SIGKILL);
        wait_for_count(path, 3);
        bus_check_property(path, "Error", "'*target*'");
        swap("source", "other");
        bus_wait_property(path, "State", "'running'");
        bus_check_property(path, "Error", "''");
        container_remove(path);
        expect(0, "", "", "rmdir source; rm other");
}

static void test_update(void) {
        g_autofree char *path = container_run("{'name': <'changing'>}", "sleep 1000");
        g_autofree char *brief = container_run("{'auto-remove': <true>}", "sleep 1000");

        expect(0, "changing\n", "", "mydocker update --restart on-failure:3 changing");
        bus_check_property(path, "RestartPolicy", "'on-failure:3'");
        kill((pid_t)bus_property_uint(path, "Pid"), SIGKILL);
        wait_for_count(path, 1);
        bus_wait_property(path, "State", "'running'");
        bus_refused(bus, ERROR_ARGS, "Option restart*", path, "Update",
                    "({'restart': <'often'>},)");
        bus_refused(bus, ERROR_ARGS, "Option restart*auto-remove", brief, "Update",
                    "({'restart': <'always'>},)");
        bus_check_property(path, "RestartPolicy", "'on-failure:3'");
        container_remove(path);
        container_remove(brief);

        /* Taken back while it waits. */
        path = (g_free(path), container_run("{'restart': <'always'>}", "exit 1"));
        wait_for_count(path, 3);
        bus_wait_property(path, "State", "'restarting'");
        do_call(path, "Update", "({'restart': <'no'>},)");
        bus_wait_property(path, "State", "'exited'");
        container_remove(path);
}

/* The daemon is away for a while. */
static void test_daemon(void) {
        g_autofree char *ending = container_run("{'restart': <'on-failure'>}", "sleep 1000");
        g_autofree char *done = container_run("{'restart': <'on-failure'>}",
                                              "until [ -e /go ]; do sleep 0.05; done");
        g_autofree char *kept = container_run("{'restart': <'unless-stopped'>}", "sleep 1000");
        g_autofree char *stopped = container_run("{'restart': <'unless-stopped'>}", "sleep 1000");
        g_autofree char *always = container_run("{'restart': <'always'>}", "sleep 1000");
        g_autofree char *created = container_create("{'restart': <'always'>}", "sleep 1000");
        g_autofree char *plain = container_run(NULL, "exit 1");
        g_autofree char *waiting = container_run("{'restart': <'on-failure'>}", "exit 1");
        pid_t pids[] = {(pid_t)bus_property_uint(ending, "Pid"),
                        (pid_t)bus_property_uint(kept, "Pid")};

        container_wait(plain);
        do_call(stopped, "Stop", "({'timeout': <uint32 0>},)");
        do_call(always, "Stop", "({'timeout': <uint32 0>},)");
        container_touch(done, "/go");
        bus_wait_property(done, "State", "'exited'");
        wait_for_count(waiting, 4);
        bus_wait_property(waiting, "State", "'restarting'");
        daemon_kill(SIGKILL);
        for (guint i = 0; i < G_N_ELEMENTS(pids); i++)
                kill(pids[i], SIGKILL);
        for (guint i = 0; i < G_N_ELEMENTS(pids); i++)
                WAIT_UNTIL(kill(pids[i], 0) < 0);
        daemon_start();

        wait_for_count(ending, 1);
        bus_wait_property(ending, "State", "'running'");
        bus_check_property(ending, "RestartCount", "1");
        bus_wait_property(kept, "State", "'running'");
        bus_wait_property(always, "State", "'running'");
        wait_for_count(waiting, 5);
        let_policies_act();
        bus_check_property(stopped, "State", "'exited'");
        bus_check_property(created, "State", "'created'");
        bus_check_property(plain, "State", "'exited'");
        bus_check_property(done, "State", "'exited'");
        for (guint i = 0; i < 8; i++)
                container_remove((char *[]){ending, done, kept, stopped, always, created, plain,
                                            waiting}[i]);
}

/* As after a boot: no process and nothing in the runtime directory is left. */
static void test_boot(void) {
        g_autofree char *always = container_run("{'restart': <'always'>}", "sleep 1000");
        g_autofree char *plain = container_run(NULL, "sleep 1000");
        pid_t pids[] = {(pid_t)bus_property_uint(always, "Pid"),
                        (pid_t)bus_property_uint(plain, "Pid")};

        daemon_kill(SIGKILL);
        supervisor_kill();
        for (guint i = 0; i < G_N_ELEMENTS(pids); i++)
                kill(pids[i], SIGKILL);
        for (guint i = 0; i < G_N_ELEMENTS(pids); i++)
                WAIT_UNTIL(kill(pids[i], 0) < 0);
        expect(0, "", "", "rm -r '%s'/run/*", sandbox_dir());
        daemon_start();

        bus_check_property(plain, "State", "'exited'");
        bus_check_property(plain, "ExitCode", "-1");
        bus_wait_property(always, "State", "'running'");
        container_remove(always);
        container_remove(plain);
        restart_daemon(); /* its supervisor is nobody's child, as before */
}

static void test_conditions(void) {
        g_autofree char *path = container_create("{'name': <'awaited'>}", "exit 4");
        g_autofree char *out = NULL;

        do_call(path, "Start", NO_OPTIONS);
        g_assert_cmpint(container_wait(path), ==, 4);
        expect(0, "4\n4\n", "", "mydocker wait awaited --condition=not-running awaited");
        /* Both wait for what is still to come. */
        expect(0, "4\n4\n", "",
               "mydocker wait --condition next-exit awaited > next & "
               "mydocker wait --condition removed awaited > removed & "
               "until [ -s next ]; do mydocker start awaited > /dev/null; sleep 0.1; done; "
               "[ ! -s removed ] || echo too early; "
               "mydocker rm -f awaited > /dev/null; wait; cat next removed; rm next removed");
        expect(0, "*", "", "mydocker create --name awaited busybox true");
        expect(1, "", "*condition*", "mydocker wait --condition sometime awaited");
        expect(0, "*", "", "mydocker rm awaited");
}

int main(int argc, char **argv) {
        harness_init(&argc, &argv);
        /* The first daemon has also started the supervisor, later ones have not. */
        restart_daemon();
        harness_add("/restart-policy/foreground", test_foreground);
        harness_add("/restart-policy/words", test_words);
        harness_add("/restart-policy/on-failure", test_on_failure);
        harness_add("/restart-policy/always", test_always);
        harness_add("/restart-policy/waiting", test_waiting);
        harness_add("/restart-policy/stopped-by-hand", test_stopped_by_hand);
        harness_add("/restart-policy/cannot-start", test_cannot_start);
        harness_add("/restart-policy/update", test_update);
        harness_add("/restart-policy/daemon", test_daemon);
        harness_add("/restart-policy/boot", test_boot);
        harness_add("/restart-policy/conditions", test_conditions);
        return harness_run();
}

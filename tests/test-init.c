/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A container's own init, and the resource limits of its processes. */

#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WITH_INIT "{'init': <true>}"

/* How many processes in the container have ended and wait for a parent that never asks. */
static int count_zombies(const char *path) {
        g_autofree char *text = container_exec(
                path, "cat /proc/[0-9]*/status 2>/dev/null | grep -c '^State:.Z' || :");

        return atoi(text);
}

static void test_status(void) {
        static const struct {
                const char *command;
                int status;
        } cases[] = {
                {"exit 0", 0},          {"exit 7", 7},          {"exit 255", 255},
                {"kill -TERM $$", 143}, {"kill -KILL $$", 137},
        };
        g_autofree char *output = NULL;

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                int status;
                g_autofree char *text = container_output(WITH_INIT, cases[i].command, &status);

                if (status != cases[i].status)
                        test_fails("“%s” gives %d, expected %d", cases[i].command, status,
                                   cases[i].status);
        }
        output = container_output(WITH_INIT,
                                  "cat /proc/1/comm; tr '\\0' ' ' < /proc/1/cmdline; echo; "
                                  "[ $$ != 1 ] && grep SigBlk /proc/self/status",
                                  NULL);
        check_text("first process", output,
                   "mydocker-init\nmydocker-init *\nSigBlk:\t0000000000000000\n");
        expect(0, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", "",
               "mydocker run --rm --init busybox grep -E 'SigBlk|SigIgn' /proc/self/status");
        expect(0, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", "",
               "mydocker run --rm busybox grep -E 'SigBlk|SigIgn' /proc/self/status");
        bus_refused(bus, ERROR_MYDOCKER("CommandNotFound"), NULL, NULL, "Run",
                    "('busybox', ['no-such-command'], {'init': <true>})");
        bus_refused(bus, ERROR_MYDOCKER("NotExecutable"), NULL, NULL, "Run",
                    "('busybox', ['/etc'], {'init': <true>})");
        expect(3, "2\n", "", "mydocker run --rm --init busybox sh -c 'echo $$; exit 3'");
        expect(0, "1000 1000\n", "",
               "mydocker run --rm --init -u 1000:1000 busybox sh -c "
               "'echo $(id -u) $(stat -c %%u /proc/1)'");
}

static void test_reaping(void) {
        /* What sleeps for a moment is left to the first process, which then is another sleep that never looks. */
        static const char command[] = "(sleep 0.1 & echo left) > /dev/null; exec sleep 1000";
        g_autofree char *with = container_run(WITH_INIT, command);
        g_autofree char *without = container_run(NULL, command);

        WAIT_UNTIL(count_zombies(without) == 1);
        WAIT_UNTIL(count_zombies(with) == 0);
        container_remove(with);
        container_remove(without);
}

static void test_signals(void) {
        g_autofree char *path = container_run(
                WITH_INIT, "trap 'echo usr1' USR1; trap 'exit 9' TERM; trap 'echo hup' HUP; "
                           "echo ready; while :; do sleep 0.05; done");
        g_autofree char *log = NULL;

        WAIT_UNTIL((g_free(log), log = container_log(path), strstr(log, "ready")));
        g_variant_unref(bus_call(path, "Kill", "(10, @a{sv} {})"));
        WAIT_UNTIL((g_free(log), log = container_log(path), strstr(log, "usr1")));
        g_variant_unref(bus_call(path, "Kill", "(1, @a{sv} {})"));
        WAIT_UNTIL((g_free(log), log = container_log(path), strstr(log, "hup")));
        check_text("log", log, "ready\nusr1\nhup\n");
        g_variant_unref(bus_call(path, "Stop", "(@a{sv} {},)"));
        bus_check_property(path, "ExitCode", "9");
        container_remove(path);
}

/* Ctrl-C reaches the command, and once. */
static void test_terminal(void) {
        g_autofree char *path =
                container_create("{'init': <true>, 'tty': <true>}",
                                 "trap 'echo int' INT; trap 'echo usr1' USR1; echo ready; "
                                 "while :; do sleep 0.05; done");
        g_autoptr(GUnixFDList) fds = NULL;
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;
        g_autofree char *log = NULL, *said = NULL;
        g_auto(GStrv) parts = NULL;
        int fd;

        reply = bus_try(bus, NULL, &fds, &error, path, "Attach", "(@a{sv} {},)");
        g_assert_no_error(error);
        fd = g_unix_fd_list_get(fds, 0, &error);
        g_assert_no_error(error);
        g_variant_unref(bus_call(path, "Start", "(@a{sv} {},)"));
        WAIT_UNTIL((g_free(log), log = container_log(path), strstr(log, "ready")));
        g_assert_cmpint(write(fd, "\x03", 1), ==, 1);
        WAIT_UNTIL((g_free(log), log = container_log(path), strstr(log, "int")));
        g_variant_unref(bus_call(path, "Kill", "(10, @a{sv} {})"));
        WAIT_UNTIL((g_free(log), log = container_log(path), strstr(log, "usr1")));
        /* The kernel sends the signal and then shows the key: the command may be quicker. */
        parts = g_strsplit(log, "^C", -1);
        said = g_strjoinv("", parts);
        check_text("log", said, "ready\r\nint\r\nusr1\r\n");
        close(fd);
        container_remove(path);
}

/* The program of the first process is the same file for all containers: it must be out of reach, and not be one of the
 * host's. */
static void test_attack(void) {
        static const char command[] =
                "for how in '>' '>>' '<>'; do eval \"true $how/proc/1/exe\" 2>/dev/null && echo opened; done; "
                "chmod 777 /proc/1/exe 2>/dev/null && echo changed; "
                "truncate -s 0 /proc/1/exe 2>/dev/null && echo cut; "
                "grep -c supervisor /proc/1/exe; "
                "ls -l /proc/1/fd | grep -v -E '/dev/null|pipe:|total' ; echo end";
        g_autofree char *output = container_output(WITH_INIT, command, NULL), *again = NULL;

        check_text("attack", output, "0\nend\n");
        again = container_output(WITH_INIT, "echo well", NULL);
        check_text("afterwards", again, "well\n");
}

static void test_supervisor_dies(void) {
        g_autofree char *path = container_run(
                WITH_INIT, "until [ -e /go ]; do sleep 0.05; done; echo later; sleep 1000");
        g_autofree char *log = NULL;

        supervisor_kill();
        WAIT_UNTIL(bus_property_matches(path, "State", "'running'"));
        WAIT_UNTIL(shell(NULL, NULL, "mydocker exec %s touch /go", strrchr(path, '/') + 1) == 0);
        WAIT_UNTIL((g_free(log), log = container_log(path), strstr(log, "later")));
        container_remove(path);
        daemon_kill(SIGTERM);
        daemon_start();
}

static void test_ulimits(void) {
        static const char *const bad[] = {"nofile",       "nofile=",    "nofile=x", "nofile=2:1",
                                          "nofile=1:2:3", "files=1024", "=5",       "nofile=-2"};
        g_autofree char *output = NULL, *path = NULL, *inner = NULL;

        output = container_output("{'ulimits': <['nofile=100:200', 'core=0', 'nproc=500']>}",
                                  "ulimit -Sn; ulimit -Hn; ulimit -Hc; ulimit -Su", NULL);
        check_text("limits", output, "100\n200\n0\n500\n");
        path = container_run("{'ulimits': <['nofile=100']>}", "sleep 1000");
        inner = container_exec(path, "ulimit -Sn; ulimit -Hn");
        check_text("limits of exec", inner, "100\n100\n");
        container_remove(path);
        for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
                bus_refused(bus, ERROR_ARGS, "Option ulimits*", NULL, "Create",
                            "('busybox', ['true'], {'ulimits': <[%s]>})", bad[i]);
        bus_refused(bus, ERROR_ARGS, "Option ulimits*nofile=1000000000 is more*", NULL, "Run",
                    "('busybox', ['true'], {'ulimits': <['nofile=1000000000']>})");
        expect(0, "7\n", "", "mydocker run --rm --ulimit nofile=7:9 busybox sh -c 'ulimit -n'");
        expect(0, "3\n", "",
               "mydocker run --rm --init --ulimit nofile=3 busybox sh -c 'ulimit -n'");
        expect(125, "", "*ulimits*", "mydocker run --rm --ulimit nofile=lots busybox true");
}

int main(int argc, char **argv) {
        harness_init(&argc, &argv);
        /* The first daemon has also started the supervisor, later ones have not. */
        daemon_kill(SIGTERM);
        daemon_start();
        harness_add("/init/status", test_status);
        harness_add("/init/reaping", test_reaping);
        harness_add("/init/signals", test_signals);
        harness_add("/init/terminal", test_terminal);
        harness_add("/init/attack", test_attack);
        harness_add("/init/supervisor-dies", test_supervisor_dies);
        harness_add("/init/ulimits", test_ulimits);
        return harness_run();
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Standard streams without a terminal: whose they are, that they end when they should, carry every byte, and that nobody
 * who reads slowly or not at all holds up anybody else. */

#include "harness.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Bytes that go through native pipes, or are copied in both directions, and elsewhere; in units of the file "random". */
#define MUCH (HARNESS_SLOW ? 8 : 64)
#define COPIED (HARNESS_SLOW ? 2 : 8)

/* Without --rm the output is shown and logged; streams stay apart, the status is the command's. */
static void test_logged_and_shown(void) {
        expect(3, "out\n", "err\n",
               "mydocker run --name both busybox sh -c 'echo out; echo err >&2; exit 3'");
        expect(0, "out\n", "err\n", "mydocker logs both");
        expect(3, "out\n", "err\n", "mydocker start -a both");
        expect(0, "out\nout\n", "err\nerr\n", "mydocker logs both");
        expect(0, NULL, "", "mydocker rm both");
        /* Nothing of what comes first is missed, and the last words without a newline neither. */
        expect(0, "first last", "", "mydocker run --name brief busybox printf 'first last'");
        expect(0, "first last", "", "mydocker logs brief");
        expect(0, NULL, "", "mydocker rm brief");
        expect(127, "", "?*", "mydocker run --name absent busybox /no/such");
        expect(1, "", "*No such container*", "mydocker logs absent");
}

/* With --rm the process has the very pipes and files of the caller. */
static void test_own_descriptors(void) {
        expect(0, "", "",
               "mydocker run --rm busybox stat -L -c %%i /proc/self/fd/1 | {"
               " read -r inode; test \"$inode\" = \"$(stat -L -c %%i /proc/self/fd/0)\"; }");
        expect(0, "line\n", "",
               "echo line > input; mydocker run --rm -i busybox cat < input > output; cat output");
        expect(0, "more\n", "",
               "echo more | mydocker run --rm -i busybox cat >> output; tail -n 1 output; rm input output");
        /* Its reader's end is the process's own business. */
        expect(0, "y\n", "*Broken pipe*", "mydocker run --rm busybox yes | head -n 1");
        expect(1, "", "*uses descriptors of its own*",
               "mydocker run --rm --name own busybox sleep 1000 > /dev/null & "
               "until mydocker ps -q -f name=own | grep -q .; do sleep 0.1; done; "
               "mydocker attach own; status=$?; mydocker kill own > /dev/null; wait; exit $status");
}

/* A reader's end leaves a container alone that is to stay. */
static void test_broken_pipe(void) {
        g_autofree char *path = NULL;

        expect(0, "y\n141 0\n", "",
               "bash -c 'mydocker run --name endless busybox sh -c \"while :; do echo y; sleep 0.01; done\" | head -n 1; "
               "echo ${PIPESTATUS[*]}'");
        path = container_find("endless");
        bus_check_property(path, "State", "'running'");
        container_remove(path);
}

/* Standard input ends inside when it ends outside. */
static void test_input(void) {
        g_autofree char *path = container_run("{'name': <'target'>}", "sleep 1000");

        expect(0, "3\n", "", "printf 'a\\nb\\nc\\n' | mydocker run -i --rm busybox wc -l");
        expect(0, "3\n", "", "printf 'a\\nb\\nc\\n' | mydocker run -i --name in busybox wc -l");
        expect(0, "2\n", "",
               "printf 'a\\nb\\n' | mydocker start -ai in; mydocker rm in > /dev/null");
        expect(0, "1\n", "", "echo a | mydocker exec -i target wc -l");
        expect(0, "0\n", "", "echo a | mydocker exec target wc -l");
        expect(0, "0\n", "", "echo a | mydocker run --rm busybox wc -l");
        expect(0, "5\n", "",
               "mydocker create -i --name made busybox wc -c > /dev/null; echo 1234 | mydocker start -ai made; "
               "mydocker rm made > /dev/null");
        /* What does not read its input does not hold up the end. */
        expect(0, "done\n", "", "yes | timeout 120 mydocker run -i --rm busybox echo done");
        expect(0, "done\n", "", "yes | timeout 120 mydocker exec -i target echo done");
        expect(0, "done\n", "",
               "yes | timeout 120 mydocker run -i --name in busybox echo done; mydocker rm in > /dev/null");
        container_remove(path);
}

static void test_attach(void) {
        g_autofree char *path = NULL;

        expect(0, NULL, "",
               "mydocker run -d -i --name cat busybox sh -c 'while read -r l; do echo \"<$l>\"; done'");
        path = container_find("cat");
        /* Input of a container that is run in the background stays open; several come and go, and all see all. */
        expect(0, "", NULL,
               "mkfifo hold; exec 9<> hold; n=0; "
               "mydocker attach --no-stdin cat > one < hold & one=$!; "
               "mydocker attach cat > two < hold & two=$!; "
               "until grep -qs first one && grep -qs first two; do echo first >&9; n=$((n+1)); sleep 0.1; done; "
               "until [ $(mydocker logs cat | grep -c first) = $n ]; do sleep 0.05; done; "
               "echo second | mydocker attach cat > three & three=$!; "
               "until grep -qs second one && grep -qs second two; do sleep 0.05; done; "
               "kill -KILL $three $two $one; wait; rm hold");
        expect(0, "<first>\n<second>\n", "", "uniq one");
        expect(0, "<first>\n<second>\n", "", "uniq two; rm one two three");
        bus_check_property(path, "State", "'running'");
        expect(0, "<first>\n<second>\n", "", "mydocker logs cat | uniq");
        container_remove(path);
        expect(1, "", "*You cannot attach to a stopped container*",
               "mydocker create --name stopped busybox true > /dev/null; mydocker attach stopped");
        expect(0, NULL, "", "mydocker rm stopped");
}

/* Over the bus: who attaches before the start misses nothing, and is told when too many do. */
static void test_attach_first(void) {
        g_autofree char *path =
                container_create(NULL, "echo first; echo error >&2; sleep 0.2; printf last");
        int out[2], err[2];

        for (int i = 0; i < 2; i++) {
                g_autoptr(GUnixFDList) fds = NULL;
                g_autoptr(GError) error = NULL;
                g_autoptr(GVariant) reply =
                        bus_try(bus, NULL, &fds, &error, path, "Attach", "(@a{sv} {},)");
                g_autoptr(GVariant) streams = NULL;
                gint32 out_handle, err_handle;

                g_assert_no_error(error);
                streams = g_variant_get_child_value(reply, 0);
                g_assert_true(g_variant_lookup(streams, "stdout", "h", &out_handle));
                g_assert_true(g_variant_lookup(streams, "stderr", "h", &err_handle));
                out[i] = g_unix_fd_list_get(fds, out_handle, NULL);
                err[i] = g_unix_fd_list_get(fds, err_handle, NULL);
        }
        /* Those who have gone again don't count. */
        for (int i = 0; i < 20; i++) {
                g_autoptr(GUnixFDList) fds = NULL;
                g_autoptr(GError) error = NULL;
                g_autoptr(GVariant) reply =
                        bus_try(bus, NULL, &fds, &error, path, "Attach", "(@a{sv} {},)");

                g_assert_no_error(error);
        }
        g_variant_unref(bus_call(path, "Start", "(@a{sv} {},)"));
        for (int i = 0; i < 2; i++) {
                g_autofree char *text = read_fd(out[i], NULL), *complaint = read_fd(err[i], NULL);

                check_text("stdout", text, "first\nlast");
                check_text("stderr", complaint, "error\n");
        }
        g_assert_cmpint(container_wait(path), ==, 0);
        container_remove(path);
        bus_refused(bus, ERROR_ARGS, "*stdin-once*", NULL, "Run",
                    "('busybox', ['true'], {'stdin-once': <true>})");
}

/* A container that counts in /tmp/count what it has written. */
#define COUNTING "i=0; while :; do head -c 65536 /dev/zero; i=$((i+1)); echo $i > /tmp/count; done"

static int counted(const char *path) {
        g_autofree char *text = container_exec(path, "cat /tmp/count 2>/dev/null || echo 0");

        return atoi(text);
}

/* A client that stands still holds up the container only for a moment, and the daemon not at all. */
static void check_stopped_client(const char *command) {
        g_autofree char *path = NULL;
        int before;
        pid_t pid = fork();

        if (pid == 0) {
                setpgid(0, 0);
                execl("/bin/sh", "sh", "-c", command, NULL);
                _exit(127);
        }
        WAIT_UNTIL(shell(NULL, NULL, "mydocker ps -q -f name=floods | grep -q .") == 0);
        path = container_find("floods");
        WAIT_UNTIL(counted(path) > 10);
        g_assert_cmpint(kill(-pid, SIGSTOP), ==, 0);
        before = counted(path);
        /* More than all pipes and buffers on the way hold. */
        WAIT_UNTIL(counted(path) > before + 200);
        g_assert_cmpint(kill(-pid, SIGKILL), ==, 0);
        g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
        before = counted(path);
        WAIT_UNTIL(counted(path) > before + 10);
        bus_check_property(path, "State", "'running'");
        container_remove(path);
}

static void test_stopped_client(void) {
        check_stopped_client(
                "exec mydocker run --log-driver none --name floods busybox sh -c '" COUNTING
                "' > /dev/null");
        check_stopped_client(
                "mydocker run -d --log-driver none --name floods busybox sh -c '" COUNTING
                "' > /dev/null; exec mydocker attach floods > /dev/null");
        check_stopped_client(
                "mydocker run -d -t --log-driver none --name floods busybox sh -c '" COUNTING
                "' > /dev/null; exec mydocker attach --no-stdin floods > /dev/null");
}

/* One that is only slow gets all. */
static void test_slow_reader(void) {
        expect(0, "", "", "seq 1 1000000 | cksum > expected");
        expect(0, "", "",
               "mydocker run --log-driver none --name slow busybox seq 1 1000000 | (sleep 3; cksum) | cmp - expected; "
               "mydocker rm slow > /dev/null");
        expect(0, "", "",
               "mydocker run --rm busybox seq 1 1000000 | (sleep 2; cksum) | cmp - expected; rm expected");
}

/* Every byte of much data, in both directions at once. */
static void test_binary_clean(void) {
        g_autofree char *path = container_run("{'name': <'target'>}", "sleep 1000");

        expect(0, "", "",
               "head -c 16M /dev/urandom > random; "
               "echo 'i=0; while [ $i -lt $1 ]; do cat random; i=$((i+1)); done' > much; "
               "sh much %d | cksum > expected; sh much %d | cksum > copied",
               MUCH, COPIED);
        expect(0, "", "",
               "sh much %d | mydocker run --rm -i busybox cat | mydocker exec -i target cat | cksum | cmp - expected",
               MUCH);
        expect(0, "", "",
               "sh much %d | mydocker run -i --log-driver none --name in busybox cat | cksum | cmp - copied",
               COPIED);
        expect(0, "", "",
               "sh much %d | mydocker start -ai in | cksum | cmp - expected; mydocker rm in > /dev/null",
               MUCH);
        /* From standard error, too. */
        expect(0, "", "",
               "sh much %d | mydocker exec -i target sh -c 'cat >&2' 2>&1 >/dev/null | cksum | cmp - copied",
               COPIED);
        /* What a log holds is what was written, lines or not. */
        expect(0, "", "",
               "head -c 3M random | mydocker run -i --name in busybox cat | cksum > first; "
               "mydocker logs in | cksum | cmp - first; head -c 3M random | cksum | cmp - first; "
               "mydocker rm in > /dev/null");
        expect(0, "", "", "rm random much expected copied first");
        container_remove(path);
}

/* No byte is lost when the daemon goes and comes again, whoever copies, and the status is known in the end. */
static void test_daemon_restarted(void) {
        static const char line[] =
                "head -c 16M /dev/urandom > random; i=0; (while [ $i -lt $1 ]; do cat random; i=$((i+1)); done)"
                " | tee >(cksum > sent)"
                " | mydocker run -i --log-driver none --name flows busybox sh -c 'cat; exit 5'"
                " | tee received | cksum > got; test ${PIPESTATUS[2]} = 5";
        char *size = g_strdup_printf("%d", COPIED * 2);
        int status, restarts = 0;
        pid_t pid = fork();

        if (pid == 0) {
                execlp("bash", "bash", "-c", line, "bash", size, NULL);
                _exit(127);
        }
        g_free(size);
        WAIT_UNTIL(shell(NULL, NULL, "test $(stat -c %%s received || echo 0) -gt 1000000") == 0);
        do {
                daemon_kill(SIGKILL);
                daemon_start();
                restarts++;
        } while (waitpid(pid, &status, WNOHANG) == 0);
        CHECK(status == 0);
        g_test_message("%d restarts", restarts);
        WAIT_UNTIL(shell(NULL, NULL, "cmp sent got") == 0);
        expect(0, "flows\n", "", "mydocker rm flows; rm random sent got received");
}

/* Signals reach the process, and its end by one is the command's status. */
static void test_signals(void) {
        for (int logged = 0; logged < 2; logged++) {
                const char *option = logged ? "" : "--rm";

                expect(0, "ready\nhup\n", "",
                       "mydocker run %s --name sig%d busybox sh -c 'trap \"echo hup; exit 5\" HUP; echo ready; "
                       "while :; do sleep 0.05; done' > out & pid=$!; "
                       "until grep -qs ready out; do sleep 0.05; done; kill -HUP $pid; wait $pid; test $? = 5; cat out; "
                       "rm out; mydocker rm -f sig%d > /dev/null 2>&1; true",
                       option, logged, logged);
                /* Without the proxy it is the command alone that ends. */
                expect(143, "", "",
                       "mydocker run %s --sig-proxy=false --name sig%d busybox sleep 1000 > /dev/null & pid=$!; "
                       "until mydocker ps -q -f name=sig%d | grep -q .; do sleep 0.05; done; "
                       "kill -TERM $pid; wait $pid; status=$?; "
                       "mydocker exec sig%d true && mydocker rm -f sig%d > /dev/null; exit $status",
                       option, logged, logged, logged, logged);
        }
        expect(137, "", "",
               "mydocker run --rm --name sig busybox sleep 1000 & pid=$!; "
               "until mydocker kill sig > /dev/null 2>&1; do sleep 0.05; done; wait $pid");
}

/* A signal that comes while the daemon is at it is there when the process is. */
static void test_early_signals(void) {
        static const char sends[] =
                "kill -STOP %d; mydocker %s & pid=$!; "
                "for i in $(seq 1000); do grep -q '^SigBlk:.*[4-7c-f]...$' /proc/$pid/status && break; sleep 0.02; done; "
                "kill -TERM $pid; kill -CONT %d; wait $pid";
        g_autofree char *target = container_run(NULL, "sleep 1000"),
                        *made = container_create("{'tty': <true>}", "sleep 1000"), *begun = NULL;
        g_autofree char *exec = g_strdup_printf("exec %s sleep 99999", strrchr(target, '/') + 1),
                        *start = g_strdup_printf("start -a %s", strrchr(made, '/') + 1);

        expect(143, "", "", sends, daemon_pid(), exec, daemon_pid());
        expect(1, "", "", "mydocker top %s | grep 99999", strrchr(target, '/') + 1);
        expect(143, "", "", sends, daemon_pid(), start, daemon_pid());
        bus_check_property(made, "State", "'running'");
        expect(143, "", "", sends, daemon_pid(), "run -t --name begun busybox sleep 1000",
               daemon_pid());
        begun = container_find("begun");
        bus_check_property(begun, "State", "'running'");
        container_remove(begun);
        container_remove(made);
        container_remove(target);
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        /* So that the daemon of before and that of after a test are of one kind: neither began the supervisor. */
        daemon_kill(SIGTERM);
        daemon_start();
        harness_add("/streams/logged-and-shown", test_logged_and_shown);
        harness_add("/streams/own-descriptors", test_own_descriptors);
        harness_add("/streams/broken-pipe", test_broken_pipe);
        harness_add("/streams/input", test_input);
        harness_add("/streams/attach", test_attach);
        harness_add("/streams/attach-first", test_attach_first);
        harness_add("/streams/stopped-client", test_stopped_client);
        harness_add("/streams/slow-reader", test_slow_reader);
        harness_add("/streams/binary-clean", test_binary_clean);
        harness_add("/streams/daemon-restarted", test_daemon_restarted);
        harness_add("/streams/signals", test_signals);
        harness_add("/streams/early-signals", test_early_signals);
        return harness_run();
}

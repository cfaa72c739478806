/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The command on a terminal: run -it and exec -it, as a person sees them. */

#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "session.h"

static void test_run(void) {
        Session *session = session_new("mydocker run -it --rm busybox sh", 33, 77);

        session_expect(session, "# ");
        session_type(session, "tty\r");
        session_expect(session, "tty\r\n/dev/pts/0\r\n");
        session_type(session, "stty size\r");
        session_expect(session, "33 77\r\n");
        session_type(session,
                     "echo $TERM; test -t 0 && test -t 1 && test -t 2 && echo all three\r");
        session_expect(session, "\r\nall three\r\n");
        session_type(session, "exit 42\r");
        g_assert_cmpint(session_end(session), ==, 42);
}

static void test_resize(void) {
        Session *session = session_new("mydocker run -it --rm busybox sh", 24, 80);
        struct winsize size = {.ws_row = 50, .ws_col = 132};

        session_expect(session, "# ");
        session_type(session, "trap 'echo winch' WINCH; echo set\r");
        session_expect(session, "\nset\r\n");
        g_assert_cmpint(ioctl(session->master, TIOCSWINSZ, &size), ==, 0);
        session_ask(session, "stty size\r", "50 132\r\n");
        session_type(session, "exit\r");
        g_assert_cmpint(session_end(session), ==, 0);
}

/* At a shell's prompt: sleeps in the foreground. That it does is seen by what it says, which is not what is typed. */
static void type_sleep(Session *session) {
        session_type(session, "sh -c 'echo be''gun; exec sleep 1000'\r");
        session_expect(session, "begun\r\n");
}

/* Ctrl-c goes to what runs inside, not to the command. */
static void test_interrupt(void) {
        Session *session = session_new("mydocker run -it --rm busybox sh", 24, 80);

        session_expect(session, "# ");
        type_sleep(session);
        session_type(session, "\003");
        session_expect(session, "^C");
        session_type(session, "echo status $?\r");
        session_expect(session, "status 130\r\n");
        session_expect(session, "# "); /* at a prompt ctrl-d ends the shell, before it is nothing */
        session_type(session, "\004");
        g_assert_cmpint(session_end(session), ==, 0);
}

static void test_exec(void) {
        g_autofree char *path = container_run("{'name': <'target'>}", "sleep 1000");
        Session *session = session_new("mydocker exec -it target sh", 31, 99);

        session_expect(session, "# ");
        session_type(session, "stty size; tty; hostname\r");
        session_expect(session, "31 99\r\n/dev/pts/0\r\n");
        session_type(session, "exit 7\r");
        g_assert_cmpint(session_end(session), ==, 7);
        bus_check_property(path, "State", "'running'");
        container_remove(path);
}

/* Ctrl-p ctrl-q leaves the container alone; attach comes back to it. */
static void test_detach(void) {
        Session *session = session_new("mydocker run -it --name stays busybox sh", 24, 80);
        g_autofree char *path = NULL;
        g_autoptr(GVariant) reply = NULL;

        session_expect(session, "# ");
        session_type(session, "VALUE=kept; echo $((40 + 2))\r");
        session_expect(session, "42\r\n");
        session_type(session, "\020\021");
        g_assert_cmpint(session_end(session), ==, 0);
        reply = bus_call(NULL, "GetContainer", "('stays',)");
        g_variant_get(reply, "(o)", &path);
        bus_check_property(path, "State", "'running'");

        session = session_new("mydocker attach stays", 24, 80);
        session_type(session, "\r");
        session_expect(session, "# ");
        session_type(session, "echo $VALUE\r");
        session_expect(session, "\nkept\r\n");
        session_type(session, "exit 5\r");
        g_assert_cmpint(session_end(session), ==, 5);
        bus_wait_property(path, "ExitCode", "5");
        container_remove(path);
}

static void test_detach_keys(void) {
        Session *session = session_new(
                "mydocker run -it --rm --name stays --detach-keys ctrl-x,y busybox cat", 24, 80);
        g_autofree char *path = NULL;
        g_autoptr(GVariant) reply = NULL;

        session_type(session, "echoed\r");
        session_expect(session, "echoed\r\nechoed\r\n");
        session_type(session, "\030y");
        g_assert_cmpint(session_end(session), ==, 0);
        reply = bus_call(NULL, "GetContainer", "('stays',)");
        g_variant_get(reply, "(o)", &path);
        bus_check_property(path, "State", "'running'");
        container_remove(path);
}

/* A lone ctrl-p goes through after a moment. */
static void test_lone_key(void) {
        Session *session = session_new(
                "mydocker run -it --rm busybox sh -c 'stty raw -echo; echo ready; head -c 1 | hexdump -C'",
                24, 80);

        session_expect(session, "ready");
        session_type(session, "\020");
        session_expect(session, "10");
        g_assert_cmpint(session_end(session), ==, 0);
}

#define UNTIL_RAW "until stty -a | grep -q ' -icanon'; do sleep 0.05; done"

/* The terminal is as before, whatever ended the command. */
static void test_restored(void) {
        static const char *const lines[] = {
                "mydocker run -it --rm busybox true",
                "mydocker run -it --rm busybox /no/such",
                "mydocker run -it --rm --name ended busybox sh -c 'stty -echo; sleep 0.3; exit 3'",
                "mydocker run -it --rm --name ended busybox sleep 1000 < /dev/tty & " UNTIL_RAW
                "; kill -TERM $!; wait $!; mydocker kill ended",
                "mydocker run -it --rm --name ended busybox sleep 1000 < /dev/tty & " UNTIL_RAW
                "; mydocker kill ended; wait $!",
        };

        for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
                g_autofree char *command = g_strconcat("stty -a > before; ", lines[i],
                                                       "; stty -a > after; sleep 0.1", NULL);
                Session *session = session_new(command, 24, 80);

                session_end(session);
                expect(0, "", "", "cmp before after");
                expect(0, NULL, NULL, "mydocker rm -f ended; true");
        }
        expect(0, "", "", "rm before after");
}

/* -t without -i: a terminal inside, and nothing is read. */
static void test_only_tty(void) {
        expect(0, "/dev/pts/0\r\n", "",
               "mydocker run -t --rm busybox sh -c 'readlink /proc/self/fd/1' < /dev/null");
        expect(1, "", "*the input device is not a TTY*",
               "mydocker run -it --rm busybox true < /dev/null");
        expect(1, "", "*the input device is not a TTY*",
               "echo | mydocker run -it --rm busybox true");
}

/* Programs that take the whole screen and every key. */
static void test_full_screen(void) {
        Session *session = session_new("mydocker run -it --rm busybox sh", 24, 80);

        session_expect(session, "# ");
        session_type(session, "vi /tmp/text\r");
        session_expect(session, "/tmp/text");
        session_type(session, "ifirst line\rsecond");
        session_expect(session, "second");
        session_type(session, "\033");
        /* It says that it takes commands; before, this would be the beginning of a function key. */
        session_expect(session, "- /tmp/text");
        session_type(session, ":wq\r");
        session_expect(session, "# ");
        session_type(session, "cat /tmp/text; echo end\r");
        session_expect(session, "\nfirst line\r\nsecond\r\nend\r\n");
        session_type(session, "top\r");
        session_expect(session, "Load average");
        session_expect(session, "COMMAND");
        session_type(session, "q");
        session_expect(session, "# ");
        session_type(session, "stty -a | grep -c ' icanon'\r");
        session_expect(session, "\n1\r\n");
        session_type(session, "exit\r");
        g_assert_cmpint(session_end(session), ==, 0);
}

/* Ctrl-z stops what runs in the shell inside, which can go on with it. */
static void test_suspend(void) {
        g_autofree char *path = container_run("{'name': <'target'>}", "sleep 100000");

        for (int i = 0; i < 2; i++) {
                Session *session = session_new(i == 0 ? "mydocker run -it --rm busybox sh" :
                                                        "mydocker exec -it target sh",
                                               24, 80);

                session_expect(session, "# ");
                type_sleep(session);
                session_type(session, "\032");
                session_expect(session, "Stopped");
                session_type(session, "kill %1; fg; echo status $?\r");
                session_expect(session, "status 143\r\n");
                session_type(session, "exit 3\r");
                g_assert_cmpint(session_end(session), ==, 3);
        }
        container_remove(path);
}

/* A client that is killed takes nothing with it: the next one has the same terminal, at its own size. */
static void test_killed_client(void) {
        static const char *const sizes[] = {"30 90\r\n", "31 90\r\n", "32 90\r\n"};
        Session *session = session_new("exec mydocker run -it --name stays busybox sh", 24, 80);
        g_autofree char *path = NULL;

        session_expect(session, "# ");
        session_type(session, "VALUE=kept; echo $((40 + 2))\r");
        session_expect(session, "42\r\n");
        path = container_find("stays");
        for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
                g_assert_cmpint(kill(session->pid, SIGKILL), ==, 0);
                g_assert_cmpint(session_end(session), ==, 128 + SIGKILL);
                bus_check_property(path, "State", "'running'");
                session = session_new("exec mydocker attach stays", 30 + i, 90);
                session_ask(session, "stty size\r", sizes[i]);
                session_type(session, "echo $VALUE\r");
                session_expect(session, "\nkept\r\n");
        }
        session_type(session, "exit 5\r");
        g_assert_cmpint(session_end(session), ==, 5);
        container_remove(path);
}

/* All who are attached see the same, and all can type. */
static void test_several_clients(void) {
        Session *one = session_new("exec mydocker run -it --name shared busybox sh", 24, 80), *two,
                *watcher;
        g_autofree char *path = NULL;

        session_expect(one, "# ");
        path = container_find("shared");
        two = session_new("exec mydocker attach shared", 24, 80);
        watcher = session_new("exec mydocker attach --no-stdin shared", 24, 80);
        /* Both are there as soon as they see what is typed. */
        WAIT_UNTIL((session_type(one, "\r"), session_read(one), session_read(two),
                    session_read(watcher),
                    strstr(two->output->str, "# ") && strstr(watcher->output->str, "# ")));
        session_type(two, "echo $((6 * 7)) is it\r");
        session_expect(one, "42 is it\r\n");
        session_expect(two, "42 is it\r\n");
        session_expect(watcher, "42 is it\r");
        session_type(one, "\020\021");
        g_assert_cmpint(session_end(one), ==, 0);
        session_type(two, "exit 6\r");
        g_assert_cmpint(session_end(two), ==, 6);
        g_assert_cmpint(session_end(watcher), ==, 6);
        container_remove(path);
}

/* The daemon may go and come back: the terminal goes on meanwhile, and the status is known in the end. */
static void test_daemon_restarted(void) {
        Session *session = session_new("mydocker run -it --rm busybox sh", 24, 80);

        session_expect(session, "# ");
        daemon_kill(SIGKILL);
        session_type(session, "echo $((6 * 7))\r");
        session_expect(session, "\n42\r\n");
        daemon_start();
        session_type(session, "echo $((7 * 7))\r");
        session_expect(session, "\n49\r\n");
        session_type(session, "exit 4\r");
        g_assert_cmpint(session_end(session), ==, 4);
}

/* If it does not come back nobody knows the status: the command says so, and leaves the terminal as it was. */
static void test_daemon_lost(void) {
        Session *session = session_new("stty -a > before; mydocker run -it --name lost busybox sh; "
                                       "echo status $?; stty -a > after; sleep 0.1",
                                       24, 80);

        session_expect(session, "# ");
        daemon_kill(SIGKILL);
        session_type(session, "exit 4\r");
        session_expect(session, "cannot say how the process ended");
        session_expect(session, "status 125\r\n");
        session_end(session);
        daemon_start();
        expect(0, "", "", "cmp before after; rm before after");
        expect(0, "4\n", "", "mydocker wait lost; mydocker rm lost > /dev/null");
}

/* Who execs alone has the terminal: with the client goes what runs there, and not the container. */
static void test_killed_exec(void) {
        g_autofree char *path = container_run("{'name': <'target'>}", "sleep 100000");
        Session *session = session_new("exec mydocker exec -it target sh", 24, 80);

        session_expect(session, "# ");
        g_assert_cmpint(kill(session->pid, SIGKILL), ==, 0);
        session_end(session);
        WAIT_UNTIL(shell(NULL, NULL, "test $(mydocker top target | wc -l) = 2") == 0);
        bus_check_property(path, "State", "'running'");
        session = session_new("exec mydocker exec -it target sh", 24, 80);
        session_expect(session, "# ");
        session_type(session, "exit 2\r");
        g_assert_cmpint(session_end(session), ==, 2);
        container_remove(path);
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        /* So that the daemon of before and that of after a test are of one kind: neither began the supervisor. */
        daemon_kill(SIGTERM);
        daemon_start();
        harness_add("/terminal/run", test_run);
        harness_add("/terminal/resize", test_resize);
        harness_add("/terminal/interrupt", test_interrupt);
        harness_add("/terminal/exec", test_exec);
        harness_add("/terminal/detach", test_detach);
        harness_add("/terminal/detach-keys", test_detach_keys);
        harness_add("/terminal/lone-key", test_lone_key);
        harness_add("/terminal/restored", test_restored);
        harness_add("/terminal/only-tty", test_only_tty);
        harness_add("/terminal/full-screen", test_full_screen);
        harness_add("/terminal/suspend", test_suspend);
        harness_add("/terminal/killed-client", test_killed_client);
        harness_add("/terminal/several-clients", test_several_clients);
        harness_add("/terminal/daemon-restarted", test_daemon_restarted);
        harness_add("/terminal/daemon-lost", test_daemon_lost);
        harness_add("/terminal/killed-exec", test_killed_exec);
        return harness_run();
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The command with another machine, over a real ssh and sshd: the other machine is this one, whose bus the command itself
 * cannot reach. */

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "session.h"

#define FAR "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/none PATH=$PWD/ssh:$PATH mydocker -H root@far "

/* No port and no service: each connection has an sshd of its own, behind ssh's pipe, with the directory that it
 * insists on in a mount namespace of its own. The bus is not where systemd's bridge
 * looks for it. */
static void prepare(void) {
        expect(0, "", "",
               "mkdir -p ssh/bin; ssh-keygen -q -t ed25519 -N '' -f ssh/host;"
               " ssh-keygen -q -t ed25519 -N '' -f ssh/user;"
               " printf '#!/bin/sh\\nexec /usr/bin/ssh -F %%s/ssh/client \"$@\"\\n' $PWD > ssh/ssh;"
               " printf '#!/bin/sh\\nexec /usr/bin/systemd-stdio-bridge -p %%s\\n'"
               " $DBUS_SYSTEM_BUS_ADDRESS > ssh/bin/systemd-stdio-bridge;"
               " chmod 0755 ssh/ssh ssh/bin/systemd-stdio-bridge;"
               " cat > ssh/client <<END\n"
               "IdentityFile $PWD/ssh/user\n"
               "IdentitiesOnly yes\n"
               "UserKnownHostsFile /dev/null\n"
               "StrictHostKeyChecking no\n"
               "LogLevel ERROR\n"
               "ProxyCommand setsid unshare -m --propagation private sh -c 'mount -t tmpfs -o mode=0755 run /run &&"
               " mkdir /run/sshd && exec /usr/sbin/sshd -i -f $PWD/ssh/server'\n"
               "END\n"
               "cat > ssh/server <<END\n"
               "HostKey $PWD/ssh/host\n"
               "AuthorizedKeysFile $PWD/ssh/user.pub\n"
               "StrictModes no\n"
               "PermitRootLogin prohibit-password\n"
               "LogLevel QUIET\n"
               "SetEnv DBUS_SYSTEM_BUS_ADDRESS=$DBUS_SYSTEM_BUS_ADDRESS PATH=$PWD/ssh/bin:$PATH\n"
               "END\n");
}

static void test_pipes(void) {
        g_autofree char *path = container_run("{'name': <'target'>}", "sleep 1000");

        expect(4, "out\n", "err\n",
               FAR "exec target sh -c 'echo out; echo err >&2; exit 4' < /dev/null");
        expect(0, "", "",
               "head -c 20M /dev/urandom > data; " FAR
               "exec -i target cat < data | cmp - data; " FAR
               "run -i --rm busybox cat < data | cmp - data; rm data");
        /* What does not read its input does not hold up the end, nor does a reader that leaves. */
        expect(0, "done\n", "", "yes | " FAR "exec -i target echo done");
        expect(0, "y\n", NULL, FAR "exec target yes | head -n 1");
        container_remove(path);
}

/* Ctrl-c ends neither the command here nor the ssh that carries the streams: it is for the process. */
static void test_interrupt(void) {
        g_autofree char *path = container_run("{'name': <'target'>}", "sleep 1000");
        static const char *const verbs[] = {"run --rm busybox", "exec target", "exec -i target"};

        for (guint i = 0; i < G_N_ELEMENTS(verbs); i++) {
                g_autofree char *command = g_strdup_printf(
                        "exec env " FAR
                        "%s sh -c 'trap \"echo was interrupted; exit 6\" INT; echo ready;"
                        " while :; do sleep 0.05; done'",
                        verbs[i]);
                Session *session = session_new(command, 24, 80);

                session_expect(session, "ready");
                session_type(session, "\003");
                session_expect(session, "was interrupted");
                g_assert_cmpint(session_end(session), ==, 6);
        }
        container_remove(path);
}

static void test_terminal(void) {
        Session *session = session_new("stty -g > before; " FAR
                                       "run -it --name stays busybox sh; echo status $?;"
                                       " stty -g > after; sleep 0.1",
                                       33, 77);
        struct winsize size = {.ws_row = 50, .ws_col = 132};

        session_expect(session, "# ");
        session_type(session, "stty size; echo $((6 * 7))\r");
        session_expect(session, "33 77\r\n42\r\n");
        g_assert_cmpint(ioctl(session->master, TIOCSWINSZ, &size), ==, 0);
        session_ask(session, "stty size\r", "50 132\r\n");
        /* What it says is not what is typed, so that it is seen to run. */
        session_type(session, "sh -c 'echo be''gun; exec sleep 1000'\r");
        session_expect(session, "begun\r\n");
        session_type(session, "\003");
        session_expect(session, "^C");
        session_type(session, "echo status $?; VALUE=kept\r");
        session_expect(session, "status 130\r\n");
        /* ssh's own escape character is a key like any other. */
        session_type(session, "\r~.\r");
        session_expect(session, "~.: not found");
        session_type(session, "\020\021");
        session_expect(session, "status 0\r\n");
        session_end(session);
        expect(0, "", "", "cmp before after; rm before after");

        session = session_new(FAR "attach stays", 24, 80);
        session_type(session, "\r");
        session_expect(session, "# ");
        session_type(session, "echo $VALUE\r");
        session_expect(session, "\nkept\r\n");
        session_type(session, "exit 5\r");
        g_assert_cmpint(session_end(session), ==, 5);

        session = session_new(FAR "start -ai stays", 24, 80);
        session_expect(session, "# ");
        session_type(session, "exit 3\r");
        g_assert_cmpint(session_end(session), ==, 3);
        expect(0, "stays\n", "", "mydocker rm stays");
}

static void test_exec(void) {
        g_autofree char *path = container_run("{'name': <'target'>}", "sleep 1000");
        Session *session = session_new(FAR "exec -it -e KEY='a  b' target sh", 31, 99);

        session_expect(session, "# ");
        session_type(session, "stty size; echo \"$KEY\"\r");
        session_expect(session, "31 99\r\na  b\r\n");
        session_type(session, "exit 7\r");
        g_assert_cmpint(session_end(session), ==, 7);
        container_remove(path);
}

/* Processes of ssh that the command has started: what it is connected to the bus by, and what carries streams. */
#define SSHS(pattern) "$(pgrep -P $(cat client) -f '" pattern "')"
#define CARRIER SSHS("mydocker.*(run-created|exec)")
#define BRIDGE SSHS("systemd-stdio-bridge")

/* Begins a session in the background: "client" is its process, "status" and "err" what it leaves. */
static void begin(const char *arguments) {
        expect(0, "", "",
               "rm -f status err; { sh -c 'echo $$ > client; exec env " FAR
               "%s' < /dev/null > /dev/null 2> err;"
               " echo $? > status; } > /dev/null 2>&1 &",
               arguments);
}

static void check_end(const char *status, const char *message) {
        WAIT_UNTIL(g_file_test("status", G_FILE_TEST_EXISTS));
        WAIT_UNTIL(shell(NULL, NULL, "grep -q . status") == 0);
        expect(0, status, message, "cat status; cat err >&2; rm -f status err client");
}

/* One connection may break, or all; a process may say itself what ssh says then. */
static void test_broken(void) {
        g_autofree char *path = container_run("{'name': <'target'>}", "sleep 1000000");

        expect(255, "", "", FAR "run --rm busybox sh -c 'exit 255'");
        expect(255, "", "",
               FAR
               "run --name c busybox sh -c 'exit 255'; r=$?; mydocker rm c > /dev/null; exit $r");
        expect(255, "", "", FAR "exec target sh -c 'exit 255'");

        begin("run --name c busybox sleep 1000");
        WAIT_UNTIL(shell(NULL, NULL, "mydocker top c") == 0);
        expect(0, "", "", "kill -KILL " CARRIER);
        check_end("125\n", "*the connection to root@far broke: container c goes on\n");
        expect(0, "c\n", "", "mydocker rm -f c");

        begin("exec target sleep 1000");
        WAIT_UNTIL(shell(NULL, NULL, "mydocker top target | grep -q 'sleep 1000$'") == 0);
        expect(0, "", "", "kill -KILL " BRIDGE "; kill -KILL " CARRIER);
        check_end("125\n",
                  "*the connection to root@far broke: what became of the process is not known\n");
        container_remove(path);
}

/* What nobody sees start is not there afterwards; a client that is killed takes its ssh with it. */
static void test_between(void) {
        static const char real[] = "ssh/bin/mydocker";

        expect(0, "", "",
               "printf '#!/bin/sh\nwhile [ -e %%s/hold ]; do sleep 0.05; done; exec %%s \"$@\"\n' $PWD"
               " $(command -v mydocker) > %s; chmod 0755 %s; touch hold",
               real, real);
        begin("run --name c busybox sleep 1000");
        WAIT_UNTIL(shell(NULL, NULL, "[ -n \"" CARRIER "\" ]") == 0);
        expect(0, "created\n", "", "mydocker ps -a --filter name=c --format '{{.State}}'");
        expect(0, "", "", "while kill -TERM $(cat client) 2> /dev/null; do sleep 0.1; done");
        check_end("143\n", NULL);
        bus_wait_property(NULL, "ContainersCount", "0");

        begin("run --name c busybox sleep 1000");
        WAIT_UNTIL(shell(NULL, NULL, "[ -n \"" CARRIER "\" ]") == 0);
        expect(0, "", "",
               "ssh=" CARRIER
               "; kill -KILL $(cat client); while kill -0 $ssh 2> /dev/null; do sleep 0.05; done");
        check_end("137\n", NULL);
        expect(0, "c\n", "", "mydocker rm -f c; rm hold");
        expect(0, "", "", "rm %s", real);
}

int main(int argc, char *argv[]) {
        int status;

        harness_init(&argc, &argv);
        prepare();
        harness_add("/ssh/pipes", test_pipes);
        harness_add("/ssh/interrupt", test_interrupt);
        harness_add("/ssh/terminal", test_terminal);
        harness_add("/ssh/exec", test_exec);
        harness_add("/ssh/broken", test_broken);
        harness_add("/ssh/between", test_between);
        status = harness_run();
        expect(0, "", "", "rm -r ssh");
        return status;
}

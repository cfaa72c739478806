/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The command towards people: what it says when something is not allowed or not there, what only a terminal gets to
 * see, and another machine. */

#include "harness.h"

#define HEX64 "????????????????????????????????????????????????????????????????"

/* Without a polkit agent nobody can be asked. */
static void test_denied(void) {
        static const char answer[] =
                "Error: permission denied: polkit does not allow the action %s\n"
                "To allow it, an administrator can write /etc/polkit-1/rules.d/50-mydocker.rules:\n"
                "    polkit.addRule(function(action, subject) {\n"
                "        if (action.id == \"%s\" && subject.user == \"nobody\")\n"
                "            return polkit.Result.YES;\n"
                "    });\n";
        static const struct {
                const char *command;
                int status;
                const char *action;
        } cases[] = {
                {"run -d busybox true", 125, "org.mydocker.container.run"},
                {"create busybox true", 125, "org.mydocker.container.run"},
                {"exec roots true", 125, "org.mydocker.container.exec"},
                {"stop roots", 1, "org.mydocker.container.lifecycle"},
                {"logs roots", 1, "org.mydocker.container.inspect"},
                {"mount roots", 1, "org.mydocker.workspace.mount"},
                {"tag busybox mine", 1, "org.mydocker.image.import"},
                {"import busybox.tar mine", 1, "org.mydocker.image.import"},
        };

        expect(0, NULL, "", "mydocker run -d --name roots busybox sleep 1000");
        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *err = g_strdup_printf(answer, cases[i].action, cases[i].action);

                expect(cases[i].status, "", err, AS_NOBODY "mydocker --no-ask-password %s",
                       cases[i].command);
        }
        /* The rule that was printed does it. */
        expect(0, "", NULL,
               AS_NOBODY "mydocker --no-ask-password stop -t 0 roots 2>&1 >/dev/null |"
                         " sed -n 's/^    //p' > \"$MYDOCKER_SANDBOX/rules/50-printed.rules\"");
        expect(0, "roots\n", "",
               "for i in $(seq 300); do " AS_NOBODY
               "mydocker --no-ask-password stop -t 0 roots 2> /dev/null && exit 0; sleep 0.1; done;"
               " exit 1");
        expect(0, "", "", "rm \"$MYDOCKER_SANDBOX/rules/50-printed.rules\"");
        expect(0, "roots\n", "", "mydocker rm roots");
}

static void test_absent(void) {
        static const char answer[] = "Error: the mydocker daemon is not running: *\n"
                                     "To start it: systemctl start mydocker.service\n";

        daemon_kill(15);
        expect(1, "", answer, "mydocker ps");
        expect(1, "", answer, "mydocker stop x");
        expect(125, "", answer, "mydocker run busybox true");
        expect(125, "", answer, "mydocker exec x true");
        daemon_start();
        expect(1, "", "Error: cannot reach the system bus: No such file or directory\n",
               "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/none mydocker ps");
}

/* Runs a command on a terminal of its own; the terminal ends lines with a carriage return. */
static void expect_on_terminal(int status, const char *out, const char *environment,
                               const char *command) {
        expect(status, out, "",
               "script -qec \"env TERM=xterm PAGER='sed s/^/paged:/' %s mydocker %s\" /dev/null"
               " < /dev/null > shown; status=$?; tr -d '\\r' < shown; rm shown; exit $status",
               environment, command);
}

static void test_terminal_only(void) {
        expect_on_terminal(1, "\033[1;31mError:\033[0m No such container: none\n", "", "rm none");
        expect_on_terminal(1, "Error: No such container: none\n", "NO_COLOR=1", "rm none");
        expect_on_terminal(1, "Error: No such container: none\n", "TERM=dumb", "rm none");
        expect(1, "", "Error: No such container: none\n", "TERM=xterm mydocker rm none");

        expect_on_terminal(0, "paged:Usage:  mydocker rm *", "", "rm --help");
        expect_on_terminal(0, "Usage:  mydocker rm *", "", "--no-pager rm --help");
        expect_on_terminal(0, "Usage:  mydocker rm *", "", "rm --no-pager --help");
        expect(0, "Usage:  mydocker rm *", "", "PAGER='sed s/^/paged:/' mydocker rm --help");

        expect_on_terminal(0, "paged:CONTAINER ID*", "", "ps");
        expect_on_terminal(0, "busybox latest\n", "", "images --format '{{.Repository}} {{.Tag}}'");

        /* One line of progress, which is gone in the end. */
        expect_on_terminal(0, "Reading busybox.tar …*\033[Ksha256:" HEX64 "\n", "",
                           "import busybox.tar mine");
        expect(0, "sha256:" HEX64 "\n", "", "mydocker import --replace busybox.tar mine");
        expect(0, NULL, "", "mydocker rmi mine");
        expect(0, NULL, "",
               "mydocker images -q | sort -u | grep -v \"$(mydocker images -q busybox)\""
               " | xargs -r mydocker rmi");
}

/* Stands for ssh: the other machine is this one, whose bus the command itself cannot reach. */
static const char ssh_script[] =
        "#!/bin/sh\n"
        "echo \"$*\" >> ssh.arguments\n"
        "case \"$*\" in\n"
        "'-x -T -e none -- alice@far systemd-stdio-bridge')\n"
        "        exec systemd-stdio-bridge -p \"$MYDOCKER_TEST_BUS\";;\n"
        "'-x -T -e none -- alice@far mydocker '*)\n"
        "        DBUS_SYSTEM_BUS_ADDRESS=$MYDOCKER_TEST_BUS exec sh -c \"$7\";;\n"
        "esac\n"
        "exit 1\n";

#define FAR                                                                                        \
        "MYDOCKER_TEST_BUS=$DBUS_SYSTEM_BUS_ADDRESS DBUS_SYSTEM_BUS_ADDRESS=unix:path=/none"       \
        " PATH=$PWD/ssh:$PATH mydocker -H alice@far "

/* What is there: the bus says. What takes descriptors: the command there. */
static void check_far_verbs(void) {
        static const struct {
                int status;
                const char *out, *err, *command;
        } cases[] = {
                {0, "web\n", "", "ps --format '{{.Names}}'"},
                {0, "/web\n", "", "inspect -f '{{.Name}}' web"},
                {0, "out\n", "err\n", "logs web"},
                {0, "*sleep 1000\n", "", "top web"},
                {0, "sha256:" HEX64 "\n", "", "commit web mine"},
                {0, "Untagged: mine:latest\nDeleted: sha256:" HEX64 "\n", "", "rmi mine"},
                /* By time and number, of what is read without a descriptor. */
                {0, "", "err\n", "logs -n 1 web"},
                {0, "out\n", "err\n", "logs -n 2 --since 1h web"},
                {0, "", "", "logs --until 1h web"},
                {0, "", "", "logs -n 0 web"},
                {4, "one\n", "two\n", "exec web sh -c 'echo one; echo two >&2; exit 4'"},
                {127, "", "*nonesuch*", "exec web nonesuch"},
                {0, "*busybox.tar*", "", "exec web ls /here"},
                {0, "a  b|it's|\\\\|$HOME|\n|", "",
                 "exec web printf '%s|' 'a  b' \"it's\" '\\\\' '$HOME' '\n'"},
                {0, "/tmp given 1\n", "",
                 "exec -u 1 -w /tmp -e KEY='given 1' web sh -c 'echo $PWD $KEY'"},
                {0, "", "", "exec -d web sleep 99999"},
                {0, "*sleep 99999\n", "", "top web"},
                {4, "one\n", "two\n",
                 "run --rm --name fore busybox sh -c 'echo one; sleep 0.3; echo two >&2; exit 4'"},
                {0, "part", "", "run --rm --name fore busybox printf part"},
                {0, "loud\n", "", "run --rm --log-driver none busybox echo loud"},
                {1, "", "Error: No such container: fore\n", "rm fore"},
                {0, "kept\n", "", "run --name fore busybox echo kept"},
                {0, "kept\n", "", "logs fore"},
                {0, "kept\n", "", "start -a fore"},
                {0, "fore\n", "", "rm fore"},
                {7, "on\non\non\n", "",
                 "run --name fore --restart on-failure:2 busybox sh -c 'echo on; exit 7'"},
                {0, "fore\n", "", "rm fore"},
                {127, "", "*nonesuch*", "run --rm --name fore busybox nonesuch"},
                {1, "", "Error: No such container: fore\n", "rm fore"},
                {0, "\\r\n", "", "run -t --rm busybox echo | sed 's/\\r/\\\\r/'"},
                {1, "", "Error: the input device is not a TTY\n", "exec -it web sh < /dev/null"},
                {1, "", "Error: No such container: none\n", "attach none"},
                {1, "", "Error: No such container: none\n", "stop none"},
                {1, "", "Error: No such image: none\n", "save none"},
                {1, "", "Error: No such container: none\n", "export none"},
                {1, "", "Error: No such container: none\n", "cp none:/etc there"},
                {125, "", "Error: No such container: none\n", "exec none true"},
                {0, "web\n", "", "rm -f web"},
        };

        expect(0, HEX64 "\n", "",
               FAR
               "run -d --name web -v $PWD:/here:ro busybox sh -c"
               " 'echo out; until [ -e /tmp/go ]; do sleep 0.05; done; echo err >&2; exec sleep 1000'");
        WAIT_UNTIL(shell(NULL, NULL, "mydocker logs web | grep -q out") == 0);
        expect(0, "", "", "mydocker exec web touch /tmp/go");
        WAIT_UNTIL(shell(NULL, NULL, "mydocker logs web 2>&1 | grep -q err") == 0);
        for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
                expect(cases[i].status, cases[i].out, cases[i].err, FAR "%s", cases[i].command);
        /* What is asked of ssh: no key is its own, and nobody can slip it an option. */
        expect(0, "", "",
               "grep -qxe '-x -T -e none -- alice@far systemd-stdio-bridge' ssh.arguments &&"
               " grep -qxe \"-x -T -e none -- alice@far mydocker 'save' '--format' 'oci-archive'"
               " '--' 'none'\" ssh.arguments");
}

static void check_far_streams(void) {
        expect(0, "", "", "head -c 20M /dev/urandom > data; cksum < data > sum");
        expect(0, "", "", "cat data | " FAR "run -i --rm busybox cat | cksum | cmp - sum");
        expect(0, NULL, "", FAR "run -d --name web busybox sleep 1000");
        expect(0, "", "", "cat data | " FAR "exec -i web cat | cksum | cmp - sum");
        /* Files of this side. */
        expect(0, "", "",
               FAR "cp data web:/tmp/copy && " FAR "exec web cat /tmp/copy | cmp - data");
        expect(0, "", "",
               FAR "cp web:/tmp/copy back && cmp data back && " FAR
                   "cp web:/tmp/copy - | tar -xO copy | cmp - data && rm back");
        expect(0, "renamed\n", "",
               "mkdir -p tree/in && echo x > tree/in/file && " FAR
               "cp tree web:/tmp/renamed && " FAR
               "exec web find /tmp/renamed -type f | grep -q in/file && " FAR
               "cp web:/tmp/renamed/in/file ./renamed && cat renamed > /dev/null && echo renamed");
        expect(0, "", "", "rm -r tree renamed");
        expect(0, "", "",
               FAR "export -o out.tar web && tar -tf out.tar tmp/copy > /dev/null && rm out.tar");
        expect(0, "sha256:" HEX64 "\n", "",
               FAR "import -m text -c 'CMD [\"true\"]' busybox.tar far:1");
        expect(0, "text true\n", "",
               "mydocker inspect -f '{{.Comment}} {{json .Config.Cmd}}' far:1 | tr -d '[]\"'");
        expect(0, "Loaded image: far:1\n", "",
               FAR "save -o far.tar far:1 && mydocker rmi far:1 > /dev/null && " FAR
                   "load -q < far.tar && rm far.tar");
        expect(0, NULL, "", "mydocker rmi far:1");
        /* Variables are those of this side. */
        expect(0, "here file\n", "",
               "echo FROM=file > variables; KEY=here " FAR
               "run --rm -e KEY --env-file variables busybox sh -c 'echo $KEY $FROM'");
        expect(0, "here file\n", "",
               "KEY=here " FAR "exec -e KEY --env-file variables web sh -c 'echo $KEY $FROM'");
        expect(0, "", "", "mydocker rm -f web > /dev/null; rm variables data sum");
}

/* Signals for the command here are for the process there. */
static void check_far_signals(void) {
        static const char *const commands[] = {
                "run --rm --name fore busybox sh",
                "exec fore sh",
                "attach fore",
        };

        for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
                const char *trap =
                        "trap \"echo hup; exit 5\" HUP; while :; do echo ready; sleep 0.05; done";

                if (i == 1)
                        expect(0, NULL, "", "mydocker run -d --name fore busybox sleep 1000");
                if (i == 2)
                        expect(0, NULL, "", "mydocker run -d --name fore busybox sh -c '%s'", trap);
                expect(5, "hup\n", "",
                       FAR
                       "%s %s%s%s > out & pid=$!;"
                       " until grep -qs ready out; do sleep 0.05; done; kill -HUP $pid; wait $pid;"
                       " status=$?; tail -n 1 out; rm out; exit $status",
                       commands[i], i < 2 ? "-c '" : "", i < 2 ? trap : "", i < 2 ? "'" : "");
                expect(0, NULL, NULL, "mydocker rm -f fore");
        }
}

static void test_host(void) {
        expect(0, "", "", "mkdir ssh");
        g_assert_true(g_file_set_contents("ssh/ssh", ssh_script, -1, NULL));
        expect(0, "", "", "chmod 0755 ssh/ssh");
        check_far_verbs();
        check_far_streams();
        check_far_signals();
        /* Who completes passes the words of the line alone. */
        for (guint i = 0; i < 2; i++)
                expect(0, "busybox\nbusybox:latest\n", "",
                       "MYDOCKER_TEST_BUS=$DBUS_SYSTEM_BUS_ADDRESS"
                       " DBUS_SYSTEM_BUS_ADDRESS=unix:path=/none PATH=$PWD/ssh:$PATH"
                       " mydocker complete -- %s bus",
                       i == 0 ? "--host=alice@far run" : "run -H alice@far");

        expect(0, "", "", "printf '#!/bin/sh\\nexit 255\\n' > ssh/ssh");
        expect(1, "",
               "Error: cannot reach the system bus of alice@far: *\n"
               "It takes ssh access, and systemd on the other machine.\n",
               FAR "ps");
        expect(125, "",
               "Error: cannot reach the system bus of alice@far: *\n"
               "It takes ssh access, and systemd on the other machine.\n",
               FAR "exec web true");
        expect(0, "", "", "rm -r ssh ssh.arguments");
}

int main(int argc, char **argv) {
        harness_init(&argc, &argv);
        harness_add("/manners/denied", test_denied);
        harness_add("/manners/absent", test_absent);
        harness_add("/manners/terminal-only", test_terminal_only);
        harness_add("/manners/host", test_host);
        return harness_run();
}

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
static const char ssh_script[] = "#!/bin/sh\n"
                                 "echo \"$*\" > ssh.arguments\n"
                                 "[ \"$1 $2 $4\" = '-xT -- systemd-stdio-bridge' ] || exit 1\n"
                                 "exec systemd-stdio-bridge -p \"$MYDOCKER_TEST_BUS\"\n";

#define FAR                                                                                        \
        "MYDOCKER_TEST_BUS=$DBUS_SYSTEM_BUS_ADDRESS DBUS_SYSTEM_BUS_ADDRESS=unix:path=/none"       \
        " PATH=$PWD/ssh:$PATH mydocker -H alice@far "

#define NOT_THERE(what, verb)                                                                      \
        "Error: " what " does not work over --host; try: ssh alice@far mydocker " verb " …\n"

static void test_host(void) {
        static const struct {
                int status;
                const char *out, *err, *command;
        } cases[] = {
                {0, HEX64 "\n", "",
                 "run -d --name web -v $PWD:/here:ro busybox sh -c"
                 " 'echo out; echo err >&2; exec sleep 1000'"},
                {0, "web\n", "", "ps --format '{{.Names}}'"},
                {0, "/web\n", "", "inspect -f '{{.Name}}' web"},
                /* Output is collected, since no descriptor gets there. */
                {4, "one\n", "two\n", "exec web sh -c 'echo one; echo two >&2; exit 4'"},
                {127, "", "*nonesuch*", "exec web nonesuch"},
                {0, "*busybox.tar*", "", "exec web ls /here"},
                {0, "out\n", "err\n", "logs web"},
                {0, "*sleep 1000\n", "", "top web"},
                {0, "sha256:" HEX64 "\n", "", "commit web mine"},
                {0, "Untagged: mine:latest\nDeleted: sha256:" HEX64 "\n", "", "rmi mine"},
                /* By time and number, of what is read without a descriptor. */
                {0, "", "err\n", "logs -n 1 web"},
                {0, "out\n", "err\n", "logs -n 2 --since 1h web"},
                {0, "", "", "logs --until 1h web"},
                {0, "", "", "logs -n 0 web"},
                /* In the foreground output comes from the log; the removal waits for that. */
                {4, "one\n", "two\n",
                 "run --rm --name fore busybox sh -c 'echo one; sleep 0.3; echo two >&2; exit 4'"},
                {0, "part", "", "run --rm --name fore busybox printf part"},
                {1, "", "Error: No such container: fore\n", "rm fore"},
                {0, "kept\n", "", "run --name fore busybox echo kept"},
                {0, "kept\n", "", "logs fore"},
                {0, "fore\n", "", "rm fore"},
                {127, "", "*nonesuch*", "run --rm --name fore busybox nonesuch"},
                {1, "", "Error: No such container: fore\n", "rm fore"},
                {125, "", NOT_THERE("running with -i or -t", "run"), "run --rm -i busybox true"},
                {125, "", NOT_THERE("running in the foreground without a log file", "run"),
                 "run --log-driver none busybox true"},
                {125, "", NOT_THERE("exec with -d, -i or -t", "exec"), "exec -i web cat"},
                {125, "", NOT_THERE("exec with -d, -i or -t", "exec"), "exec -d web sleep 1000"},
                {1, "", NOT_THERE("attach", "attach"), "attach web"},
                {1, "", NOT_THERE("start with -a or -i", "start"), "start -a web"},
                {1, "", NOT_THERE("save", "save"), "save busybox"},
                {1, "", NOT_THERE("export", "export"), "export web"},
                {1, "", NOT_THERE("reading an archive", "import"), "import busybox.tar mine"},
                {1, "", NOT_THERE("reading an archive", "load"), "load -i busybox.tar"},
                {1, "", "Error: No such container: none\n", "stop none"},
                {0, "web\n", "", "rm -f web"},
        };

        expect(0, "", "", "mkdir ssh");
        g_assert_true(g_file_set_contents("ssh/ssh", ssh_script, -1, NULL));
        expect(0, "", "", "chmod 0755 ssh/ssh");
        for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
                expect(cases[i].status, cases[i].out, cases[i].err, FAR "%s", cases[i].command);
        expect(0, "-xT -- alice@far systemd-stdio-bridge\n", "", "cat ssh.arguments");
        /* Who completes passes the words of the line alone. */
        for (guint i = 0; i < 2; i++)
                expect(0, "busybox\nbusybox:latest\n", "",
                       "MYDOCKER_TEST_BUS=$DBUS_SYSTEM_BUS_ADDRESS"
                       " DBUS_SYSTEM_BUS_ADDRESS=unix:path=/none PATH=$PWD/ssh:$PATH"
                       " mydocker complete -- %s bus",
                       i == 0 ? "--host=alice@far run" : "run -H alice@far");
        expect(0, "ready\nhup\n", "",
               FAR "run --rm --name fore busybox sh -c 'trap \"echo hup; exit 5\" HUP; echo ready;"
                   " while :; do sleep 0.05; done' > out & pid=$!;"
                   " until grep -qs ready out; do sleep 0.05; done; kill -HUP $pid; wait $pid;"
                   " test $? = 5; cat out; rm out; ! mydocker inspect fore > /dev/null 2>&1");

        expect(0, "", "", "printf '#!/bin/sh\\nexit 255\\n' > ssh/ssh");
        expect(1, "",
               "Error: cannot reach the system bus of alice@far: *\n"
               "It takes ssh access, and systemd on the other machine.\n",
               FAR "ps");
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

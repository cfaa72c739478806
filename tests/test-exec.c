/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker exec: what a process in a running container is given, how it ends, and many of them at once. */

#include "harness.h"

#include <stdlib.h>
#include <string.h>

#define MANY (HARNESS_SLOW ? 60 : 300)

static char *target;

static void start_target(const char *options) {
        target = container_run(options, "sleep 100000");
}

static void end_target(void) {
        container_remove(target);
        g_clear_pointer(&target, g_free);
}

static void test_environment(void) {
        start_target("{'name': <'target'>, 'env': <['FROM=container', 'BOTH=container']>,"
                     " 'workdir': <'/etc'>, 'user': <'alice'>}");
        /* What the container has, unless something else is asked for. */
        expect(0, "/etc\n1000:1000 1000 50\ncontainer container\n", "",
               "mydocker exec target sh -c 'pwd; echo $(id -u):$(id -g) $(id -G); echo $FROM $BOTH'");
        expect(0, "/tmp\n0:0 0\ncontainer own\n", "",
               "mydocker exec -w /tmp -u root -e BOTH=own target "
               "sh -c 'pwd; echo $(id -u):$(id -g) $(id -G); echo $FROM $BOTH'");
        expect(0, "7:50\n", "", "mydocker exec -u 7:staff target sh -c 'echo $(id -u):$(id -g)'");
        expect(0, "here file\n", "",
               "echo IN_FILE=file > env; HERE=here mydocker exec -e HERE --env-file env target "
               "sh -c 'echo $HERE $IN_FILE'; rm env");
        expect(0, "xterm\n", "",
               "mydocker exec -t target sh -c 'echo $TERM' < /dev/null | tr -d '\\r'");
        expect(125, "", "*nobody-knows*", "mydocker exec -u nobody-knows target true");
        expect(125, "", "?*", "mydocker exec -w /no/such target true");
        expect(125, "", "*--privileged*", "mydocker exec --privileged target true");
        /* No more rights than the container. */
        expect(0, "1\n", "",
               "{ mydocker exec -u root target grep CapBnd /proc/self/status;"
               " mydocker exec -u root target grep CapBnd /proc/1/status; } | sort -u | wc -l");
        end_target();
}

static void test_status(void) {
        start_target("{'name': <'target'>}");
        for (int status = 0; status < 256; status += 51)
                expect(status, "", "", "mydocker exec target sh -c 'exit %d'", status);
        expect(137, "", "", "mydocker exec target sh -c 'kill -KILL $$'");
        expect(143, "", "", "mydocker exec target sh -c 'kill -TERM $$'");
        expect(127, "", "*/no/such*", "mydocker exec target /no/such");
        expect(127, "", "*no-such*", "mydocker exec target no-such");
        expect(126, "", "*/etc/passwd*", "mydocker exec target /etc/passwd");
        expect(126, "", "*/etc*", "mydocker exec target /etc");
        expect(125, "", "?*", "mydocker exec --no-such-flag target true");
        expect(125, "", "*No such container: absent*", "mydocker exec absent true");
        expect(0, "", "", "mydocker pause target > /dev/null");
        expect(125, "", "*paused*", "mydocker exec target true");
        expect(0, "", "",
               "mydocker unpause target > /dev/null; mydocker kill target > /dev/null; "
               "mydocker wait target > /dev/null");
        expect(125, "", "*is not running*", "mydocker exec target true");
        end_target();
}

/* Signals to the command go to the process. */
static void test_signals(void) {
        start_target("{'name': <'target'>}");
        expect(9, "ready\ncaught\n", "",
               "mydocker exec target sh -c 'trap \"echo caught; exit 9\" USR1; echo ready; "
               "while :; do sleep 0.05; done' > out & pid=$!; "
               "until grep -qs ready out; do sleep 0.05; done; kill -USR1 $pid; wait $pid; status=$?; "
               "cat out; rm out; exit $status");
        /* The end of the container is that of all in it. */
        expect(137, "", "",
               "mydocker exec target sleep 100000 & pid=$!; "
               "until mydocker top target | grep -c sleep | grep -q 2; do sleep 0.05; done; "
               "mydocker kill target > /dev/null; wait $pid");
        end_target();
}

static void test_detached(void) {
        start_target("{'name': <'target'>}");
        expect(0, "", "",
               "mydocker exec -d target sh -c 'echo $$ > /tmp/pid; sleep 0.2; echo more >> /tmp/pid; sleep 100000'");
        WAIT_UNTIL(shell(NULL, NULL, "mydocker exec target grep -q more /tmp/pid") == 0);
        expect(0, "", "", "mydocker exec target sh -c 'kill -KILL $(head -n 1 /tmp/pid)'");
        expect(127, "", "?*", "mydocker exec -d target /no/such");
        end_target();
}

/* Children of the supervisor that it has not reaped. */
static int count_zombies(void) {
        g_autofree char *out = NULL;

        shell(&out, NULL, "ps -o stat= --ppid %d | grep -c ^Z", supervisor_pid());
        return atoi(out);
}

/* Many at once: each has its own output and status, and nothing of them is left. */
static void test_many(void) {
        start_target("{'name': <'target'>}");
        expect(0, "", "",
               "mkdir many; i=0; while [ $i -lt %d ]; do "
               "(echo in $i | mydocker exec -i target sh -c \"cat; echo out $i; echo err $i >&2; exit $((i %% 200))\" "
               "> many/$i.out 2> many/$i.err; echo $? > many/$i.status) & i=$((i+1)); done; wait",
               MANY);
        expect(0, "", "",
               "i=0; while [ $i -lt %d ]; do "
               "test \"$(cat many/$i.status)\" = $((i %% 200)) || echo $i exits with $(cat many/$i.status); "
               "test \"$(cat many/$i.out)\" = \"in $i\nout $i\" || echo $i writes $(cat many/$i.out); "
               "test \"$(cat many/$i.err)\" = \"err $i\" || echo $i complains $(cat many/$i.err); "
               "i=$((i+1)); done; rm -r many",
               MANY);
        /* Nothing but the container's own process, a zombie neither. */
        WAIT_UNTIL(shell(NULL, NULL,
                         "test $(mydocker exec target sh -c 'ls -d /proc/[0-9]*' | wc -l) -le 3") ==
                   0);
        WAIT_UNTIL(count_zombies() == 0);
        end_target();
}

/* One after the other, with what each could leave behind: the harness compares descriptors before and after. */
static void test_killed_clients(void) {
        g_auto(GStrv) before = NULL;

        start_target("{'name': <'target'>}");
        before = leaks_baseline();
        for (int i = 0; i < 10; i++)
                expect(0, "", NULL,
                       "mydocker exec -i target sh -c 'echo ready; cat' > out < /dev/zero & pid=$!; "
                       "until grep -qs ready out; do sleep 0.02; done; kill -KILL $pid; wait; rm out; true");
        leaks_check(before);
        end_target();
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        harness_add("/exec/environment", test_environment);
        harness_add("/exec/status", test_status);
        harness_add("/exec/signals", test_signals);
        harness_add("/exec/detached", test_detached);
        harness_add("/exec/many", test_many);
        harness_add("/exec/killed-clients", test_killed_clients);
        return harness_run();
}

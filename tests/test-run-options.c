/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Options of run and create that no other test is about, and small verbs, as people use them. */

#include "harness.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NODE "/dev/mydocker-test"
#define LINK "/dev/mydocker-link"
#define PLAIN "/dev/mydocker-file"

static void remove_nodes(void) {
        unlink(NODE);
        unlink(LINK);
        unlink(PLAIN);
}

static void test_devices(void) {
        static const char *const bad[] = {
                "('/etc/passwd', '/dev/x', '')", "('/dev/../etc/passwd', '/dev/x', '')",
                "('/dev', '/dev/x', '')",        "('dev/null', '/dev/x', '')",
                "('/dev/null', 'dev/x', '')",    "('/dev/null', '/', '')",
                "('/dev/null', '/dev/x', 'r')",  "('/dev/null', '/dev/../x', '')",
        };
        g_autofree char *output = NULL, *path = NULL;

        remove_nodes(); /* should an earlier run not have come so far */
        /* As /dev/zero, but that only root may use it. */
        g_assert_cmpint(mknod(NODE, S_IFCHR | 0600, makedev(1, 5)), ==, 0);
        g_assert_cmpint(symlink("mydocker-test", LINK), ==, 0);
        g_assert_true(g_file_set_contents(PLAIN, "text", -1, NULL));
        output = container_output(
                "{'devices': <[('" NODE "', '/dev/some/zero', 'rwm'), ('" LINK
                "', '/srv/again', ''), "
                "('/dev/null', '/dev/hole', 'rw')]>}",
                "for f in /dev/some/zero /srv/again; do head -c 3 $f | od -An -tx1; stat -c '%u:%g %a %t,%T' $f; done; "
                "echo lost > /dev/hole && wc -c < /dev/hole; ls /dev | grep -c mydocker",
                &(int){0});
        check_text("devices", output, " 00 00 00\n0:0 600 1,5\n 00 00 00\n0:0 600 1,5\n0\n0\n");
        /* The mode counts, and what is made inside is of no use. */
        expect(1, "", "*ermission denied*",
               "mydocker run --rm --device " NODE " -u 1000 busybox head -c 1 " NODE);
        expect(0, "1\n", "",
               "mydocker run --rm --device " NODE
               ":/dev/z:rwm busybox sh -c 'head -c 1 /dev/z | wc -c'");
        expect(1, "", NULL, "mydocker run --rm --device " NODE " busybox mknod /tmp/x c 1 5");

        /* Opened anew for each start. */
        path = container_create("{'devices': <[('" LINK "', '/dev/x', '')]>}",
                                "stat -c %t,%T /dev/x");
        g_variant_unref(bus_call(path, "Start", "(@a{sv} {},)"));
        g_assert_cmpint(container_wait(path), ==, 0);
        g_assert_cmpint(unlink(LINK), ==, 0);
        bus_refused(bus, ERROR_MYDOCKER("RuntimeFailed"), "device: *" LINK "*", path, "Start",
                    "(@a{sv} {},)");
        g_assert_cmpint(symlink("null", LINK), ==, 0);
        g_variant_unref(bus_call(path, "Start", "(@a{sv} {},)"));
        g_assert_cmpint(container_wait(path), ==, 0);
        g_free(output);
        output = container_log(path);
        check_text("device", output, "1,5\n1,3\n");
        container_remove(path);

        for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
                bus_refused(bus, ERROR_ARGS, "Option devices*", NULL, "Create",
                            "('busybox', ['true'], {'devices': <[%@(sss)]>})",
                            g_variant_new_parsed(bad[i]));
        bus_refused(bus, ERROR_MYDOCKER("RuntimeFailed"), "device: *is no device*", NULL, "Run",
                    "('busybox', ['true'], {'devices': <[('" PLAIN "', '/dev/x', '')]>})");
        /* A link out of /dev, and what is there only for who looks. */
        bus_refused(bus, ERROR_MYDOCKER("RuntimeFailed"), "device: *", NULL, "Run",
                    "('busybox', ['true'], {'devices': <[('/dev/fd/0', '/dev/x', '')]>})");
        bus_refused(bus, ERROR_MYDOCKER("RuntimeFailed"), "device: *", NULL, "Run",
                    "('busybox', ['true'], {'devices': <[('/dev/no-such', '/dev/x', '')]>})");
        remove_nodes();
}

static void test_labels(void) {
        expect(0, "*", "",
               "printf '# text\\n\\nteam=blue\\nempty\\nweb=no\\n' > labels; "
               "mydocker create --name labelled --label-file labels -l web=yes busybox true; rm labels");
        expect(0, "blue yes\n", "",
               "mydocker inspect --format '{{.Config.Labels.team}} {{.Config.Labels.web}}' labelled");
        expect(0, "labelled\n", "", "mydocker ps -a --filter label=empty --format '{{.Names}}'");
        expect(125, "", "*no-such-file*", "mydocker create --label-file no-such-file busybox true");
        expect(0, "labelled\n", "", "mydocker rm labelled");
}

static void test_refused(void) {
        expect(125, "", "*--privileged*--cap-add*", "mydocker run --rm --privileged busybox true");
        expect(125, "", "*--pull always*", "mydocker run --rm --pull always busybox true");
        expect(0, "", "", "mydocker run --rm --pull never --privileged=false busybox true");
}

static void test_inspect(void) {
        expect(0, "*", "",
               "mydocker create --name shown --init --ulimit nofile=5:6 --ulimit core=unlimited "
               "--device /dev/null:/dev/x busybox true");
        expect(0,
               "*\"Devices\": [*\"PathOnHost\": \"/dev/null\",*\"PathInContainer\": \"/dev/x\"*"
               "\"Init\": true,*\"Name\": \"nofile\",*\"Soft\": 5,*\"Hard\": 6*"
               "\"Name\": \"core\",*\"Soft\": -1,*\"Hard\": -1*",
               "", "mydocker inspect shown");
        expect(0, "shown\n", "", "mydocker rm shown");
}

static void test_port(void) {
        expect(0, "*", "", "mydocker run -d --name silent busybox sleep 1000");
        expect(0, "", "", "mydocker port silent");
        expect(1, "", "Error: No public port '80/tcp' published for silent\n",
               "mydocker port silent 80/tcp");
        expect(1, "", "*No such container: nobody*", "mydocker port nobody");
        expect(0, "", "", "mydocker container port silent");
        expect(0, "silent\n", "", "mydocker rm -f silent");
}

static void test_top(void) {
        expect(0, "*", "", "mydocker run -d --name busy busybox sleep 1234");
        expect(0, "UID*PID*PPID*RSS*STIME*TIME*CMD\n*sleep 1234\n", "", "mydocker top busy");
        expect(0, "PID*CMD\n*sleep 1234\n", "", "mydocker top busy -o pid,cmd");
        expect(0, "CMD*UID\nsleep 1234*0\n", "", "mydocker top busy -eo args,user");
        expect(0, "PPID*CMD\n*sleep 1234\n", "", "mydocker top busy ppid args");
        expect(0, "UID*CMD\n*sleep 1234\n", "", "mydocker top busy -ef");
        expect(0, "UID*CMD\n*sleep 1234\n", "", "mydocker top busy aux");
        expect(1, "", "*unknown column: moon*", "mydocker top busy -o pid,moon");
        expect(1, "", "*--forest*", "mydocker top busy --forest");
        expect(0, "busy\n", "", "mydocker rm -f busy");
}

/* Events until some seconds from now, and what happens as soon as they are listened to; with more time if it was late. */
#define UNTIL                                                                                      \
        "for seconds in 3 12 48; do end=$(($(date +%%s) + seconds)); "                             \
        "mydocker events %s --until $end > events & "                                              \
        "until [ -s events ] || [ $(date +%%s) -ge $end ]; do"                                     \
        " mydocker run --rm --name first busybox true; done; "                                     \
        "mydocker run --rm --name heard busybox sh -c 'exit %d'; "                                 \
        "now=$(date +%%s); wait; [ $now -ge $end ] || break; done"

static void test_events(void) {
        expect(0, "", "*not kept*", "mydocker events --since 1h --until 1s");
        expect(1, "", "*invalid time*", "mydocker events --until whenever");
        /* Until a moment to come, with all that happens before it. */
        expect(0,
               "*container create *name=heard*container start *name=heard*container die *exitCode=5*"
               "container destroy *name=heard*",
               "", UNTIL "; cat events; rm events", "", 5);
        expect(0, "{*\"Action\":\"die\"*\"exitCode\":\"6\"*\"name\":\"heard\"*}\n", "",
               UNTIL "; tail -n 1 events; rm events",
               "--filter event=die --filter container=first --filter container=heard --format json",
               6);
}

/* As docker words it: by hand, after all that it consists of; by its policy, only that it ended and began. */
static void test_restart_events(void) {
        expect(0, NULL, "",
               "mydocker run -d --name again --restart on-failure busybox sh -c"
               " '[ -e /once ] || { until [ -e /go ]; do sleep 0.05; done; touch /once; exit 3; }; sleep 1000'");
        expect(0, "", "",
               "mydocker events --filter container=again --format '{{.Action}}' > events 2>&1 & echo $! > pid");
        /* It listens. */
        WAIT_UNTIL(shell(NULL, NULL,
                         "mydocker pause again; mydocker unpause again; grep -q unpause events") ==
                   0);
        expect(0, NULL, "", "mydocker exec again touch /go");
        WAIT_UNTIL(shell(NULL, NULL, "grep -A 9 die events | grep -q '^start'") == 0);
        expect(0, "again\n", "", "mydocker restart -t 0 again");
        expect(0, "again\n", "", "mydocker stop -t 0 again");
        expect(0, "again\n", "", "mydocker restart again");
        expect(0, "again\n", "", "mydocker rm -f again");
        WAIT_UNTIL(shell(NULL, NULL, "grep -q destroy events") == 0);
        expect(0,
               "die\nstart\ndie\nstop\nstart\nrestart\ndie\nstop\nstart\nrestart\ndie\nstop\ndestroy\n",
               "", "kill $(cat pid); grep -v pause events | grep -v exec; rm events pid");
}

/* The kernel ends what needs more memory than it may have. */
static void test_oom(void) {
        expect(0, "", "",
               "mydocker events --filter event=oom > events & echo $! > pid; "
               "until [ -s events ]; do mydocker rm -f greedy; "
               "mydocker run --name greedy -m 4m busybox sh -c 'x=a; while :; do x=$x$x; done'; echo $? > status; "
               "done > /dev/null 2>&1; kill $(cat pid)");
        expect(0, "*container oom *name=greedy*", "", "cat events");
        expect(0, "137\n", "", "cat status; rm -f events pid status");
        expect(0, "true 137\n", "",
               "mydocker inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}}' greedy");
        expect(0, "Exited (137) * ago\n", "", "mydocker ps -a --format '{{.Status}}'");
        expect(0, "greedy\n", "", "mydocker rm greedy");
}

int main(int argc, char **argv) {
        harness_init(&argc, &argv);
        harness_add("/run-options/devices", test_devices);
        harness_add("/run-options/labels", test_labels);
        harness_add("/run-options/refused", test_refused);
        harness_add("/run-options/inspect", test_inspect);
        harness_add("/run-options/port", test_port);
        harness_add("/run-options/top", test_top);
        harness_add("/run-options/events", test_events);
        harness_add("/run-options/restart-events", test_restart_events);
        harness_add("/run-options/oom", test_oom);
        return harness_run();
}

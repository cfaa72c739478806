/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Images made of containers: what is in them, and what happens to the container meanwhile. */

#include "harness.h"

#include <signal.h>
#include <string.h>

/* Commits. Return: the image's path, to be freed. */
static char *commit(const char *path, const char *name, const char *options) {
        g_autoptr(GVariant) reply = NULL, results = NULL;
        const char *job, *id;

        reply = bus_call(path, "Commit", "(%s, %@a{sv})", name,
                         g_variant_new_parsed(options ?: "@a{sv} {}"));
        g_variant_get(reply, "(&o)", &job);
        results = job_finish(job, NULL);
        g_assert_nonnull(results);
        g_assert_true(g_variant_lookup(results, "image", "&s", &id));
        return g_strconcat("/org/mydocker/images/", id, NULL);
}

/* All kinds of things that a layer must keep. */
#define MAKE_FILES                                                                                                    \
        "mkdir /d /gone; echo one > /d/one; ln /d/one /d/hard; ln -s one /d/soft; mkfifo /d/fifo;"                    \
        "chown 1000:50 /d/one; chmod 4711 /d/hard; touch -h -d '2001-02-03 04:05:06' /d/soft;"                        \
        "touch -d '2001-02-03 04:05:06' /d/one; dd if=/dev/zero of=/d/sparse bs=1 count=1 seek=50000000 2>/dev/null;" \
        "rm /etc/group; rm -r /home; mkdir /home; echo new > /home/new; rmdir /gone;"                                 \
        "echo changed >> /etc/passwd; mkdir -m 1777 /d/sticky; touch '/d/na me\\xff';"

#define SHOW_FILES                                                                                                     \
        "cd /; find d home etc | sort; cat d/one; readlink d/soft; stat -c '%a %u:%g %h %Y %s' d/one d/fifo d/sticky;" \
        "stat -c %Y d/soft; stat -c %s d/sparse; [ $(du -k d/sparse | cut -f1) -lt 1000 ] && echo sparse;"             \
        "ls -i d/one d/hard | awk '{ print $1 }' | uniq | wc -l; tail -n 1 etc/passwd"

static void check_same_files(const char *image, const char *expected) {
        g_autoptr(GVariant) reply =
                bus_call(NULL, "Run", "(%s, ['sh', '-c', %s], @a{sv} {})", image, SHOW_FILES);
        g_autofree char *path = NULL, *log = NULL;

        g_variant_get(reply, "(o)", &path);
        container_wait(path);
        log = container_log(path);
        check_text("files of the committed image", log, expected);
        container_remove(path);
}

static void test_stopped(void) {
        g_autofree char *path = container_run(NULL, "[ -e /d ] || { " MAKE_FILES "};" SHOW_FILES),
                        *expected = NULL;
        g_autofree char *image = NULL, *again = NULL;

        container_wait(path);
        expected = container_log(path);
        CHECK(strstr(expected, "sparse\n1\nchanged"));
        image = commit(path, "stopped", NULL);
        check_same_files("stopped", expected);

        /* The container is as usable as before, and can be committed again. */
        g_variant_unref(bus_call(path, "Start", "(@a{sv} {},)"));
        container_wait(path);
        again = commit(path, "again", NULL);
        check_same_files("again", expected);
        g_assert_cmpstr(image, !=, again);
        container_remove(path);
        check_same_files("stopped", expected);
        image_remove("stopped");
        check_same_files("again", expected);
        image_remove("again");
}

static void test_running(void) {
        g_autofree char *path = container_run(NULL, MAKE_FILES SHOW_FILES
                                              "; touch /ready; while :; do echo x >> /count; done");
        g_autofree char *expected = NULL, *image = NULL, *before = NULL, *after = NULL;
        g_auto(GStrv) layers = NULL;
        g_autoptr(GVariant) value = NULL;

        g_free(container_exec(path, "while [ ! -e /ready ]; do sleep 0.1; done"));
        container_wait_log(path, "sparse\n1\nchanged\n");
        expected = container_log(path);
        image = commit(path, "running", NULL);
        bus_check_property(path, "State", "'running'");
        check_same_files("running", expected);
        value = bus_property(image, "Layers");
        g_assert_cmpuint(g_variant_n_children(value), ==, 2);

        /* It goes on. */
        before = container_exec(path, "wc -c < /count");
        WAIT_UNTIL((g_free(after), after = container_exec(path, "wc -c < /count"),
                    !g_str_equal(before, after)));

        bus_refused(bus, ERROR_MYDOCKER("ImageExists"), "*running*", path, "Commit",
                    "('running', @a{sv} {})");
        g_free(commit(path, "running", "{'replace': <true>}"));
        bus_check_property(image, "Names", "[]");
        g_variant_unref(bus_call(image, "Remove", "(@a{sv} {},)"));
        container_remove(path);
        image_remove("running");
}

/* A chain: an image of a container of an image of a container. */
static void test_chain(void) {
        g_autofree char *first = container_run(NULL, "echo 1 > /1; rm /etc/group"), *second = NULL,
                        *log = NULL;
        g_autoptr(GVariant) reply = NULL, last = NULL;
        g_autofree char *third = NULL;

        container_wait(first);
        g_free(commit(first, "first", NULL));
        reply = bus_call(
                NULL, "Run",
                "('first', ['sh', '-c', 'rm /1; echo 2 > /2; echo g > /etc/group'], @a{sv} {})");
        g_variant_get(reply, "(o)", &second);
        container_wait(second);
        g_free(commit(second, "second", NULL));
        last = bus_call(
                NULL, "Run",
                "('second', ['sh', '-c', 'ls / /etc | tr \"\\n\" \" \"; cat /2 /etc/group'], @a{sv} {})");
        g_variant_get(last, "(o)", &third);
        container_wait(third);
        log = container_log(third);
        check_text(
                "the third container", log,
                "/: 2 bin dev etc home proc root sys tmp var  /etc: group hostname hosts passwd 2\ng\n");
        container_remove(first);
        container_remove(second);
        container_remove(third);
        /* A layer goes with the last image that needs it. */
        image_remove("first");
        expect(0, "2\n", "", "mydocker run --rm second cat /2");
        image_remove("second");
}

/* As many layers as there can be, and then one more: it gets a single one, with the same files. */
static void test_deep(void) {
        g_autofree char *path = container_create(
                "{'name': <'deep'>}",
                "n=$(cat /n 2>/dev/null || echo 0); n=$((n+1)); echo $n > /n; echo $n > /file$n;"
                "rm -f /file$((n-2)); rm -rf /dir; mkdir /dir; echo $n > /dir/in$n; [ $n != 50 ] || rm /etc/group");
        g_autoptr(GVariant) deepest = NULL, flat = NULL;
        g_autofree char *files = NULL, *last = NULL;

        for (int i = 1; i <= 100; i++) {
                g_autofree char *name = g_strdup_printf("deep:%d", i), *image = NULL;

                g_variant_unref(bus_call(path, "Start", "(@a{sv} {},)"));
                container_wait(path);
                image = commit(path, name, NULL);
                if (i == 99)
                        deepest = bus_property(image, "Layers");
                else if (i == 100)
                        flat = bus_property(image, "Layers");
        }
        g_assert_cmpuint(g_variant_n_children(deepest), ==, 100);
        g_assert_cmpuint(g_variant_n_children(flat), ==, 1);
        expect(0, "99\n99\n", "", "mydocker run --rm deep:99 cat /n /dir/in99");
        expect(0, "", "",
               "mydocker run -d --name running deep:99 sleep 1000 > /dev/null; mydocker exec running true");
        expect(0, "98\n99\n", "", "mydocker export running | tar -xOf - file99 file98");
        expect(0, "", "", "mydocker rm -f running > /dev/null");

        /* The container is as it was, and so is what was made of it. */
        expect(0, NULL, "", "mydocker export deep | tar -tvf - --full-time | sort > of-container");
        expect(0, NULL, "",
               "mydocker save --format rootfs deep:100 | tar -tvf - --full-time | sort > of-image");
        expect(0, "", "",
               "grep -vE ' (dev|proc|sys|etc)/| ./$' of-container > a; grep -vE ' (dev|proc|sys|etc)/| ./$' of-image > b; diff a b");
        expect(0, "/dir/in100 /file100 /file99\n", "",
               "mydocker run --rm deep:100 sh -c 'echo /dir/* /file*; ! [ -e /etc/group ]'");
        expect(0, NULL, "", "mydocker history deep:100 | grep 'commit of all layers as one'");
        g_variant_unref(bus_call(path, "Start", "(@a{sv} {},)"));
        container_wait(path);
        container_remove(path);
        expect(0, NULL, "",
               "for i in $(seq 100); do echo deep:$i; done | xargs mydocker rmi; rm of-container of-image a b");
}

static void test_volumes(void) {
        g_autofree char *here = g_get_current_dir(), *options = NULL, *path = NULL;

        expect(0, "", "",
               "mkdir data && mkdir data/sub && echo on-host > data/sub/file && chown 1000:50 data/sub/file");
        options = g_strdup_printf(
                "{'volumes': <[('%s/data', '/vol/deep', ''), ('%s/data', '/ro', 'ro')]>}", here,
                here);
        path = container_run(options, "echo inside > /vol/deep/new; sleep 1000");

        WAIT_UNTIL(shell(NULL, NULL, "grep -qs inside data/new") == 0);
        g_free(commit(path, "with", NULL));
        g_free(commit(path, "without", "{'include-volumes': <false>}"));
        g_variant_unref(bus_call(path, "Stop", "({'timeout': <uint32 0>},)"));
        g_free(commit(path, "with-stopped", NULL));

        for (const char *const *image = (const char *const[]){"with", "with-stopped", NULL}; *image;
             image++) {
                expect(0, "on-host\ninside\n1000:50\n", "",
                       "mydocker run --rm %s sh -c 'cat /vol/deep/sub/file /ro/new; stat -c %%u:%%g /vol/deep/sub/file'",
                       *image);
                expect(0, "on-host\n", "",
                       "mydocker save --format rootfs -o flat.tar %s && tar -xOf flat.tar vol/deep/sub/file",
                       *image);
        }
        expect(1, NULL, NULL, "mydocker run --rm without ls /vol/deep/new");
        expect(0, "on-host\ninside\n", "", "cat data/sub/file data/new");
        container_remove(path);
        expect(0, "on-host\ninside\n", "", "cat data/sub/file data/new");
        image_remove("with");
        image_remove("with-stopped");
        image_remove("without");
        expect(0, "", "", "rm -r data flat.tar");
}

static void test_configuration(void) {
        g_autofree char *path = container_create("{'env': <['A=b']>}", "true"), *image = NULL,
                        *text = NULL;
        g_autoptr(GVariant) config = NULL, history = NULL;

        image = commit(
                path, "configured",
                "{'message': <'a message'>, 'author': <'somebody'>, 'changes': <['CMD [\"echo\", \"by default\"]',"
                " 'ENV KEY=value', 'WORKDIR /tmp', 'USER alice', 'LABEL a=b', 'EXPOSE 80']>}");
        config = bus_call(image, "GetConfig", "(@a{sv} {},)");
        g_variant_get(config, "(s)", &text);
        for (const char *const *part = (const char *const[]){"by default", "KEY=value", "/tmp",
                                                             "alice", "80/tcp", "somebody", NULL};
             *part; part++)
                if (!strstr(text, *part))
                        test_fails("“%s” is not in %s", *part, text);
        history = bus_call(image, "GetHistory", "(@a{sv} {},)");
        {
                g_autofree char *printed = g_variant_print(history, FALSE);

                CHECK(strstr(printed, "a message"));
        }
        expect(0, "by default\n", "", "mydocker run --rm configured");
        expect(0, "value\n/tmp\n1000\n", "",
               "mydocker run --rm configured sh -c 'echo $KEY; pwd; id -u'");
        container_remove(path);
        image_remove("configured");
}

#define MAKE_BASE                                                                                        \
        "mydocker create --name bare busybox true; mydocker commit -c 'ENTRYPOINT [\"echo\", \"-n\"]'"   \
        " -c 'CMD [\"hello\"]' -c 'ENV FROM=image' -c 'EXPOSE 80' -c 'LABEL one=1'"                      \
        " -c 'STOPSIGNAL SIGQUIT' -c 'WORKDIR /etc' -c 'HEALTHCHECK --interval=1h CMD false' bare base;" \
        " mydocker rm bare"

/* Commits the container "c" and compares the image's configuration, with sorted keys. */
static void check_config(const char *expected) {
        g_autofree char *line = g_strconcat(expected, "\n", NULL);

        expect(0, NULL, "", "mydocker commit c new");
        expect(0, line, "",
               "mydocker inspect --format '{{json .Config}}' new |"
               " python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin), sort_keys=True))'");
        expect(0, NULL, "", "mydocker rm -f c; mydocker rmi new");
}

/* An image is as its container was made; what the service puts into every environment stays out. */
static void test_inherited(void) {
        expect(0, NULL, "", MAKE_BASE);
        expect(0, NULL, "",
               "mydocker create --name c -t -e A=b -e FROM=user -w /tmp -u alice -l two=2 --stop-signal SIGRTMIN+3"
               " --health-cmd 'test -e /ok' --health-interval 2s base by hand");
        check_config(
                "{\"Cmd\": [\"by\", \"hand\"], \"Entrypoint\": [\"echo\", \"-n\"],"
                " \"Env\": [\"FROM=user\", \"A=b\"], \"ExposedPorts\": {\"80/tcp\": {}},"
                " \"Healthcheck\": {\"Interval\": 2000000000, \"Retries\": 3, \"StartInterval\": 2000000000,"
                " \"StartPeriod\": 0, \"Test\": [\"CMD-SHELL\", \"test -e /ok\"], \"Timeout\": 30000000000},"
                " \"Labels\": {\"one\": \"1\", \"two\": \"2\"}, \"StopSignal\": \"SIGRTMIN+3\","
                " \"User\": \"alice\", \"WorkingDir\": \"/tmp\"}");
        /* Another entry point has no use for the image's command. */
        expect(0, NULL, "",
               "mydocker create --name c --entrypoint /bin/sh --no-healthcheck -e PATH=/bin base");
        check_config(
                "{\"Entrypoint\": [\"/bin/sh\"], \"Env\": [\"PATH=/bin\", \"FROM=image\"],"
                " \"ExposedPorts\": {\"80/tcp\": {}}, \"Healthcheck\": {\"Test\": [\"NONE\"]},"
                " \"Labels\": {\"one\": \"1\"}, \"StopSignal\": \"SIGQUIT\", \"WorkingDir\": \"/etc\"}");
        /* With changes on top of it, which do not reach back to the container. */
        expect(0, "value image\nsecret image\n", "",
               "mydocker create --name c -e KEY=secret -l mark=old base sh > /dev/null;"
               " mydocker commit -c 'ENV KEY=value' -c 'LABEL mark=new' c new > /dev/null;"
               " mydocker run --rm --entrypoint sh new -c 'echo $KEY $FROM';"
               " mydocker commit c again > /dev/null; mydocker run --rm --entrypoint sh again -c 'echo $KEY $FROM'");
        expect(0, "old\nnew\nold\n", "",
               "for i in c new again; do mydocker inspect --format '{{.Config.Labels.mark}}' $i; done");
        expect(0, NULL, "", "mydocker rm c; mydocker rmi new again base");
}

/* Of a container from before an upgrade the entry point's end is not known, and of an image that has gone nothing. */
static void test_inherited_from_older(void) {
        expect(0, NULL, "", MAKE_BASE);
        expect(0, NULL, "",
               "mydocker create --name c base by hand; mydocker create --name own --entrypoint sh base");
        daemon_kill(SIGTERM);
        expect(0, "2\n", "",
               "sed -i '/entrypoint-words/s/\"entrypoint-words\": *[0-9]*,//' %s/state/containers/*/config.json;"
               " grep -L entrypoint-words %s/state/containers/*/config.json | wc -l",
               sandbox_dir(), sandbox_dir());
        daemon_start();
        expect(0, "[\"by\",\"hand\"] [\"echo\",\"-n\"]\n", "",
               "mydocker commit c new > /dev/null;"
               " mydocker inspect --format '{{json .Config.Cmd}} {{json .Config.Entrypoint}}' new; mydocker rmi new > /dev/null");
        expect(0, "[\"sh\"]\n", "",
               "mydocker commit own new > /dev/null; mydocker inspect --format '{{json .Config.Cmd}}' new;"
               " mydocker inspect new | grep Entrypoint; mydocker rmi new > /dev/null");
        expect(0, NULL, "", "mydocker rm own; mydocker rmi -f base");
        expect(0, "[\"echo\",\"-n\",\"by\",\"hand\"]\n", "",
               "mydocker commit c new > /dev/null; mydocker inspect --format '{{json .Config.Cmd}}' new");
        expect(0, NULL, "", "mydocker rm c; mydocker rmi new");
}

/* A job that is canceled leaves nothing; the container goes on. */
static void test_cancel(void) {
        g_autofree char *path = container_run(
                NULL,
                "mkdir /many; cd /many; i=0; while [ $i -lt 4000 ]; do echo > $i; i=$((i+1)); done; echo ready; sleep 1000");
        g_autofree char *job = NULL, *error_name = NULL, *image = NULL;
        g_autoptr(GVariant) reply = NULL, results = NULL;

        container_wait_log(path, "ready");
        reply = bus_call(path, "Commit", "('canceled', @a{sv} {})");
        g_variant_get(reply, "(o)", &job);
        g_variant_unref(bus_call(job, "Cancel", "(@a{sv} {},)"));
        results = job_finish(job, &error_name);
        if (results)
                image_remove("canceled"); /* it was faster */
        else
                check_text("error", error_name, ERROR_MYDOCKER("Cancelled"));
        image = image_find("canceled");
        CHECK(!image);
        bus_check_property(path, "State", "'running'");
        container_remove(path);
}

/* The merged view on the host. */
static void test_mount(void) {
        g_autofree char *here = g_get_current_dir(), *options = NULL, *path = NULL, *shown = NULL,
                        *again = NULL;
        g_autofree char *expected = NULL;
        g_autoptr(GVariant) reply = NULL, second = NULL;
        const char *container;

        expect(0, "", "", "mkdir data && echo volume > data/file");
        options = g_strdup_printf("{'name': <'shown'>, 'volumes': <[('%s/data', '/data', '')]>}",
                                  here);
        path = container_run(options, "echo new > /new; sleep 1000");
        container = strrchr(path, '/') + 1;
        g_free(container_exec(path, "while [ ! -s /new ]; do sleep 0.1; done"));

        reply = bus_call(path, "Mount", "(@a{sv} {},)");
        g_variant_get(reply, "(s)", &shown);
        expected = g_strdup_printf("%s/state/containers/%s/merged", sandbox_dir(), container);
        check_text("path", shown, expected);
        expect(0, "new\nvolume\n", "", "cat %s/new %s/data/file", shown, shown);
        second = bus_call(path, "Mount", "(@a{sv} {},)");
        g_variant_get(second, "(s)", &again);
        g_assert_cmpstr(shown, ==, again);
        g_variant_unref(bus_call(path, "Unmount", "(@a{sv} {},)"));
        expect(0, "", "", "ls -A %s", shown);
        g_variant_unref(bus_call(path, "Unmount", "(@a{sv} {},)"));

        /* It ends with the container, and a stopped one can be shown, too. */
        g_variant_unref(bus_call(path, "Mount", "(@a{sv} {},)"));
        g_variant_unref(bus_call(path, "Stop", "({'timeout': <uint32 0>},)"));
        WAIT_UNTIL(shell(NULL, NULL, "[ -z \"$(ls -A %s)\" ]", shown) == 0);
        g_variant_unref(bus_call(path, "Mount", "(@a{sv} {},)"));
        expect(0, "new\nvolume\n", "", "cat %s/new %s/data/file", shown, shown);
        container_remove(path);
        expect(0, "volume\n", "", "cat data/file; rm -r data");
}

/* Removed before the supervisor has come to end the view: in the trash nobody would find the mount. */
static void test_unmount_and_remove(void) {
        g_autofree char *path = container_create(NULL, "true");

        g_variant_unref(bus_call(path, "Mount", "(@a{sv} {},)"));
        expect(0, "", "", "kill -STOP %d; (sleep 0.5; kill -CONT %d) > /dev/null 2>&1 &",
               supervisor_pid(), supervisor_pid());
        g_dbus_connection_call(bus, "org.mydocker.Manager", path, "org.mydocker.Container",
                               "Unmount", g_variant_new_parsed("(@a{sv} {},)"), NULL,
                               G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
        container_remove(path);
        WAIT_UNTIL(shell(NULL, NULL, "grep -F %s /proc/self/mounts", strrchr(path, '/') + 1) == 1);
}

static void test_changes(void) {
        g_autofree char *path = container_run(NULL, "sleep 1000"), *archive = NULL;

        g_free(container_exec(path, "echo exported > /file; rm /etc/group"));
        expect(0, "exported\n", "",
               "mydocker export -o all.tar $(mydocker ps -q) && tar -xOf all.tar file");
        expect(0, "0\n", "", "tar -tf all.tar | grep -c etc/group; rm all.tar");
        container_remove(path);
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        /* The first daemon has also started the supervisor, later ones have not. */
        daemon_kill(SIGTERM);
        daemon_start();
        harness_add("/commit/stopped", test_stopped);
        harness_add("/commit/running", test_running);
        harness_add("/commit/chain", test_chain);
        harness_add("/commit/deep", test_deep);
        harness_add("/commit/volumes", test_volumes);
        harness_add("/commit/configuration", test_configuration);
        harness_add("/commit/inherited", test_inherited);
        harness_add("/commit/inherited-from-older", test_inherited_from_older);
        harness_add("/commit/cancel", test_cancel);
        harness_add("/commit/mount", test_mount);
        harness_add("/commit/unmount-and-remove", test_unmount_and_remove);
        harness_add("/commit/export", test_changes);
        return harness_run();
}

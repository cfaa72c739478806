/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Health checks: commands that are executed in a container again and again. */

#include "harness.h"

#include <signal.h>
#include <string.h>

/* Healthy as long as there is a file. */
#define OFTEN "'health-interval': <uint64 100000>"
#define CHECKED                                                                                    \
        "{'name': <'checked'>, 'health-command': <['sh', '-c', 'echo looking; test -e /ok']>, "    \
        "'health-retries': <uint32 2>, " OFTEN "}"

static void check_status(const char *path, const char *status) {
        bus_wait_property(path, "Health", status);
}

static void touch(const char *path) {
        g_free(container_exec(path, "touch /ok"));
}

static void take_away(const char *path) {
        g_free(container_exec(path, "rm /ok"));
}

static void test_states(void) {
        g_autoptr(Recorder) recorder = recorder_new(bus);
        g_autofree char *path = container_run(CHECKED, "sleep 1000");
        g_autofree char *plain = container_run(NULL, "sleep 1000");

        bus_check_property(plain, "Health", "'none'");
        check_status(path, "'unhealthy'");
        touch(path);
        check_status(path, "'healthy'");
        CHECK(recorder_wait(recorder, 0, "PropertiesChanged *Health='unhealthy'*") >= 0);
        CHECK(recorder_wait(recorder, 0, "PropertiesChanged *Health='healthy'*") >= 0);
        expect(0, "Up * (healthy)\n", "", "mydocker ps -f name=checked --format '{{.Status}}'");
        expect(0, "healthy 0\n", "",
               "mydocker inspect --format '{{.State.Health.Status}} {{.State.Health.FailingStreak}}' "
               "checked");
        expect(0, "*\"ExitCode\": 0,*\"Output\": \"looking\\n\"*", "", "mydocker inspect checked");
        take_away(path);
        check_status(path, "'unhealthy'");
        expect(0, "Up * (unhealthy)\n", "", "mydocker ps -f name=checked --format '{{.Status}}'");
        /* What a check wrote may be secret. */
        expect(0, "*\"Health\": {*\"Status\": \"unhealthy\"*", "",
               AS_NOBODY "mydocker --no-ask-password inspect checked | grep -v looking");
        expect(1, "", NULL, AS_NOBODY "mydocker --no-ask-password inspect checked | grep looking");

        g_variant_unref(bus_call(path, "Stop", "({'timeout': <uint32 0>},)"));
        bus_check_property(path, "Health", "'none'");
        g_variant_unref(bus_call(path, "Start", "(@a{sv} {},)"));
        check_status(path, "'unhealthy'");
        container_remove(path);
        container_remove(plain);
}

/* In the beginning it is looked more often. */
static void test_start_interval(void) {
        g_autofree char *path = container_run(
                "{'name': <'soon'>, 'health-command': <['test', '-e', '/ok']>, 'health-start-interval': "
                "<uint64 100000>, 'health-start-period': <uint64 3600000000>}",
                "sleep 1000");

        bus_check_property(path, "Health", "'starting'");
        touch(path);
        check_status(path, "'healthy'");
        container_remove(path);
}

/* A commit can give an image a check, or take it away. */
static void test_instruction(void) {
        expect(0, NULL, "",
               "mydocker create --name base busybox sleep 1000;"
               " mydocker commit -c 'HEALTHCHECK --interval=100ms CMD test -e /etc/passwd' base checked;"
               " mydocker commit -c 'HEALTHCHECK NONE' base unchecked; mydocker rm base");
        expect(0, "0\nhealthy\nof-image\n", "",
               "mydocker run -d --name of-image checked sleep 1000 > /dev/null;"
               " mydocker wait --condition healthy of-image;"
               " mydocker inspect -f '{{.State.Health.Status}}' of-image; mydocker rm -f of-image");
        expect(1, "", "*has no health check*",
               "mydocker run -d --name of-image unchecked sleep 1000 > /dev/null;"
               " mydocker wait --condition healthy of-image");
        expect(0, NULL, "", "mydocker rm -f of-image; mydocker rmi checked unchecked");
        expect(1, "", "*cannot understand*",
               "mydocker create --name base busybox sleep 1000 > /dev/null;"
               " mydocker commit -c 'HEALTHCHECK CMD' base checked");
        expect(0, "base\n", "", "mydocker rm base");
}

/* Each check costs the host a process. */
static void test_users_interval(void) {
        static const char *const keys[] = {"health-interval", "health-start-interval"};
        g_autoptr(GDBusConnection) nobody = bus_connect_as(65534);

        rule_set("action.id == 'org.mydocker.container.run'");
        WAIT_UNTIL(permission_is(nobody, "org.mydocker.container.run", "yes"));
        for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
                g_autofree char *message = g_strdup_printf("*%s*once a second*", keys[i]);

                bus_refused(nobody, ERROR_LIMITS, message, NULL, "Run",
                            "('busybox', ['true'], {'health-command': <['true']>,"
                            " %s: <uint64 999999>})",
                            keys[i]);
        }
        bus_check_property(NULL, "ContainersCount", "0");
        rule_clear();
}

/* Failures at the beginning do not count, success does. */
static void test_start_period(void) {
        g_autofree char *path = container_run(
                "{'name': <'slow'>, 'health-command': <['sh', '-c', 'echo >> /looks; test -e /ok']>, "
                "'health-retries': <uint32 1>, 'health-start-period': <uint64 3600000000>, " OFTEN
                "}",
                "sleep 1000");

        g_free(container_exec(path, "until [ $(wc -l < /looks) -ge 3 ]; do sleep 0.1; done"));
        bus_check_property(path, "Health", "'starting'");
        expect(0, "Up * (health: starting)\n", "",
               "mydocker ps -f name=slow --format '{{.Status}}'");
        touch(path);
        check_status(path, "'healthy'");
        take_away(path);
        check_status(path, "'unhealthy'");
        container_remove(path);
}

static void test_output(void) {
        g_autofree char *path = container_run(
                "{'name': <'loud'>, 'health-command': <['sh', '-c', "
                "'echo $$; printf \"\\\\377\"; head -c 1000000 /dev/zero | tr \"\\\\000\" x; exit 3']>, " OFTEN
                "}",
                "sleep 1000");

        check_status(path, "'unhealthy'"); /* three times, which is usual */
        /* Bounded, and only the last five. */
        WAIT_UNTIL(shell(NULL, NULL,
                         "[ $(mydocker inspect loud | grep -c '\"ExitCode\": 3') = 5 ]") == 0);
        expect(0, "", "", "[ $(cat %s/run/health/*.json | wc -c) -lt 50000 ]", sandbox_dir());
        expect(0, "5\n", "", "mydocker inspect loud | grep '\"Output\"' | grep -c xxxx");
        expect(0, "", "",
               "mydocker inspect loud | grep '\"Output\"' | "
               "while read -r line; do [ ${#line} -lt 4200 ] || echo too long; done");
        container_remove(path);
}

static void test_timeout(void) {
        g_autofree char *path = container_run(
                "{'name': <'hangs'>, 'health-command': <['sleep', '1234']>, "
                "'health-timeout': <uint64 200000>, 'health-retries': <uint32 2>, " OFTEN "}",
                "sleep 1000");

        check_status(path, "'unhealthy'");
        expect(0, "*\"ExitCode\": -1,*\"Output\": \"Health check exceeded timeout (0.2 s)\"*", "",
               "mydocker inspect hangs");
        /* Those that took too long are gone; one is perhaps under way. */
        expect(0, "", "", "[ $(mydocker top hangs | grep -c 'sleep 1234') -le 1 ]");
        container_remove(path);
        path = (g_free(path),
                container_run(
                        "{'health-command': <['no-such-program']>, 'health-retries': <uint32 1>, " OFTEN
                        "}",
                        "sleep 1000"));
        check_status(path, "'unhealthy'");
        container_remove(path);
}

static void test_daemon(void) {
        g_autofree char *path = container_run(CHECKED, "sleep 1000");
        g_autofree char *hangs = container_run("{'name': <'hangs'>, 'health-command': <['sleep', "
                                               "'1234']>, 'health-timeout': "
                                               "<uint64 3600000000>, " OFTEN "}",
                                               "sleep 1000");

        touch(path);
        check_status(path, "'healthy'");
        WAIT_UNTIL(shell(NULL, NULL, "mydocker top hangs | grep -q 'sleep 1234'") == 0);
        daemon_kill(SIGKILL);
        daemon_start();
        bus_check_property(path, "Health", "'healthy'");
        bus_check_property(hangs, "Health", "'starting'");
        take_away(path);
        check_status(path, "'unhealthy'");
        touch(path);
        check_status(path, "'healthy'");
        /* The check that nobody waited for any more was ended, and another began. */
        WAIT_UNTIL(shell(NULL, NULL, "[ $(mydocker top hangs | grep -c 'sleep 1234') = 1 ]") == 0);
        container_remove(path);
        container_remove(hangs);
}

/* What checks wrote is still there, for those who may see it, and goes with the container. */
static void test_kept(void) {
        g_autofree char *path = container_run(
                "{'name': <'kept'>, 'health-interval': <uint64 3600000000>, 'health-start-interval':"
                " <uint64 100000>, 'health-start-period': <uint64 3600000000>,"
                " 'health-command': <['sh', '-c', 'echo said; cat /run-$(cat /n)']>}",
                "n=$(cat /n 2> /dev/null)1; echo $n > /n; sleep 1000");

        g_free(container_exec(path, "until [ -s /n ]; do sleep 0.05; done; echo first > /run-1"));
        check_status(path, "'healthy'");
        daemon_kill(SIGKILL);
        daemon_start();
        expect(0, "*\"ExitCode\": 0,*\"Output\": \"said\\nfirst\\n\"*", "",
               "mydocker inspect kept");
        expect(1, "", "",
               AS_NOBODY "mydocker --no-ask-password inspect kept 2> /dev/null | grep said");
        expect(0, "700\n600\n", "", "cd %s/run; stat -c %%a health health/*", sandbox_dir());
        /* Also of one that does not run, but not of the run before. */
        g_variant_unref(bus_call(path, "Stop", "({'timeout': <uint32 0>},)"));
        daemon_kill(SIGTERM);
        daemon_start();
        expect(0, "*\"Output\": \"said\\nfirst\\n\"*", "", "mydocker inspect kept");
        g_variant_unref(bus_call(path, "Start", "(@a{sv} {},)"));
        daemon_kill(SIGKILL);
        daemon_start();
        expect(1, "", "", "mydocker inspect kept | grep first");
        container_remove(path);
        expect(0, "", "", "ls %s/run/health", sandbox_dir());
}

/* As skopeo, docker and podman write it. */
static void test_image(void) {
        expect(0, "*", NULL,
               "set -e; mkdir archive; mydocker save --format rootfs -o archive/layer.tar busybox; cd archive; "
               "sum=$(sha256sum layer.tar | cut -d' ' -f1); "
               "printf '{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"sleep\",\"1000\"],"
               "\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"echo from the image; exit 1\"],"
               "\"Interval\":100000000,\"Timeout\":30000000000,\"Retries\":1}},"
               "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:%%s\"]}}' \"$sum\" > config.json; "
               "echo '[{\"Config\":\"config.json\",\"RepoTags\":[\"sick:latest\"],\"Layers\":[\"layer.tar\"]}]' "
               "> manifest.json; tar -c * | mydocker load; cd ..; rm -r archive");
        expect(0, "*", "", "mydocker run -d --name image sick");
        expect(0, "", "",
               "until [ $(mydocker inspect --format '{{.State.Health.Status}}' image) = unhealthy ]; do "
               "sleep 0.1; done");
        expect(0, "*\"Output\": \"from the image\\n\"*", "", "mydocker inspect image");
        expect(0, "*", "", "mydocker rm -f image");
        expect(0, "*", "", "mydocker run -d --name image --no-healthcheck sick");
        expect(0, "image\n", "", "mydocker ps --filter health=none --format '{{.Names}}'");
        expect(0, "*", "", "mydocker rm -f image");
        /* Our command with the image's times. */
        expect(0, "*", "", "mydocker run -d --name image --health-cmd true sick");
        expect(0, "0\n", "", "mydocker wait --condition=healthy image");
        expect(0, "*", "", "mydocker rm -f image && mydocker rmi sick");
}

static void test_wait(void) {
        g_autofree char *path = container_run(CHECKED, "until [ -e /end ]; do sleep 0.05; done");
        g_autofree char *plain = container_run("{'name': <'plain'>}", "sleep 1000");

        expect(1, "", "*has no health check*", "mydocker wait --condition healthy plain");
        expect(0, "0\n", "",
               "mydocker wait --condition healthy checked > out & "
               "mydocker exec checked touch /ok; wait; cat out");
        expect(0, "0\n", "", "mydocker wait --condition healthy checked");
        take_away(path);
        check_status(path, "'unhealthy'");
        expect(0, "1\n", "",
               "{ mydocker wait --condition healthy checked 2> err; echo $? > out; } & "
               "mydocker exec checked touch /end; wait; cat out");
        expect(0, "*not running*", "", "cat err; rm out err");
        expect(1, "", "*not running*", "mydocker wait --condition healthy checked");
        container_remove(path);
        container_remove(plain);
}

static void test_events(void) {
        expect(0, "", "",
               "mydocker events --filter event='health_status: healthy' > events 2>&1 & echo $! > pid");
        /* It listens before the container is there: every event is told. */
        WAIT_UNTIL(
                shell(NULL, NULL,
                      "mydocker run -d --rm --name seen --health-cmd true --health-interval 100ms "
                      "busybox sleep 1000 > /dev/null && mydocker wait --condition healthy seen && "
                      "sleep 0.2; mydocker rm -f seen > /dev/null; grep -q health_status events") ==
                0);
        expect(0, "*container health_status: healthy *name=seen*", "",
               "kill $(cat pid); cat events; rm events pid");
}

static void test_paused(void) {
        g_autofree char *path = container_run(CHECKED, "sleep 1000");

        touch(path);
        check_status(path, "'healthy'");
        g_variant_unref(bus_call(path, "Pause", "(@a{sv} {},)"));
        {
                /* Others go on; as long as it takes them to fail, it would have failed. */
                g_autofree char *other = container_run(
                        "{'health-command': <['false']>, 'health-retries': <uint32 8>, " OFTEN "}",
                        "sleep 1000");

                check_status(other, "'unhealthy'");
                container_remove(other);
        }
        bus_check_property(path, "Health", "'healthy'");
        g_variant_unref(bus_call(path, "Resume", "(@a{sv} {},)"));
        take_away(path);
        check_status(path, "'unhealthy'");
        container_remove(path);
}

static void test_options(void) {
        static const char *const bad[] = {
                "{'health-command': <@as []>}",
                "{'health-command': <['true']>, 'health-interval': <uint64 1>}",
                "{'health-command': <['true']>, 'health-timeout': <uint64 0>}",
                "{'health-command': <['true']>, 'health-interval': <uint64 9000000000000000000>}",
                "{'health-command': <['true']>, 'health-none': <true>}",
                "{'health-retries': <uint32 1>, 'health-none': <true>}",
        };

        for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
                bus_refused(bus, ERROR_ARGS, "Option health-*", NULL, "Create",
                            "('busybox', ['true'], %@a{sv})", g_variant_new_parsed(bad[i]));
        expect(125, "", "*health-interval*",
               "mydocker create --health-cmd true --health-interval soon busybox true");
}

int main(int argc, char **argv) {
        harness_init(&argc, &argv);
        /* The first daemon has also started the supervisor, later ones have not. */
        daemon_kill(SIGTERM);
        daemon_start();
        harness_add("/health/states", test_states);
        harness_add("/health/start-period", test_start_period);
        harness_add("/health/start-interval", test_start_interval);
        harness_add("/health/instruction", test_instruction);
        harness_add("/health/users-interval", test_users_interval);
        harness_add("/health/output", test_output);
        harness_add("/health/timeout", test_timeout);
        harness_add("/health/daemon", test_daemon);
        harness_add("/health/kept", test_kept);
        harness_add("/health/image", test_image);
        harness_add("/health/wait", test_wait);
        harness_add("/health/events", test_events);
        harness_add("/health/paused", test_paused);
        harness_add("/health/options", test_options);
        return harness_run();
}

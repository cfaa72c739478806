/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The exact order of what a client hears: InterfacesAdded, then the reply that names the object, then what happens
 * to it, then InterfacesRemoved. */

#include "harness.h"

#include <string.h>

/* Checks that lines matching the patterns come, in this order, each only after the one before. */
static void check_order(Recorder *recorder, guint start, const char *const *patterns) {
        guint next = start;

        for (; *patterns; patterns++) {
                int found = recorder_wait(recorder, next, *patterns);

                if (found < 0) {
                        g_autofree char *dump = recorder_dump(recorder);

                        g_test_message("what came:\n%s", dump);
                        test_fails("“%s” did not come after line %u", *patterns, next);
                        return;
                }
                next = found + 1;
        }
}

static void check_count(Recorder *recorder, guint start, const char *pattern, guint expected) {
        guint n = 0;

        for (int i = start; (i = recorder_find(recorder, i, pattern)) >= 0; i++)
                n++;
        if (n != expected) {
                g_autofree char *dump = recorder_dump(recorder);

                g_test_message("what came:\n%s", dump);
                test_fails("“%s” came %u times, expected %u", pattern, n, expected);
        }
}

/* Remembers where the recording stands, and the container's patterns. */
#define PATTERN(name, format, ...) g_autofree char *name = g_strdup_printf(format, __VA_ARGS__)

static void test_run(void) {
        g_autoptr(Recorder) recorder = recorder_new(bus);
        g_autofree char *path = container_run("{'name': <'order'>}", "exit 7");
        g_autoptr(GVariant) reply = NULL;
        PATTERN(added, "InterfacesAdded %s", path);
        PATTERN(exited, "PropertiesChanged %s *State='exited'*", path);
        PATTERN(code, "PropertiesChanged %s *ExitCode=7*", path);
        PATTERN(removed, "InterfacesRemoved %s", path);
        PATTERN(any, "* %s*", path);

        check_order(recorder, 0, (const char *const[]){added, "reply *", exited, NULL});
        check_order(recorder, 0, (const char *const[]){added, "reply *", code, NULL});
        /* Nothing is said of it before it is there. */
        CHECK(recorder_find(recorder, 0, any) == recorder_find(recorder, 0, added));

        reply = bus_call(path, "Remove", "(@a{sv} {},)");
        check_order(recorder, 0, (const char *const[]){added, exited, removed, NULL});
        check_count(recorder, 0, added, 1);
        check_count(recorder, 0, removed, 1);
        check_count(recorder, 0, exited, 1);
        CHECK(!bus_object_exists(path));
}

/* InterfacesAdded comes before the reply, and the reply before signals of what happens later, even when that is
 * at once. */
static void test_short_run(void) {
        for (int i = 0; i < 20; i++) {
                g_autoptr(Recorder) recorder = recorder_new(bus);
                g_autofree char *path = container_run("{'auto-remove': <true>}", "exit 0");
                PATTERN(added, "InterfacesAdded %s", path);
                PATTERN(exited, "PropertiesChanged %s *State='exited'*", path);
                PATTERN(removed, "InterfacesRemoved %s", path);

                check_order(recorder, 0,
                            (const char *const[]){added, "reply *", exited, removed, NULL});
                check_count(recorder, 0, added, 1);
                check_count(recorder, 0, removed, 1);
        }
}

/* A start that fails announces nothing, or takes back what it announced. */
static void test_failed_run(void) {
        g_autoptr(Recorder) recorder = recorder_new(bus);
        int added, removed;

        bus_refused(bus, ERROR_MYDOCKER("CommandNotFound"), NULL, NULL, "Run",
                    "('busybox', ['/no/such'], @a{sv} {})");
        added = recorder_find(recorder, 0, "InterfacesAdded */containers/*");
        removed = recorder_find(recorder, 0, "InterfacesRemoved */containers/*");
        CHECK((added < 0) == (removed < 0));
        CHECK(removed < 0 || removed > added);
}

static void test_lifecycle(void) {
        g_autoptr(Recorder) recorder = recorder_new(bus);
        g_autofree char *path =
                container_create(NULL, "trap 'exit 4' TERM; echo set; while :; do sleep 0.1; done");
        static const struct {
                const char *method;
                const char *arguments;
                const char *change;
        } steps[] = {
                {"Start", "(@a{sv} {},)", "*State='running'*"},
                {"Pause", "(@a{sv} {},)", "*State='paused'*"},
                {"Resume", "(@a{sv} {},)", "*State='running'*"},
                {"Rename", "('renamed', @a{sv} {})", "*Name='renamed'*"},
                {"Update", "({'pids': <uint64 50>},)", "*PidsLimit=50*"},
                {"Stop", "(@a{sv} {},)", "*State='exited'*"},
        };

        bus_check_property(path, "State", "'created'");
        for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
                guint start = recorder_length(recorder);
                g_autoptr(GVariant) reply = bus_call(path, steps[i].method, steps[i].arguments);
                PATTERN(change, "PropertiesChanged %s %s", path, steps[i].change);

                CHECK(recorder_wait(recorder, start, change) >= 0);
                check_count(recorder, start, change, 1);
                if (i == 0)
                        container_wait_log(path, "set");
        }
        bus_wait_property(path, "ExitCode", "4");
        {
                guint start = recorder_length(recorder);
                g_autoptr(GVariant) reply = bus_call(path, "Restart", "(@a{sv} {},)");
                PATTERN(running, "PropertiesChanged %s *State='running'*", path);
                PATTERN(restarted, "Restarted %s", path);

                check_order(recorder, start,
                            (const char *const[]){running, "reply *", restarted, NULL});
                check_count(recorder, start, restarted, 1);
        }
        container_remove(path);
}

/* Properties that say they emit their change do, with the value that Get gives. */
static void test_values(void) {
        g_autoptr(Recorder) recorder = recorder_new(bus);
        g_autofree char *path = container_create(NULL, "exit 3");
        static const char *const names[] = {"State",     "ExitCode",   "Pid",
                                            "StartedAt", "FinishedAt", "CgroupPath"};
        g_autoptr(GVariant) reply = bus_call(path, "Start", "(@a{sv} {},)");
        PATTERN(exited, "PropertiesChanged %s *State='exited'*", path);

        recorder_wait(recorder, 0, exited);
        for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
                g_autoptr(GVariant) value = bus_property(path, names[i]);
                g_autofree char *text = g_variant_print(value, FALSE);
                PATTERN(change, "PropertiesChanged %s *%s=%s*", path, names[i], text);

                if (recorder_find(recorder, 0, change) < 0)
                        test_fails("no signal said that %s is %s", names[i], text);
        }
        container_remove(path);
}

/* The one that began a process hears of its end without asking; nobody else does. */
static void test_exited(void) {
        g_autofree char *path = container_run(NULL, "sleep 1000"), *process = NULL;
        g_autoptr(GDBusConnection) other = bus_connect_as(0);
        g_autoptr(Recorder) mine = recorder_new(bus), others = recorder_new(other);
        g_autoptr(GVariant) reply = NULL;

        reply = bus_call(path, "Exec", "(['sh', '-c', 'exit 5'], @a{sv} {})");
        g_variant_get(reply, "(oa{sv})", &process, NULL);
        {
                PATTERN(added, "InterfacesAdded %s", process);
                PATTERN(exited, "Exited %s", process);
                PATTERN(changed, "PropertiesChanged %s *ExitStatus=5*", process);

                check_order(mine, 0, (const char *const[]){added, "reply *", exited, NULL});
                check_order(mine, 0, (const char *const[]){added, "reply *", changed, NULL});
                CHECK(recorder_wait(others, 0, changed) >= 0);
                g_usleep(200000);
                check_count(mine, 0, exited, 1);
                check_count(others, 0, exited, 0);
        }
        container_remove(path);
}

static void test_job(void) {
        g_autoptr(Recorder) recorder = recorder_new(bus);
        g_autofree char *image = image_import("busybox.tar", "jobs", NULL);
        PATTERN(added, "InterfacesAdded %s", image);
        PATTERN(removed, "InterfacesRemoved %s", image);

        check_order(recorder, 0,
                    (const char *const[]){"InterfacesAdded /org/mydocker/jobs/*", "reply *", added,
                                          "JobRemoved /org/mydocker/Manager", NULL});
        check_count(recorder, 0, "JobRemoved *", 1);
        check_order(recorder, 0,
                    (const char *const[]){"PropertiesChanged /org/mydocker/Manager *ImagesCount=2*",
                                          NULL});
        image_remove("jobs");
        check_order(recorder, 0, (const char *const[]){added, removed, NULL});
        check_order(recorder, 0,
                    (const char *const[]){"PropertiesChanged /org/mydocker/Manager *ImagesCount=2*",
                                          "PropertiesChanged /org/mydocker/Manager *ImagesCount=1*",
                                          NULL});
        check_order(recorder, 0,
                    (const char *const[]){"InterfacesAdded /org/mydocker/jobs/*",
                                          "InterfacesRemoved /org/mydocker/jobs/*", NULL});
}

static void test_counts(void) {
        g_autoptr(Recorder) recorder = recorder_new(bus);
        g_autofree char *path = container_run(NULL, "sleep 1000");

        bus_check_property(NULL, "ContainersCount", "1");
        bus_check_property(NULL, "RunningCount", "1");
        container_remove(path);
        bus_check_property(NULL, "ContainersCount", "0");
        bus_check_property(NULL, "RunningCount", "0");
        check_order(recorder, 0,
                    (const char *const[]){
                            "PropertiesChanged /org/mydocker/Manager *RunningCount=1*",
                            "PropertiesChanged /org/mydocker/Manager *RunningCount=0*", NULL});
        check_order(recorder, 0,
                    (const char *const[]){
                            "PropertiesChanged /org/mydocker/Manager *ContainersCount=1*",
                            "PropertiesChanged /org/mydocker/Manager *ContainersCount=0*", NULL});
}

/* No environment and no output of a container in anything that everyone hears. */
static void test_secrets(void) {
        g_autoptr(GDBusConnection) other = bus_connect_as(65534);
        g_autoptr(Recorder) recorder = recorder_new(other);
        g_autofree char *path = NULL, *dump = NULL;
        g_autoptr(GVariant) objects = NULL;
        g_autofree char *text = NULL;

        path = container_run("{'env': <['TOKEN=hush-env']>}", "echo hush-output");
        container_wait(path);
        objects = g_dbus_connection_call_sync(
                other, MANAGER_NAME, "/org/mydocker", "org.freedesktop.DBus.ObjectManager",
                "GetManagedObjects", NULL, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
        g_assert_nonnull(objects);
        text = g_variant_print(objects, FALSE);
        CHECK(strstr(text, path));
        CHECK(!strstr(text, "hush-env"));
        container_remove(path);
        recorder_wait(recorder, 0, "InterfacesRemoved */containers/*");
        dump = recorder_dump(recorder);
        CHECK(!strstr(dump, "hush-"));
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        harness_add("/signals/run", test_run);
        harness_add("/signals/short-run", test_short_run);
        harness_add("/signals/failed-run", test_failed_run);
        harness_add("/signals/lifecycle", test_lifecycle);
        harness_add("/signals/values", test_values);
        harness_add("/signals/exited", test_exited);
        harness_add("/signals/job", test_job);
        harness_add("/signals/counts", test_counts);
        harness_add("/signals/secrets", test_secrets);
        return harness_run();
}

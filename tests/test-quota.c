/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What one user may have at once; root and other users never suffer for it. */

#include "harness.h"

#include <gio/gunixfdlist.h>
#include <signal.h>
#include <string.h>

#define NOBODY 65534
#define SOMEBODY 1

static GDBusConnection *nobody, *somebody;

/* Both users may do everything that polkit is asked about: quotas are no matter of rules. */
static void configure(const char *members) {
        daemon_configure(members);
        rule_set("subject.user == 'nobody' || subject.user == 'daemon'");
        WAIT_UNTIL(permission_is(nobody, "org.mydocker.container.run", "yes"));
        WAIT_UNTIL(permission_is(somebody, "org.mydocker.container.run", "yes"));
}

static void unconfigure(void) {
        rule_clear();
        WAIT_UNTIL(permission_is(nobody, "org.mydocker.container.run", "auth"));
        daemon_configure("");
}

static char *make(GDBusConnection *caller, const char *method, const char *options,
                  const char *command) {
        g_autoptr(GError) error = NULL;
        g_autofree char *arguments =
                g_strdup_printf("('busybox', ['sh', '-c', '%s'], %s)", command, options);
        g_autoptr(GVariant) reply = bus_try(caller, NULL, NULL, &error, NULL, method, arguments);
        char *path;

        g_assert_no_error(error);
        g_variant_get(reply, "(o)", &path);
        return path;
}

static char *run(GDBusConnection *caller, const char *options) {
        return make(caller, "Run", options, "sleep 1000");
}

static void refuse_run(const char *options, const char *key) {
        g_autofree char *arguments = g_strdup_printf("('busybox', ['sleep', '1000'], %s)", options);
        g_autofree char *pattern = g_strdup_printf("*%s*", key);

        bus_refused(nobody, ERROR_LIMITS, pattern, NULL, "Run", arguments);
}

#define NONE "@a{sv} {}"

static void test_containers(void) {
        g_autofree char *first = NULL, *second = NULL, *other = NULL, *roots = NULL;

        configure("\"user-containers-max\": 2");
        first = make(nobody, "Create", NONE, "true");
        second = make(nobody, "Create", NONE, "true");
        refuse_run(NONE, "user-containers-max");
        other = make(somebody, "Create", NONE, "true");
        roots = container_create(NULL, "true");
        container_remove(first);
        g_free(first);
        first = run(nobody, NONE);
        container_remove(first);
        container_remove(second);
        container_remove(other);
        container_remove(roots);
        unconfigure();
}

#define MEMORY(mebibytes) "{'memory': <uint64 " mebibytes "000000>}"

/* The sum of what runs; what is above the ceiling was allowed one by one, and does not count. */
static void test_memory(void) {
        g_autofree char *first = NULL, *second = NULL, *third = NULL, *large = NULL, *other = NULL;

        configure("\"user-memory-max\": 100000000, \"ceiling-memory\": 60000000,"
                  " \"default-memory\": 30000000");
        first = run(nobody, MEMORY("60"));
        second = run(nobody, NONE);
        bus_check_property(second, "MemoryLimit", "30000000");
        refuse_run(MEMORY("20"), "user-memory-max");
        refuse_run(NONE, "user-memory-max");
        other = run(somebody, MEMORY("60"));
        large = run(nobody, MEMORY("900"));
        third = make(nobody, "Create", MEMORY("20"), "sleep 1000");
        bus_refused(nobody, ERROR_LIMITS, "*user-memory-max*", third, "Start", "(@a{sv} {},)");
        bus_refused(nobody, ERROR_LIMITS, "*user-memory-max*", second, "Update",
                    "({'memory': <uint64 50000000>},)");
        bus_check_property(second, "MemoryLimit", "30000000");
        check_allowed(nobody, second, "Update", "({'memory': <uint64 40000000>},)");

        check_allowed(nobody, first, "Stop", "({'timeout': <uint32 0>},)");
        check_allowed(nobody, third, "Start", "(@a{sv} {},)");
        bus_refused(nobody, ERROR_LIMITS, "*user-memory-max*", first, "Start", "(@a{sv} {},)");
        bus_check_property(first, "State", "'exited'");
        bus_check_property(first, "Error", "*user-memory-max*");
        container_remove(first);
        container_remove(second);
        container_remove(third);
        container_remove(large);
        container_remove(other);
        unconfigure();
}

static void test_cpus_and_pids(void) {
        g_autofree char *first = NULL, *second = NULL;

        configure("\"user-cpus-max\": 1.5, \"ceiling-cpus\": 1, \"user-pids-max\": 150,"
                  " \"ceiling-pids\": 100");
        first = run(nobody, "{'cpus': <1.0>, 'pids': <uint64 100>}");
        refuse_run("{'cpus': <0.6>, 'pids': <uint64 10>}", "user-cpus-max");
        refuse_run("{'cpus': <0.5>, 'pids': <uint64 60>}", "user-pids-max");
        refuse_run("{'cpus': <0.5>}", "user-pids-max");
        second = run(nobody, "{'cpus': <0.5>, 'pids': <uint64 50>}");
        container_remove(first);
        container_remove(second);

        /* Without a ceiling, one without a limit may take all. */
        configure("\"user-cpus-max\": 1.5");
        g_free(first);
        first = run(nobody, NONE);
        refuse_run("{'cpus': <0.1>}", "user-cpus-max");
        container_remove(first);
        unconfigure();
}

static void test_jobs(void) {
        g_autoptr(GUnixFDList) streams = NULL, more = NULL;
        g_autoptr(GVariant) reply = NULL, other = NULL;
        g_autofree char *job = NULL, *other_job = NULL, *error = NULL, *other_error = NULL;

        configure("\"user-jobs-max\": 1");
        reply = bus_try(nobody, NULL, &streams, NULL, NULL, "Import", "('a', @a{sv} {})");
        bus_refused(nobody, ERROR_LIMITS, "*user-jobs-max*", NULL, "Import", "('b', @a{sv} {})");
        other = bus_try(somebody, NULL, &more, NULL, NULL, "Import", "('b', @a{sv} {})");
        g_variant_get(reply, "(oa{sv})", &job, NULL);
        g_variant_get(other, "(oa{sv})", &other_job, NULL);
        check_allowed(nobody, job, "Cancel", "(@a{sv} {},)");
        check_allowed(somebody, other_job, "Cancel", "(@a{sv} {},)");
        CHECK(!job_finish(job, &error) && !job_finish(other_job, &other_error));
        check_text("the job", error, ERROR_MYDOCKER("Cancelled"));
        check_text("the other job", other_error, ERROR_MYDOCKER("Cancelled"));
        unconfigure();
}

static GUnixFDList *follow(GDBusConnection *caller, const char *path) {
        g_autoptr(GError) error = NULL;
        GUnixFDList *fds = NULL;
        g_autoptr(GVariant) reply =
                bus_try(caller, NULL, &fds, &error, path, "OpenLogs", "({'follow': <true>},)");

        g_assert_no_error(error);
        return fds;
}

static bool may_read(const char *path) {
        g_autoptr(GVariant) reply =
                bus_try(nobody, NULL, NULL, NULL, path, "ExecCollect", "(['true'], @a{sv} {})");

        return reply;
}

static void test_streams(void) {
        g_autofree char *path = NULL;
        g_autoptr(GUnixFDList) first = NULL, second = NULL, other = NULL;

        configure("\"user-streams-max\": 2");
        path = run(nobody, NONE);
        first = follow(nobody, path);
        second = follow(nobody, path);
        bus_refused(nobody, ERROR_LIMITS, "*user-streams-max*", path, "OpenLogs", "(@a{sv} {},)");
        bus_refused(nobody, ERROR_LIMITS, "*user-streams-max*", path, "ExecCollect",
                    "(['true'], @a{sv} {})");
        bus_refused(nobody, ERROR_LIMITS, "*user-streams-max*", path, "Export", "(@a{sv} {},)");
        other = follow(somebody, path);
        g_clear_object(&first);
        check_allowed(nobody, path, "Kill", "(9, @a{sv} {})");
        container_wait(path); /* or there would be nothing to start */
        check_allowed(nobody, path, "Start", "(@a{sv} {},)");
        WAIT_UNTIL(may_read(path));
        container_remove(path);
        unconfigure();
}

/* A container's output has few listeners. */
static void test_clients(void) {
        g_autofree char *path = container_run(NULL, "sleep 1000");
        g_autoptr(GPtrArray) clients = g_ptr_array_new_with_free_func(g_object_unref);
        g_autoptr(GError) error = NULL;

        while (!error && clients->len < 100) {
                GUnixFDList *fds = NULL;
                g_autoptr(GVariant) reply =
                        bus_try(bus, NULL, &fds, &error, path, "Attach", "(@a{sv} {},)");

                if (fds)
                        g_ptr_array_add(clients, fds);
        }
        g_assert_nonnull(error);
        {
                g_autofree char *name = g_dbus_error_get_remote_error(error);

                check_text("error", name, ERROR_LIMITS);
        }
        CHECK(clients->len >= 8);
        container_remove(path);
}

static void test_waits(void) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = NULL;

        configure("\"user-calls-max\": 1");
        path = run(nobody, NONE);
        g_dbus_connection_call(nobody, MANAGER_NAME, path, "org.mydocker.Container", "Wait",
                               g_variant_new_parsed("(@a{sv} {},)"), NULL, G_DBUS_CALL_FLAGS_NONE,
                               -1, NULL, NULL, NULL);
        bus_refused(nobody, ERROR_LIMITS, "*user-calls-max*", path, "Wait", "(@a{sv} {},)");
        bus_refused(nobody, ERROR_LIMITS, "*user-calls-max*", path, "Stop",
                    "({'timeout': <uint32 1000>},)");
        bus_refused(nobody, ERROR_LIMITS, "*user-calls-max*", path, "Restart",
                    "({'timeout': <uint32 1000>},)");
        bus_check_property(path, "State", "'running'");
        /* What ends at once is no burden. */
        g_variant_unref(
                bus_try(nobody, NULL, NULL, &error, path, "Restart", "({'timeout': <uint32 0>},)"));
        g_assert_no_error(error);
        container_remove(path);
        unconfigure();
}

/* Who waits for a container that ignores the signal waits like any other. */
static void test_stops(void) {
        g_autofree char *path = NULL;

        configure("\"user-calls-max\": 1");
        path = run(nobody, NONE);
        g_dbus_connection_call(nobody, MANAGER_NAME, path, "org.mydocker.Container", "Stop",
                               g_variant_new_parsed("({'timeout': <uint32 1000>},)"), NULL,
                               G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
        bus_wait_property(path, "State", "'stopping'");
        bus_refused(nobody, ERROR_LIMITS, "*user-calls-max*", path, "Stop",
                    "({'timeout': <uint32 1000>},)");
        bus_refused(nobody, ERROR_LIMITS, "*user-calls-max*", path, "Wait", "(@a{sv} {},)");
        container_remove(path);
        unconfigure();
}

#define WRITE(mebibytes) "dd if=/dev/zero of=/big bs=1048576 count=" mebibytes "; sleep 1000"

static bool may_run(void) {
        g_autoptr(GVariant) reply = bus_try(nobody, NULL, NULL, NULL, NULL, "Run",
                                            "('busybox', ['true'], {'auto-remove': <true>})");

        return reply;
}

static void test_disk(void) {
        g_autofree char *writer = NULL, *idle = NULL, *roots = NULL;

        configure("\"user-disk-max\": 4000000, \"disk-check-interval\": 1");
        idle = run(nobody, NONE);
        roots = container_run(NULL, WRITE("8"));
        writer = make(nobody, "Run", "{'stop-timeout': <uint32 0>}", WRITE("8"));
        bus_wait_property(writer, "State", "'exited'");
        bus_check_property(writer, "Error", "*user-disk-max*");
        bus_check_property(idle, "State", "'running'");
        bus_check_property(roots, "State", "'running'");
        refuse_run(NONE, "user-disk-max");
        bus_refused(nobody, ERROR_LIMITS, "*user-disk-max*", writer, "Start", "(@a{sv} {},)");
        bus_refused(nobody, ERROR_LIMITS, "*user-disk-max*", NULL, "Import", "('a', @a{sv} {})");
        bus_refused(nobody, ERROR_LIMITS, "*user-disk-max*", writer, "Commit", "('a', @a{sv} {})");

        /* A new daemon knows it soon. */
        daemon_kill(SIGKILL);
        daemon_start();
        WAIT_UNTIL(!may_run());
        container_remove(writer);
        WAIT_UNTIL(may_run());
        container_remove(idle);
        container_remove(roots);
        WAIT_UNTIL(bus_property_matches(NULL, "ContainersCount", "0"));
        unconfigure();
}

/* A file system can be full of empty files, too. */
static void test_files(void) {
        g_autofree char *path = NULL;

        configure("\"user-disk-max\": 4000000, \"disk-check-interval\": 1");
        path = make(nobody, "Run", "{'stop-timeout': <uint32 0>}",
                    "i=0; while [ $i -lt 2000 ]; do : > /file$i; i=$((i + 1)); done; sleep 1000");
        bus_wait_property(path, "State", "'exited'");
        bus_check_property(path, "Error", "*user-disk-max*");
        container_remove(path);
        unconfigure();
}

/* Images count for who made them, but for what they share with root's. */
static void test_images(void) {
        g_autofree char *container = NULL, *job = NULL, *error = NULL;
        g_autoptr(GVariant) reply = NULL, result = NULL;

        configure("\"user-disk-max\": 4000000, \"disk-check-interval\": 1");
        /* Based on root's image, which is about as large as the quota. */
        container = make(nobody, "Create", NONE, "true");
        reply = bus_try(nobody, NULL, NULL, NULL, container, "Commit", "('small', @a{sv} {})");
        g_variant_get(reply, "(o)", &job);
        result = job_finish(job, &error);
        g_assert_nonnull(result);
        CHECK(may_run());
        container_remove(container);

        container = (g_free(container), run(nobody, "{'tmpfs': <['/t']>}"));
        check_allowed(nobody, container, "ExecCollect",
                      "(['dd', 'if=/dev/zero', 'of=/big', 'bs=1000000', 'count=3'], @a{sv} {})");
        check_allowed(nobody, container, "Stop", "({'timeout': <uint32 0>},)");
        g_free(job);
        g_variant_unref(reply);
        reply = bus_try(nobody, NULL, NULL, NULL, container, "Commit", "('large', @a{sv} {})");
        g_variant_get(reply, "(o)", &job);
        g_variant_unref(result);
        result = job_finish(job, &error);
        g_assert_nonnull(result);
        CHECK(may_run());
        check_allowed(nobody, container, "Start", "(@a{sv} {},)");
        check_allowed(nobody, container, "ExecCollect",
                      "(['dd', 'if=/dev/zero', 'of=/more', 'bs=1000000', 'count=2'], @a{sv} {})");
        WAIT_UNTIL(!may_run());
        container_remove(container);
        image_remove("large");
        image_remove("small");
        WAIT_UNTIL(may_run());
        WAIT_UNTIL(bus_property_matches(NULL, "ContainersCount", "0"));
        unconfigure();
}

int main(int argc, char *argv[]) {
        int r;

        harness_init(&argc, &argv);
        nobody = bus_connect_as(NOBODY);
        somebody = bus_connect_as(SOMEBODY);
        harness_add("/quota/containers", test_containers);
        harness_add("/quota/memory", test_memory);
        harness_add("/quota/cpus-and-pids", test_cpus_and_pids);
        harness_add("/quota/jobs", test_jobs);
        harness_add("/quota/streams", test_streams);
        harness_add("/quota/clients", test_clients);
        harness_add("/quota/waits", test_waits);
        harness_add("/quota/stops", test_stops);
        harness_add("/quota/disk", test_disk);
        harness_add("/quota/files", test_files);
        harness_add("/quota/images", test_images);
        r = harness_run();
        g_object_unref(nobody);
        g_object_unref(somebody);
        return r;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Limits: that the kernel has them, and that they hold. With version 1 and version 2 control groups. */

#include "harness.h"

#include <stdlib.h>
#include <string.h>

/* The container's attribute, from whichever hierarchy has it: NULL when none does. */
static char *attribute(const char *path, const char *v1, const char *v2) {
        g_autoptr(GVariant) group = bus_property(path, "CgroupPath");
        g_autofree char *mounts = read_file("/proc/self/mounts");
        g_auto(GStrv) lines = g_strsplit(mounts, "\n", -1);

        for (char **line = lines; *line; line++) {
                g_auto(GStrv) fields = g_strsplit(*line, " ", -1);
                char *text;

                if (g_strv_length(fields) < 3 || !g_str_has_prefix(fields[2], "cgroup"))
                        continue;
                text = read_file("%s%s/%s", fields[1], g_variant_get_string(group, NULL),
                                 g_str_equal(fields[2], "cgroup2") ? v2 : v1);
                if (text)
                        return g_strchomp(text);
        }
        return NULL;
}

static void check_attribute(const char *path, const char *v1, const char *expected_v1,
                            const char *v2, const char *expected_v2) {
        g_autofree char *text = attribute(path, v1, v2);
        bool is_v2 = bus_property_matches(NULL, "CgroupVersion", "2");

        check_text(is_v2 ? v2 : v1, text, is_v2 ? expected_v2 : expected_v1);
}

static void test_values(void) {
        g_autofree char *path =
                container_run("{'memory': <uint64 67108864>, 'cpus': <0.5>, 'cpuset': <'0'>,"
                              " 'cpu-shares': <uint64 512>, 'pids': <uint64 40>}",
                              "sleep 1000");
        g_autofree char *shares = NULL;

        bus_check_property(path, "MemoryLimit", "67108864");
        bus_check_property(path, "CpuLimit", "0.5");
        bus_check_property(path, "CpuShares", "512");
        bus_check_property(path, "CpusetCpus", "'0'");
        bus_check_property(path, "PidsLimit", "40");
        check_attribute(path, "memory.limit_in_bytes", "67108864", "memory.max", "67108864");
        check_attribute(path, "cpu.cfs_quota_us", "50000", "cpu.max", "50000 100000");
        check_attribute(path, "cpuset.cpus", "0", "cpuset.cpus", "0");
        check_attribute(path, "pids.max", "40", "pids.max", "40");
        shares = attribute(path, "cpu.shares", "cpu.weight");
        CHECK(shares && atoi(shares) > 0 && atoi(shares) < 1024);
        container_remove(path);
}

static void test_none(void) {
        g_autofree char *path = container_run(NULL, "sleep 1000");

        bus_check_property(path, "MemoryLimit", "0");
        bus_check_property(path, "CpuLimit", "0.0");
        bus_check_property(path, "CpusetCpus", "''");
        check_attribute(path, "cpu.cfs_quota_us", "-1", "cpu.max", "max *");
        container_remove(path);
}

static void test_memory(void) {
        g_autofree char *path =
                container_run("{'memory': <uint64 33554432>, 'memory-swap': <uint64 33554432>}",
                              "exec tail /dev/zero");
        g_autofree char *fitting = NULL;

        g_assert_cmpint(container_wait(path), ==, 137);
        bus_wait_property(path, "OOMKilled", "true");
        bus_check_property(path, "ExitCode", "137");
        bus_check_property(path, "State", "'exited'");
        expect(0, "*Exited (137)*", "", "mydocker ps -a");
        expect(0, "*\"OOMKilled\": true*", "", "mydocker inspect $(mydocker ps -aq)");
        container_remove(path);

        /* What fits is not killed. */
        fitting = container_run("{'memory': <uint64 33554432>}",
                                "head -c 8000000 /dev/zero | tail -c 8000000 | wc -c");
        g_assert_cmpint(container_wait(fitting), ==, 0);
        bus_check_property(fitting, "OOMKilled", "false");
        container_remove(fitting);

        expect(137, "", "", "mydocker run --rm -m 32m --memory-swap 32m busybox tail /dev/zero");
}

/* A process that is killed for lack of memory is not the end of the container. */
static void test_memory_of_child(void) {
        g_autofree char *path =
                container_run("{'memory': <uint64 33554432>, 'memory-swap': <uint64 33554432>}",
                              "tail /dev/zero; echo survived $?; sleep 1000");
        g_autofree char *log = NULL;

        bus_wait_property(path, "OOMKilled", "true");
        bus_check_property(path, "State", "'running'");
        WAIT_UNTIL((g_free(log), log = container_log(path), strstr(log, "survived 137")));
        container_remove(path);
}

static void test_pids(void) {
        g_autofree char *path = container_run("{'pids': <uint64 10>}", "sleep 1000"), *count = NULL;

        count = container_exec(path,
                               "for i in 1 2 3; do sleep 100 > /dev/null 2>&1 & done; probe fork");
        check_text("three more processes", count, "yes\n");
        expect(2, "", "sh: can't fork: *",
               "mydocker exec $(mydocker ps -q) sh -c 'for i in $(seq 30); do sleep 100 > /dev/null 2>&1 & done'");
        bus_check_property(path, "State", "'running'");
        container_remove(path);
}

static void test_cpuset(void) {
        int status;
        g_autofree char *output = container_output(
                "{'cpuset': <'0'>}", "grep Cpus_allowed_list /proc/self/status; nproc", &status);

        check_text("allowed CPUs", output, "Cpus_allowed_list:\t0\n1\n");
        bus_refused(bus, ERROR_ARGS, "*cpuset*", NULL, "Run",
                    "('busybox', ['true'], {'cpuset': <'0-'>})");
        bus_refused(bus, ERROR_MYDOCKER("RuntimeFailed"), "?*", NULL, "Run",
                    "('busybox', ['true'], {'cpuset': <'4000'>})");
}

/* Which version 2 counts: the processes wait for each other, and for the end of the time in which they must not run. */
static bool waits_for_cpu(const char *path) {
        g_autoptr(GVariant) reply = bus_call(path, "GetStats", "(@a{sv} {},)");
        g_autoptr(GVariant) stats = g_variant_get_child_value(reply, 0);
        guint64 pressure = 0;

        return g_variant_lookup(stats, "memory-pressure", "t", &pressure) &&
               g_variant_lookup(stats, "io-pressure", "t", &pressure) &&
               g_variant_lookup(stats, "cpu-pressure", "t", &pressure) && pressure > 0;
}

static guint64 times_throttled(const char *path) {
        g_autofree char *text = attribute(path, "cpu.stat", "cpu.stat");
        const char *line = text ? strstr(text, "nr_throttled ") : NULL;

        return line ? g_ascii_strtoull(line + strlen("nr_throttled "), NULL, 10) : 0;
}

/* Little of a CPU, so that also among many others it would use more: the group is stopped in nearly every period. Time itself is
 * not measured. */
static void test_cpu(void) {
        g_autofree char *path =
                container_run("{'cpus': <0.05>}", "yes > /dev/null & while :; do :; done");

        WAIT_UNTIL(times_throttled(path) >= 3);
        if (bus_property_matches(NULL, "CgroupVersion", "2"))
                WAIT_UNTIL(waits_for_cpu(path));
        else
                CHECK(!waits_for_cpu(path));
        container_remove(path);
}

static void test_update(void) {
        g_autofree char *path =
                container_run("{'memory': <uint64 67108864>, 'pids': <uint64 40>}", "sleep 1000");
        g_autoptr(GVariant) reply = NULL, restarted = NULL;

        reply = bus_call(path, "Update",
                         "({'memory': <uint64 134217728>, 'memory-swap': <uint64 268435456>,"
                         " 'cpus': <1.5>, 'pids': <uint64 41>, 'cpuset': <'0'>},)");
        bus_check_property(path, "MemoryLimit", "134217728");
        bus_check_property(path, "CpuLimit", "1.5");
        bus_check_property(path, "PidsLimit", "41");
        bus_check_property(path, "CpusetCpus", "'0'");
        check_attribute(path, "memory.limit_in_bytes", "134217728", "memory.max", "134217728");
        check_attribute(path, "cpu.cfs_quota_us", "150000", "cpu.max", "150000 100000");
        check_attribute(path, "pids.max", "41", "pids.max", "41");
        check_attribute(path, "cpuset.cpus", "0", "cpuset.cpus", "0");

        /* Refused, and then all is as before. */
        bus_refused(bus, ERROR_ARGS, "*memory*", path, "Update", "({'memory': <uint64 0>},)");
        bus_refused(bus, ERROR_ARGS, "*memory*", path, "Update", "({'memory': <'1g'>},)");
        bus_refused(bus, ERROR_ARGS, "*cpuset*", path, "Update", "({'cpuset': <''>},)");
        bus_refused(bus, ERROR_ARGS, "*volumes*", path, "Update", "({'volumes': <''>},)");
        bus_refused(bus, ERROR_MYDOCKER("RuntimeFailed"), "?*", path, "Update",
                    "({'pids': <uint64 42>, 'cpuset': <'4000'>},)");
        bus_check_property(path, "MemoryLimit", "134217728");
        bus_check_property(path, "PidsLimit", "41");
        check_attribute(path, "pids.max", "41", "pids.max", "41");

        /* It holds after a restart, too. */
        restarted = bus_call(path, "Restart", "({'timeout': <uint32 0>},)");
        check_attribute(path, "pids.max", "41", "pids.max", "41");
        check_attribute(path, "memory.limit_in_bytes", "134217728", "memory.max", "134217728");

        expect(0, "*\n", "", "mydocker update --memory 256m --memory-swap 512m $(mydocker ps -q)");
        bus_check_property(path, "MemoryLimit", "268435456");
        container_remove(path);
}

static void test_stats(void) {
        g_autofree char *path = container_run("{'memory': <uint64 67108864>, 'pids': <uint64 40>}",
                                              "while :; do :; done");
        g_autoptr(GVariant) reply = bus_call(path, "GetStats", "(@a{sv} {},)"), stats = NULL;
        guint64 memory, limit, pids, pids_limit, cpu, later;

        stats = g_variant_get_child_value(reply, 0);
        g_assert_true(g_variant_lookup(stats, "memory", "t", &memory));
        g_assert_true(g_variant_lookup(stats, "memory-limit", "t", &limit));
        g_assert_true(g_variant_lookup(stats, "pids", "t", &pids));
        g_assert_true(g_variant_lookup(stats, "pids-limit", "t", &pids_limit));
        g_assert_true(g_variant_lookup(stats, "cpu-usage", "t", &cpu));
        CHECK(memory > 0 && memory < limit);
        g_assert_cmpuint(limit, ==, 67108864);
        g_assert_cmpuint(pids, ==, 1);
        g_assert_cmpuint(pids_limit, ==, 40);
        for (later = cpu; later <= cpu;) {
                g_autoptr(GVariant) again = bus_call(path, "GetStats", "(@a{sv} {},)");
                g_autoptr(GVariant) values = g_variant_get_child_value(again, 0);

                g_assert_true(g_variant_lookup(values, "cpu-usage", "t", &later));
        }
        expect(0, "*CONTAINER ID*64MiB*", "", "mydocker stats --no-stream");
        container_remove(path);
        {
                g_autofree char *stopped = container_create(NULL, "true");

                bus_refused(bus, ERROR_MYDOCKER("ContainerNotRunning"), NULL, stopped, "GetStats",
                            "(@a{sv} {},)");
                container_remove(stopped);
        }
}

static void test_bad_values(void) {
        static const char *const options[] = {
                "{'memory': <uint64 1>}",
                "{'cpus': <-2.0>}",
                "{'cpus': <0.00001>}",
                "{'cpus': <uint64 1>}",
                "{'cpu-shares': <uint64 1>}",
                "{'cpu-shares': <uint64 262145>}",
                "{'cpuset': <'a'>}",
                "{'cpuset': <'1-0'>}",
                "{'pids': <-1>}",
                "{'memory': <uint64 67108864>, 'memory-swap': <uint64 1048576>}",
        };

        for (guint i = 0; i < G_N_ELEMENTS(options); i++) {
                const char *key = strrchr(options[i], '{');
                g_autofree char *name = g_strndup(key + 2, strcspn(key + 2, "'"));
                g_autofree char *pattern = g_strconcat("*", name, "*", NULL);

                bus_refused(bus, ERROR_ARGS, pattern, NULL, "Run", "('busybox', ['true'], %@a{sv})",
                            g_variant_new_parsed(options[i]));
        }
        bus_check_property(NULL, "ContainersCount", "0");
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        harness_add("/limits/values", test_values);
        harness_add("/limits/none", test_none);
        harness_add("/limits/memory", test_memory);
        harness_add("/limits/memory-of-child", test_memory_of_child);
        harness_add("/limits/pids", test_pids);
        harness_add("/limits/cpuset", test_cpuset);
        harness_add("/limits/cpu", test_cpu);
        harness_add("/limits/update", test_update);
        harness_add("/limits/stats", test_stats);
        harness_add("/limits/bad-values", test_bad_values);
        return harness_run();
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon's small parts: errors, names, id ranges, environments, limits, the configuration. */

#include <fcntl.h>

#include "daemon/config.h"
#include "daemon/environment.h"
#include "daemon/errors.h"
#include "daemon/limit-options.h"
#include "daemon/names.h"
#include "daemon/ranges.h"
#include "daemon/restart.h"
#include "shared/fd.h"
#include "shared/test.h"

static void test_errors(void) {
        static const struct {
                const char *stage;
                int number;
                const char *name;
        } cases[] = {
                {"exec", ENOENT, ERROR_COMMAND_NOT_FOUND},
                {"exec", EACCES, ERROR_NOT_EXECUTABLE},
                {"exec", ENOEXEC, ERROR_NOT_EXECUTABLE},
                {"archive", EBADMSG, ERROR_IMAGE_CORRUPT},
                {"argument", EINVAL, ERROR_INVALID_ARGS},
                {"exists", EEXIST, ERROR_IMAGE_EXISTS},
                {"worker", ECANCELED, ERROR_CANCELLED},
                {"store", ENOSPC, ERROR_QUOTA_EXCEEDED},
                {"copy", EDQUOT, ERROR_QUOTA_EXCEEDED},
                {"quota", EDQUOT, ERROR_LIMITS_EXCEEDED},
                {"cgroup", ENOSPC, ERROR_RUNTIME_FAILED},
                {"cgroup", EOPNOTSUPP, ERROR_NOT_SUPPORTED},
                {"overlay", ENOENT, ERROR_RUNTIME_FAILED},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                sd_bus_error bus_error = SD_BUS_ERROR_NULL;
                Error e = ERROR_INIT;

                error_set(&e, cases[i].number, cases[i].stage, "what %d", 7);
                CHECK_STR(error_bus_name(&e), cases[i].name);
                CHECK_INT(error_to_bus(&e, &bus_error), -cases[i].number);
                CHECK_STR(bus_error.name, cases[i].name);
                CHECK(strstr(bus_error.message, "what 7"));
                /* The step is told where the name does not say it. */
                if (streq(cases[i].name, ERROR_RUNTIME_FAILED))
                        CHECK(startswith(bus_error.message, cases[i].stage));
                sd_bus_error_free(&bus_error);
        }
}

static void test_names(void) {
        for (unsigned attempt = 0; attempt < 1000; attempt++) {
                char *name = name_make(attempt % 3);

                CHECK(name && container_name_is_valid(name) && strchr(name, '_'));
                free(name);
        }
}

static void read_ranges(const char *directory, Ranges *ranges) {
        _cleanup_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        CHECK_INT(ranges_init(ranges, 0x70000000, 4, fd, NULL), 0);
}

static void append_text(const char *directory, const char *text) {
        _cleanup_free_ char *path = strf("%s/id-ranges", directory);
        _cleanup_close_ int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

        CHECK(fd >= 0);
        CHECK_INT(fd_write_all(fd, text, strlen(text)), 0);
}

static void test_ranges(void) {
        char directory[] = "/tmp/mydocker-test-ranges-XXXXXX";
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        uint32_t base, first;
        Error e = ERROR_INIT;
        Ranges ranges;

        CHECK(mkdtemp(directory));
        read_ranges(directory, &ranges);
        ranges_mark(&ranges, 0x70010000, 5);
        ranges_mark(&ranges, 0, 5); /* none, or another configuration's */
        ranges_mark(&ranges, 0x80000000, 5);
        CHECK_INT(ranges_take(&ranges, 5, &first, &e), 0);
        CHECK_INT(first, 0x70000000);
        CHECK_INT(ranges_take(&ranges, 5, &base, &e), 0);
        CHECK_INT(base, 0x70020000);
        /* What was given back last comes last. */
        ranges_release(&ranges, 0x70010000);
        ranges_release(&ranges, first);
        CHECK_INT(ranges_take(&ranges, 5, &base, &e), 0);
        CHECK_INT(base, 0x70000000);
        CHECK_INT(ranges_take(&ranges, 5, &base, &e), 0);
        CHECK_INT(base, 0x70010000);
        ranges_done(&ranges);

        /* What was another's, in an earlier life, stays it; one that could not be noted was never used. */
        append_text(directory, "1879244800 6");
        read_ranges(directory, &ranges);
        CHECK_INT(ranges_take(&ranges, 6, &base, &e), 0);
        CHECK_INT(base, 0x70030000);
        CHECK_INT(ranges_take(&ranges, 6, &base, &e), -EUSERS);
        ranges_release(&ranges, 0x70030000);
        for (int i = 0; i < 3; i++)
                CHECK_INT(ranges_take(&ranges, 5, &base, &e), 0);
        CHECK_INT(ranges_take(&ranges, 5, &base, &e), -EUSERS);
        ranges_done(&ranges);

        append_text(directory, "nonsense\n");
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK_INT(ranges_init(&ranges, 0x70000000, 4, fd, &e), -EBADMSG);
        ranges_done(&ranges);
        path = strf("%s/id-ranges", directory);
        CHECK_INT(unlink(path), 0);
        CHECK_INT(rmdir(directory), 0);
}

static void test_environment(void) {
        _cleanup_strv_free_ char **env = NULL;
        char *more[] = {(char *)"B=3", (char *)"AB=4", NULL};

        CHECK(env_is_valid("A=") && !env_is_valid("A") && !env_is_valid("=b"));
        CHECK_INT(env_set(&env, "A=1"), 0);
        CHECK_INT(env_set(&env, "B=2"), 0);
        CHECK_INT(env_merge(&env, more), 0);
        CHECK_INT(strv_length(env), 3);
        CHECK_STR(env[0], "A=1");
        CHECK_STR(env[1], "B=3");
        CHECK_STR(env[2], "AB=4");
}

static void test_limits(void) {
        Config config = {.ceiling_memory = 1000000, .ceiling_pids = 50};
        LimitOptions o = LIMIT_OPTIONS_INIT;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        Limits limits = {};

        CHECK_INT(limits_apply(&o, false, &limits, &error), 0);
        CHECK(limits_exceed(&config, &limits)); /* no limit is above any */
        limits_default(&config, &o, &limits);
        CHECK_INT(limits.memory, 1000000);
        CHECK_INT(limits.memory_swap, 2000000);
        CHECK_INT(limits.pids, 50);
        CHECK(!limits_exceed(&config, &limits));
        config.default_memory = 600000;
        limits_default(&config, &o, &limits);
        CHECK_INT(limits.memory, 600000);
        config.default_memory = 2000000;
        limits_default(&config, &o, &limits);
        CHECK_INT(limits.memory, 1000000);

        o.memory = 600000;
        CHECK_INT(limits_apply(&o, true, &limits, &error), 0);
        CHECK_INT(limits.memory_swap, 1200000);
        CHECK_INT(limits.pids, 50); /* what was not said stays */
        CHECK(!limits_exceed(&config, &limits));
        o.memory = 1000001;
        CHECK_INT(limits_apply(&o, true, &limits, &error), 0);
        CHECK(limits_exceed(&config, &limits));

        o = LIMIT_OPTIONS_INIT;
        o.pids = 0;
        CHECK_INT(limits_apply(&o, false, &limits, &error), 0);
        CHECK(limits_exceed(&config, &limits));
        CHECK(limits_apply(&o, true, &limits, &error) < 0);
        CHECK(strstr(error.message, "pids"));
        sd_bus_error_free(&error);
        limits_done(&limits);
}

/* Return: what was wrong with this text as configuration, or NULL. */
static const char *try_config(const char *text, Config *config) {
        static Error e;
        char name[] = "/tmp/mydocker-test-config.XXXXXX";
        int fd = mkstemp(name), r;

        CHECK(fd >= 0);
        CHECK_INT(fd_write_all(fd, text, strlen(text)), 0);
        close(fd);
        e = ERROR_INIT;
        CHECK_INT(config_init(config), 0);
        r = config_read(config, name, false, &e);
        CHECK_INT(unlink(name), 0);
        return r < 0 ? e.text : NULL;
}

static void test_config(void) {
        static const char *const bad[][2] = {
                {"{\"cgroup-parrent\": \"/x\"}", "cgroup-parrent"},
                {"{\"cgroup-parent\": 3}", "cgroup-parent"},
                {"{\"cgroup-parent\": \"x/../y\"}", "cgroup-parent"},
                {"{\"id-range-start\": 1000}", "id-range-start"},
                {"{\"id-range-start\": 0}", "id-range-start"},
                {"{\"id-range-count\": 100000}", "id-range-count"},
                {"{\"id-range-start\": 4294901760}", "id-range-count"},
                {"{\"log-max-size\": -1}", "log-max-size"},
                {"{\"user-cpus-max\": -1}", "user-cpus-max"},
                {"{\"disk-check-interval\": 0}", "disk-check-interval"},
                {"{\"log-max-size\": null}", "log-max-size"},
                {"[]", "cannot read"},
                {"{", "cannot read"},
        };
        Config config;
        Error e = ERROR_INIT;

        CHECK(!try_config("{}", &config));
        CHECK_INT(config.id_range_start, 0x70000000);
        config_done(&config);
        CHECK(!try_config("{\"cgroup-parent\": \"/test\", \"ceiling-cpus\": 2}", &config));
        CHECK_STR(config.cgroup_parent, "/test");
        CHECK(config.ceiling_cpus == 2);
        config_done(&config);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                const char *why = try_config(bad[i][0], &config);

                CHECK(why && strstr(why, bad[i][1]));
                config_done(&config);
        }
        CHECK_INT(config_init(&config), 0);
        CHECK_INT(config_read(&config, "/no/such/file", true, &e), 0);
        CHECK_INT(config_read(&config, "/no/such/file", false, &e), -ENOENT);
        config_done(&config);
}

/* 100 ms, doubled up to a minute, and from the beginning after a long run. */
static void test_restart_delay(void) {
        uint64_t delay = 0, sum = 0;

        for (int i = 0; i < 12; i++)
                sum += delay = restart_delay(delay, 1000);
        CHECK_INT(delay, 60000000);
        CHECK_INT(sum, 102300000 + 60000000 + 60000000);
        CHECK_INT(restart_delay(delay, 9999999), 60000000);
        CHECK_INT(restart_delay(delay, 10000000), 100000);
}

static void test_restart_policy(void) {
        static const struct {
                const char *policy;
                int exit_code;
                unsigned count;
                bool stopped, failed, wanted;
        } cases[] = {
                {"no", 1, 0, false, false, false},
                {"no", 1, 0, false, true, false},
                {"on-failure", 0, 0, false, false, false},
                {"on-failure", 0, 0, false, true, true},
                {"on-failure", 1, 0, true, false, false},
                {"on-failure", -1, 1000, false, false, true},
                {"on-failure:2", 1, 1, false, false, true},
                {"on-failure:2", 1, 2, false, false, false},
                {"always", 0, 1000, false, false, true},
                {"always", 0, 0, true, false, false},
                {"unless-stopped", 0, 0, false, false, true},
                {"unless-stopped", 1, 0, true, false, false},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ContainerRecord record = {
                        .exit_code = cases[i].exit_code,
                        .restart_count = cases[i].count,
                        .stopped = cases[i].stopped,
                };
                _cleanup_free_ char *text = NULL;

                CHECK_INT(restart_policy_parse(cases[i].policy, &record.restart), 0);
                text = restart_policy_format(record.restart);
                CHECK_STR(text, cases[i].policy);
                CHECK_INT(restart_is_wanted(&record, cases[i].failed), cases[i].wanted);
        }
}

int main(void) {
        test_restart_delay();
        test_restart_policy();
        test_errors();
        test_names();
        test_ranges();
        test_environment();
        test_limits();
        test_config();
        return 0;
}

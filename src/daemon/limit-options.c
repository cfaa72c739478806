/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/limit-options.h"
#include "daemon/errors.h"

/* With less the kernel kills a container while it is made. */
#define MEMORY_MIN (512 * 1024)

static int bad(sd_bus_error *error, const char *key, const char *why) {
        return sd_bus_error_setf(error, ERROR_INVALID_ARGS, "Option %s %s", key, why);
}

static int check(const LimitOptions *o, bool update, sd_bus_error *error) {
        struct {
                const char *key;
                uint64_t value, max;
        } sizes[] = {
                {"memory", o->memory, INT64_MAX},
                {"memory-swap", o->memory_swap, INT64_MAX},
                {"cpu-shares", o->cpu_shares, 262144},
                /* The kernel's largest number of processes */
                {"pids", o->pids, 4194304},
        };

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                if (sizes[i].value == LIMIT_UNSET)
                        continue;
                if (sizes[i].value > sizes[i].max)
                        return bad(error, sizes[i].key, "is too large");
                if (update && sizes[i].value == 0)
                        return bad(error, sizes[i].key, "is 0, but a limit cannot be lifted");
        }
        if (o->memory != 0 && o->memory < MEMORY_MIN)
                return bad(error, "memory", "is less than 524288");
        if (o->cpu_shares != LIMIT_UNSET && o->cpu_shares == 1)
                return bad(error, "cpu-shares", "is less than 2");
        if (!isnan(o->cpus) && !(o->cpus == 0 && !update) && !(o->cpus >= 0.01 && o->cpus <= 8192))
                return bad(error, "cpus", "is not between 0.01 and 8192");
        if (o->cpuset && update && isempty(o->cpuset))
                return bad(error, "cpuset", "is empty, but a limit cannot be lifted");
        if (!isempty(o->cpuset) && !cpuset_is_valid(o->cpuset))
                return bad(error, "cpuset", "is not a list of processors such as 0-2,7");
        return 0;
}

int limits_apply(const LimitOptions *o, bool update, Limits *limits, sd_bus_error *error) {
        TRY(check(o, update, error));
        if (o->memory != LIMIT_UNSET) {
                limits->memory = o->memory;
                limits->memory_swap = o->memory > INT64_MAX / 2 ? 0 : 2 * o->memory;
        }
        if (o->memory_swap != LIMIT_UNSET)
                limits->memory_swap = o->memory_swap;
        if (limits->memory_swap != 0 && limits->memory_swap < limits->memory)
                return bad(error, "memory-swap", "is less than memory, which it includes");
        if (limits->memory_swap != 0 && limits->memory == 0)
                return bad(error, "memory-swap", "needs memory");
        if (!isnan(o->cpus))
                limits->cpus = o->cpus;
        if (o->cpu_shares != LIMIT_UNSET)
                limits->cpu_shares = o->cpu_shares;
        if (o->pids != LIMIT_UNSET)
                limits->pids = o->pids;
        if (o->cpuset &&
            free_and_strdup(&limits->cpuset, isempty(o->cpuset) ? NULL : o->cpuset) < 0)
                return bus_failure(error, ENOMEM, "limits");
        return 0;
}

void limits_default(const Config *config, const LimitOptions *o, Limits *limits) {
        uint64_t memory = config->default_memory;

        if (memory == 0 || (config->ceiling_memory != 0 && memory > config->ceiling_memory))
                memory = config->ceiling_memory;
        if (o->memory == LIMIT_UNSET && memory != 0) {
                limits->memory = memory;
                limits->memory_swap = 2 * limits->memory;
        }
        if (isnan(o->cpus))
                limits->cpus = config->ceiling_cpus;
        if (o->pids == LIMIT_UNSET)
                limits->pids = config->ceiling_pids;
}

bool limit_exceeds(double value, double ceiling) {
        return ceiling > 0 && (value == 0 || value > ceiling);
}

bool limits_exceed(const Config *config, const Limits *limits) {
        return limit_exceeds((double)limits->memory, (double)config->ceiling_memory) ||
               limit_exceeds((double)limits->memory_swap, 2 * (double)config->ceiling_memory) ||
               limit_exceeds(limits->cpus, config->ceiling_cpus) ||
               limit_exceeds((double)limits->pids, (double)config->ceiling_pids);
}

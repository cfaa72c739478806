/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker update */

#include <limits.h>

#include "cli/batch.h"
#include "cli/container-options.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "shared/error.h"

static uint64_t cpu_percent, cpu_shares, memory, memory_swap, pids;
static const char *cpuset, *restart;
static double cpus;

static const Option options[] = {
        {"-cpu", "percent", "How much of one CPU may be used", option_u64, &cpu_percent},
        {"c cpu-shares", "int", "CPU shares (relative weight)", option_u64, &cpu_shares},
        {"cpus", "decimal", "Number of CPUs", option_cpus, &cpus},
        {"cpuset-cpus -cpuset", "string", "CPUs in which to allow execution (0-3, 0,1)",
         option_string, &cpuset},
        {"m memory -mem", "bytes", "Memory limit", option_size, &memory},
        {"memory-swap", "bytes", "Limit of memory plus swap", option_size, &memory_swap},
        {"pids-limit", "int", "Limit the number of processes", option_u64, &pids},
        {"restart", "string", "Restart policy to apply when a container exits", option_string,
         &restart},
        {},
};

static int add_arguments(sd_bus_message *call) {
        TRY(options_open(call));
        if (memory > 0)
                TRY(options_add(call, "memory", "t", memory));
        if (memory_swap > 0)
                TRY(options_add(call, "memory-swap", "t", memory_swap));
        if (cpus > 0 || cpu_percent > 0)
                TRY(options_add(call, "cpus", "d", cpus > 0 ? cpus : (double)cpu_percent / 100));
        if (cpu_shares > 0)
                TRY(options_add(call, "cpu-shares", "t", cpu_shares));
        if (cpuset)
                TRY(options_add(call, "cpuset", "s", cpuset));
        if (pids > 0)
                TRY(options_add(call, "pids", "t", pids));
        if (restart)
                TRY(options_add(call, "restart", "s", restart));
        return options_close(call);
}

static int update(Client *client, char **operands) {
        if (!(cpu_percent || cpu_shares || memory || memory_swap || pids || cpuset || restart ||
              cpus > 0))
                return report_usage(client, client->verb->failure,
                                    "you must provide one or more flags when using "
                                    "this command");
        return batch_run(client, &(Batch){.member = "Update", .arguments = add_arguments},
                         operands);
}

const Verb verb_update = {
        .name = "update",
        .synopsis = "[OPTIONS] CONTAINER [CONTAINER...]",
        .summary = "Update configuration of one or more containers",
        .options = options,
        .min_operands = 1,
        .max_operands = UINT_MAX,
        .first = OPERAND_CONTAINER,
        .others = OPERAND_CONTAINER,
        .failure = 1,
        .run = update,
};

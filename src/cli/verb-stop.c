/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker stop, mydocker restart */

#include <limits.h>

#include "cli/batch.h"
#include "cli/verbs.h"
#include "shared/error.h"

static uint64_t timeout = UINT64_MAX;
static int stop_signal;

static const Option options[] = {
        {"s signal", "string", "Signal to send to the container", option_signal, &stop_signal},
        {"t timeout time", "int", "Seconds to wait before killing the container", option_u64,
         &timeout},
        {},
};

static int add_arguments(sd_bus_message *call) {
        TRY(options_open(call));
        if (timeout != UINT64_MAX)
                TRY(options_add(call, "timeout", "u", (uint32_t)MIN(timeout, UINT32_MAX)));
        if (stop_signal > 0)
                TRY(options_add(call, "signal", "i", stop_signal));
        return options_close(call);
}

static int stop(Client *client, char **operands) {
        return batch_run(client, &(Batch){.member = "Stop", .arguments = add_arguments}, operands);
}

static int restart(Client *client, char **operands) {
        return batch_run(client, &(Batch){.member = "Restart", .arguments = add_arguments},
                         operands);
}

const Verb verb_stop = {
        .name = "stop",
        .synopsis = "[OPTIONS] CONTAINER [CONTAINER...]",
        .summary = "Stop one or more running containers",
        .options = options,
        .min_operands = 1,
        .max_operands = UINT_MAX,
        .first = OPERAND_RUNNING_CONTAINER,
        .others = OPERAND_RUNNING_CONTAINER,
        .failure = 1,
        .run = stop,
};

const Verb verb_restart = {
        .name = "restart",
        .synopsis = "[OPTIONS] CONTAINER [CONTAINER...]",
        .summary = "Restart one or more containers",
        .options = options,
        .min_operands = 1,
        .max_operands = UINT_MAX,
        .first = OPERAND_CONTAINER,
        .others = OPERAND_CONTAINER,
        .failure = 1,
        .run = restart,
};

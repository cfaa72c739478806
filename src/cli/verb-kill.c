/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker kill */

#include <limits.h>
#include <signal.h>

#include "cli/batch.h"
#include "cli/verbs.h"

static int number = SIGKILL;

static const Option options[] = {
        {"s signal", "string", "Signal to send to the container", option_signal, &number},
        {},
};

static int add_arguments(sd_bus_message *call) {
        return sd_bus_message_append(call, "ia{sv}", number, 0);
}

static int kill_verb(Client *client, char **operands) {
        return batch_run(client, &(Batch){.member = "Kill", .arguments = add_arguments}, operands);
}

const Verb verb_kill = {
        .name = "kill",
        .synopsis = "[OPTIONS] CONTAINER [CONTAINER...]",
        .summary = "Kill one or more running containers",
        .options = options,
        .min_operands = 1,
        .max_operands = UINT_MAX,
        .first = OPERAND_RUNNING_CONTAINER,
        .others = OPERAND_RUNNING_CONTAINER,
        .failure = 1,
        .run = kill_verb,
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker wait */

#include <limits.h>
#include <stdio.h>

#include "cli/batch.h"
#include "cli/verbs.h"
#include "shared/error.h"

static const char *condition;

static const Option options[] = {
        {"condition", "string", "What to wait for: not-running, next-exit, removed, healthy",
         option_string, &condition},
        {},
};

static int add_arguments(sd_bus_message *call) {
        TRY(options_open(call));
        if (condition)
                TRY(options_add(call, "condition", "s", condition));
        return options_close(call);
}

static int print(sd_bus_message *reply) {
        int32_t status;
        int r = sd_bus_message_read(reply, "i", &status);

        if (r > 0)
                printf("%d\n", status);
        return r;
}

static int wait_verb(Client *client, char **operands) {
        static const Batch batch = {.member = "Wait", .arguments = add_arguments, .print = print};

        return batch_run(client, &batch, operands);
}

const Verb verb_wait = {
        .name = "wait",
        .synopsis = "[OPTIONS] CONTAINER [CONTAINER...]",
        .summary = "Block until one or more containers stop, then print their exit codes",
        .options = options,
        .min_operands = 1,
        .max_operands = UINT_MAX,
        .first = OPERAND_RUNNING_CONTAINER,
        .others = OPERAND_RUNNING_CONTAINER,
        .failure = 1,
        .run = wait_verb,
};

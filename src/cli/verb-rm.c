/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker rm */

#include <limits.h>

#include "cli/batch.h"
#include "cli/verbs.h"
#include "shared/error.h"

static bool force;

static const Option options[] = {
        {"f force", NULL, "Force the removal of a running container", option_bool, &force},
        {},
};

static int add_arguments(sd_bus_message *call) {
        TRY(options_open(call));
        if (force)
                TRY(options_add(call, "force", "b", true));
        return options_close(call);
}

static int rm(Client *client, char **operands) {
        const Batch batch = {
                .member = "Remove", .arguments = add_arguments, .ignore_missing = force};

        return batch_run(client, &batch, operands);
}

const Verb verb_rm = {
        .name = "rm",
        .synopsis = "[OPTIONS] CONTAINER [CONTAINER...]",
        .summary = "Remove one or more containers",
        .options = options,
        .min_operands = 1,
        .max_operands = UINT_MAX,
        .first = OPERAND_CONTAINER,
        .others = OPERAND_CONTAINER,
        .failure = 1,
        .run = rm,
};

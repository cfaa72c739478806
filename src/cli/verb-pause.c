/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker pause, mydocker unpause */

#include <limits.h>

#include "cli/batch.h"
#include "cli/verbs.h"

static int pause_verb(Client *client, char **operands) {
        return batch_run(client, &(Batch){.member = "Pause", .arguments = batch_no_arguments},
                         operands);
}

static int unpause(Client *client, char **operands) {
        return batch_run(client, &(Batch){.member = "Resume", .arguments = batch_no_arguments},
                         operands);
}

const Verb verb_pause = {
        .name = "pause",
        .synopsis = "CONTAINER [CONTAINER...]",
        .summary = "Pause all processes within one or more containers",
        .min_operands = 1,
        .max_operands = UINT_MAX,
        .first = OPERAND_RUNNING_CONTAINER,
        .others = OPERAND_RUNNING_CONTAINER,
        .failure = 1,
        .run = pause_verb,
};

const Verb verb_unpause = {
        .name = "unpause",
        .synopsis = "CONTAINER [CONTAINER...]",
        .summary = "Unpause all processes within one or more containers",
        .min_operands = 1,
        .max_operands = UINT_MAX,
        .first = OPERAND_RUNNING_CONTAINER,
        .others = OPERAND_RUNNING_CONTAINER,
        .failure = 1,
        .run = unpause,
};

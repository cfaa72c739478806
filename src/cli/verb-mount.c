/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker mount, mydocker unmount */

#include <limits.h>
#include <stdio.h>

#include "cli/batch.h"
#include "cli/verbs.h"

static int print_path(sd_bus_message *reply) {
        const char *path;
        int r = sd_bus_message_read(reply, "s", &path);

        if (r > 0)
                printf("%s\n", path);
        return r;
}

static int mount_verb(Client *client, char **operands) {
        static const Batch batch = {
                .member = "Mount", .arguments = batch_no_arguments, .print = print_path};

        return batch_run(client, &batch, operands);
}

static int unmount(Client *client, char **operands) {
        return batch_run(client, &(Batch){.member = "Unmount", .arguments = batch_no_arguments},
                         operands);
}

const Verb verb_mount = {
        .name = "mount",
        .synopsis = "CONTAINER [CONTAINER...]",
        .summary = "Show the filesystem of one or more containers on the host, and print where",
        .min_operands = 1,
        .max_operands = UINT_MAX,
        .first = OPERAND_CONTAINER,
        .others = OPERAND_CONTAINER,
        .failure = 1,
        .run = mount_verb,
};

const Verb verb_unmount = {
        .name = "unmount",
        .aliases = "umount",
        .synopsis = "CONTAINER [CONTAINER...]",
        .summary = "Undo mount",
        .min_operands = 1,
        .max_operands = UINT_MAX,
        .first = OPERAND_CONTAINER,
        .others = OPERAND_CONTAINER,
        .failure = 1,
        .run = unmount,
};

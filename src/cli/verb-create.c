/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker create */

#include <limits.h>

#include "cli/container-options.h"
#include "cli/report.h"
#include "cli/verbs.h"

static int create(Client *client, char **operands) {
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_free_ char *path = NULL;
        int r = container_options_call(client, "Create", operands, &call);

        if (r != 0)
                return r;
        if (container_options.interactive)
                r = container_options_open_stdin(call, true);
        if (r < 0)
                return report_errno(client, r, "cannot make a message");
        r = container_options_send(client, call, operands, &path);
        if (r == 0)
                printf("%s\n", path_id(path));
        return r;
}

const Verb verb_create = {
        .name = "create",
        .synopsis = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
        .summary = "Create a new container",
        .options = container_option_table,
        .min_operands = 1,
        .max_operands = UINT_MAX,
        .command = true,
        .first = OPERAND_IMAGE,
        .failure = EXIT_OUR_FAILURE,
        .run = create,
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker rename */

#include "cli/report.h"
#include "cli/verbs.h"

static int rename_verb(Client *client, char **operands) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_free_ char *path = NULL;
        int r = client_find_container(client, operands[0], &path);

        if (r == 0)
                r = client_new_call(client, path, CONTAINER_INTERFACE, "Rename", &call);
        if (r != 0)
                return r;
        r = sd_bus_message_append(call, "sa{sv}", operands[1], 0);
        if (r < 0)
                return report_errno(client, r, "cannot make a message");
        r = client_exchange(client, call, &error, NULL);
        if (r < 0)
                return report_bus_error(client, &error, r,
                                        operands[error_is(&error, "NameInUse") ? 1 : 0]);
        return 0;
}

const Verb verb_rename = {
        .name = "rename",
        .synopsis = "CONTAINER NEW_NAME",
        .summary = "Rename a container",
        .min_operands = 2,
        .max_operands = 2,
        .first = OPERAND_CONTAINER,
        .failure = 1,
        .run = rename_verb,
};

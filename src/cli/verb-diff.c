/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker diff */

#include <stdio.h>

#include "cli/pager.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "shared/error.h"

static const char kinds[] = {'C', 'A', 'D'};

static int print_all(sd_bus_message *reply) {
        const char *path;
        uint8_t kind;
        int r;

        TRY(sd_bus_message_enter_container(reply, 'a', "(sy)"));
        while ((r = sd_bus_message_read(reply, "(sy)", &path, &kind)) > 0)
                printf("%c %s\n", kind < ELEMENTSOF(kinds) ? kinds[kind] : '?', path);
        return r;
}

static int diff(Client *client, char **operands) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL;
        int r = client_find_container(client, operands[0], &path);

        if (r == 0)
                r = client_call(client, operands[0], path, CONTAINER_INTERFACE, "GetChanges",
                                &reply, "a{sv}", 0);
        if (r != 0)
                return r;
        pager_open(client->pager);
        r = print_all(reply);
        return r < 0 ? report_errno(client, r, "cannot read the daemon's answer") : 0;
}

const Verb verb_diff = {
        .name = "diff",
        .synopsis = "CONTAINER",
        .summary = "Inspect changes to files or directories on a container's filesystem",
        .min_operands = 1,
        .max_operands = 1,
        .first = OPERAND_CONTAINER,
        .failure = 1,
        .run = diff,
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker port: no container has a port of the host's, either because it has no way out or because it shares the
 * host's network as a whole. */

#include "cli/report.h"
#include "cli/verbs.h"

static int port(Client *client, char **operands) {
        _cleanup_free_ char *path = NULL;
        int r = client_find_container(client, operands[0], &path);

        if (r == 0 && operands[1])
                return report(client, "No public port '%s' published for %s", operands[1],
                              operands[0]);
        return r;
}

const Verb verb_port = {
        .name = "port",
        .synopsis = "CONTAINER [PRIVATE_PORT[/PROTO]]",
        .summary = "List port mappings or a specific mapping for the container",
        .min_operands = 1,
        .max_operands = 2,
        .first = OPERAND_CONTAINER,
        .failure = 1,
        .run = port,
};

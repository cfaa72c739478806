/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker push */

#include <stdio.h>
#include <string.h>

#include "cli/child.h"
#include "cli/registry.h"
#include "cli/report.h"
#include "cli/verbs.h"

static Registry registry;

static const Option options[] = {
        {"q quiet", NULL, "Suppress verbose output", option_bool, &registry.quiet},
        {"tls-verify", NULL, "Require HTTPS and verify certificates (default true)", option_tls,
         &registry.tls},
        {},
};

/* Has tar(1) unpack what the daemon writes, as the layout. What is incomplete skopeo finds by the digests. */
static int unpack(const Client *client, int input) {
        const ChildFd fds[] = {{input, STDIN_FILENO}, {-1, 0}};
        char *argv[] = {(char *)"tar", (char *)"--extract", (char *)"--file=-",
                        (char *)"-C",  registry.layout,     (char *)"--no-same-owner",
                        NULL};
        pid_t pid;
        int r = child_start(argv, fds, &pid);

        if (r >= 0)
                r = child_wait(pid);
        if (r < 0)
                return report_errno(client, r, "cannot run tar");
        return r == 0 ? 0 : report(client, "tar could not unpack the image");
}

static int fetch(Client *client, const char *operand) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL;
        int fd, r = client_find_image(client, operand, &path);

        if (r == 0)
                r = client_call(client, operand, path, IMAGE_INTERFACE, "Save", &reply, "a{sv}", 1,
                                "format", "s", "oci-archive");
        if (r != 0)
                return r;
        r = sd_bus_message_read(reply, "h", &fd);
        return r < 0 ? report_errno(client, r, "cannot read the daemon's answer") :
                       unpack(client, fd);
}

static int push_reference(Client *client, const char *operand, const char *reference) {
        _cleanup_free_ char *digest = NULL;
        int r = registry_init(client, &registry);

        if (r == 0)
                r = fetch(client, operand);
        if (r == 0)
                r = registry_push(client, &registry, reference);
        if (r == 0 && !registry.quiet) {
                digest = registry_digest(&registry);
                printf("%s: digest: %s\n", strrchr(reference, ':') + 1, digest ?: "");
        }
        registry_done(&registry);
        return r;
}

static int push(Client *client, char **operands) {
        const char *target = operands[1] ?: operands[0];
        _cleanup_free_ char *reference = NULL;

        if (client->host)
                return registry_run_remotely(client, &registry, operands);
        if (strchr(target, '@'))
                return report(client, "cannot push a digest reference");
        reference = registry_reference(client, target);
        return reference ? push_reference(client, operands[0], reference) : client->verb->failure;
}

const Verb verb_push = {
        .name = "push",
        .synopsis = "[OPTIONS] NAME[:TAG] [DESTINATION]",
        .summary = "Upload an image to a registry",
        .options = options,
        .min_operands = 1,
        .max_operands = 2,
        .first = OPERAND_IMAGE,
        .failure = 1,
        .run = push,
};

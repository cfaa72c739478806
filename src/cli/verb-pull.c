/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker pull */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cli/child.h"
#include "cli/import.h"
#include "cli/registry.h"
#include "cli/report.h"
#include "cli/verbs.h"

static Registry registry;

static const Option options[] = {
        {"platform", "string", "OS/ARCH[/VARIANT] of the image, if there are several",
         option_string, &registry.platform},
        {"q quiet", NULL, "Suppress verbose output", option_bool, &registry.quiet},
        {"tls-verify", NULL, "Require HTTPS and verify certificates (default true)", option_tls,
         &registry.tls},
        {},
};

/* Has tar(1) pack the layout for the daemon. */
static int start_tar(int output, pid_t *ret) {
        const ChildFd fds[] = {{output, STDOUT_FILENO}, {-1, 0}};
        char *argv[] = {(char *)"tar",        (char *)"--create", (char *)"--file=-",
                        (char *)"-C",         registry.layout,    (char *)"oci-layout",
                        (char *)"index.json", (char *)"blobs",    NULL};

        return child_start(argv, fds, ret);
}

static int import(Client *client, const char *name, JobResult *ret) {
        ImportArguments arguments = {.name = name, .replace = true, .quiet = registry.quiet};
        int pipe_fds[2], r;
        pid_t pid;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return report_errno(client, errno, "making a pipe");
        r = start_tar(pipe_fds[1], &pid);
        close(pipe_fds[1]);
        if (r < 0) {
                close(pipe_fds[0]);
                return report_errno(client, r, "cannot run tar");
        }
        r = import_stream(client, &arguments, pipe_fds[0], ret);
        close(pipe_fds[0]);
        (void)child_wait(pid); /* what it left out, the daemon missed */
        return r;
}

static int pull_reference(Client *client, const char *reference) {
        bool by_digest = strchr(reference, '@');
        _cleanup_free_ char *digest = NULL;
        JobResult result = {};
        int r = registry_init(client, &registry);

        if (r == 0)
                r = registry_pull(client, &registry, reference);
        if (r == 0)
                r = import(client, by_digest ? "" : reference, &result);
        if (r == 0 && !registry.quiet) {
                digest = registry_digest(&registry);
                printf("Digest: %s\nStatus: Downloaded newer image for %s\n", digest ?: "",
                       reference);
        }
        if (r == 0)
                printf("%s%s\n", by_digest ? "sha256:" : "",
                       by_digest ? result.image ?: "" : reference);
        job_result_done(&result);
        registry_done(&registry);
        return r;
}

static int pull(Client *client, char **operands) {
        _cleanup_free_ char *reference = NULL;

        if (client->host)
                return registry_run_remotely(client, &registry, operands);
        reference = registry_reference(client, operands[0]);
        return reference ? pull_reference(client, reference) : client->verb->failure;
}

const Verb verb_pull = {
        .name = "pull",
        .synopsis = "[OPTIONS] NAME[:TAG|@DIGEST]",
        .summary = "Download an image from a registry",
        .options = options,
        .min_operands = 1,
        .max_operands = 1,
        .failure = 1,
        .run = pull,
};

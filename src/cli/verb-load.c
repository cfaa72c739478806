/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker load */

#include <stdio.h>

#include "cli/import.h"
#include "cli/remote.h"
#include "cli/verbs.h"
#include "shared/strutil.h"

/* As docker's: names move silently. */
static ImportArguments arguments = {.name = "", .replace = true};

static const Option options[] = {
        {"i input", "string", "Read from tar archive file, instead of STDIN", option_string,
         &arguments.file},
        {"q quiet", NULL, "Suppress the load output", option_bool, &arguments.quiet},
        {},
};

static int load_remotely(Client *client, int fd) {
        char *words[] = {(char *)"load", arguments.quiet ? (char *)"--quiet" : NULL, NULL};

        return remote_exec_with(client, words, fd);
}

static int load(Client *client, char **operands) {
        _cleanup_close_ int fd = -EBADF;
        JobResult result = {};
        int r = import_open(client, arguments.file, &fd);

        if (r != 0)
                return r;
        if (client->host)
                return load_remotely(client, fd);
        r = import_archive(client, &arguments, fd, &result);

        for (char **name = result.names; name && *name; name++)
                printf("Loaded image: %s\n", *name);
        for (char **id = result.unnamed; id && *id; id++)
                printf("Loaded image ID: sha256:%s\n", *id);
        job_result_done(&result);
        return r;
}

const Verb verb_load = {
        .name = "load",
        .synopsis = "[OPTIONS]",
        .summary = "Load images from a tar archive or STDIN",
        .options = options,
        .failure = 1,
        .run = load,
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker load */

#include <stdio.h>

#include "cli/import.h"
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

static int load(Client *client, char **operands) {
        JobResult result = {};
        int r = import_archive(client, &arguments, &result);

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

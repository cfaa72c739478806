/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker import */

#include <stdio.h>

#include "cli/import.h"
#include "cli/verbs.h"

static ImportArguments arguments;

static const Option options[] = {
        {"c change", "list", "Apply an instruction (CMD, ENV, …) to the created image", option_list,
         &arguments.changes},
        {"m message", "string", "Set commit message for imported image", option_string,
         &arguments.message},
        {"replace", NULL, "Take the name from the image that has it", option_bool,
         &arguments.replace},
        {},
};

static int import(Client *client, char **operands) {
        JobResult result = {};
        int r;

        arguments.file = operands[0];
        arguments.name = operands[1] ?: "";
        r = import_archive(client, &arguments, &result);
        if (r == 0)
                printf("sha256:%s\n", result.image ?: "");
        job_result_done(&result);
        return r;
}

const Verb verb_import = {
        .name = "import",
        .synopsis = "[OPTIONS] FILE|- [REPOSITORY[:TAG]]",
        .summary = "Import the contents from a tarball to create a filesystem image",
        .options = options,
        .min_operands = 1,
        .max_operands = 2,
        .first = OPERAND_FILE,
        .failure = 1,
        .run = import,
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker import */

#include <stdio.h>

#include "cli/import.h"
#include "cli/remote.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "shared/strutil.h"

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

static int import_remotely(Client *client, const char *name, int fd) {
        _cleanup_strv_free_ char **words = NULL;
        int r = remote_add(&words, "import", arguments.replace ? "--replace" : NULL, NULL);

        if (r >= 0 && arguments.message)
                r = remote_add(&words, "--message", arguments.message, NULL);
        for (char **change = arguments.changes; change && *change && r >= 0; change++)
                r = remote_add(&words, "--change", *change, NULL);
        if (r >= 0)
                r = remote_add(&words, "--", "-", name, NULL);
        return r < 0 ? report_errno(client, r, "cannot go on") :
                       remote_exec_with(client, words, fd);
}

static int import(Client *client, char **operands) {
        _cleanup_close_ int fd = -EBADF;
        JobResult result = {};
        int r;

        arguments.file = operands[0];
        arguments.name = operands[1] ?: "";
        r = import_open(client, arguments.file, &fd);
        if (r != 0)
                return r;
        if (client->host)
                return import_remotely(client, operands[1], fd);
        r = import_archive(client, &arguments, fd, &result);
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

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker commit */

#include <stdio.h>

#include "cli/job.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "shared/error.h"
#include "shared/strutil.h"

static const char *author, *message;
static char **changes;
static bool freeze = true, include_volumes = true, replace;

static const Option options[] = {
        {"a author", "string", "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")",
         option_string, &author},
        {"c change", "list", "Apply an instruction (CMD, ENV, …) to the created image", option_list,
         &changes},
        {"include-volumes", NULL, "Include what lies in volumes (default true)", option_bool,
         &include_volumes},
        {"m message", "string", "Commit message", option_string, &message},
        {"p pause", NULL, "Pause container during commit (default true)", option_bool, &freeze},
        {"replace", NULL, "Take the name from the image that has it", option_bool, &replace},
        {},
};

static int add_arguments(sd_bus_message *call, const char *name) {
        TRY(sd_bus_message_append(call, "s", name));
        TRY(options_open(call));
        if (author)
                TRY(options_add(call, "author", "s", author));
        if (message)
                TRY(options_add(call, "message", "s", message));
        if (changes)
                TRY(options_add_strv(call, "changes", changes));
        if (!freeze)
                TRY(options_add(call, "pause", "b", false));
        if (!include_volumes)
                TRY(options_add(call, "include-volumes", "b", false));
        if (replace)
                TRY(options_add(call, "replace", "b", true));
        return options_close(call);
}

/* Errors of a commit are about its container, or about the image's name. */
static const char *subject_of(const sd_bus_error *error, char **operands) {
        return error_is(error, "ImageExists") ? operands[1] : operands[0];
}

static int send(Client *client, const char *path, char **operands, char **ret) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
        const char *job;
        int r = client_new_call(client, path, CONTAINER_INTERFACE, "Commit", &call);

        if (r != 0)
                return r;
        r = add_arguments(call, operands[1]);
        if (r < 0)
                return report_errno(client, r, "cannot make a message");
        r = client_exchange(client, call, &error, &reply);
        if (r < 0)
                return report_bus_error(client, &error, r, subject_of(&error, operands));
        r = sd_bus_message_read(reply, "o", &job);
        if (r >= 0)
                r = free_and_strdup(ret, job);
        return r < 0 ? report_errno(client, r, "cannot read the daemon's answer") : 0;
}

static int commit(Client *client, char **operands) {
        _cleanup_free_ char *path = NULL, *job = NULL, *what = NULL;
        JobResult result = {};
        int r = job_watch(client);

        if (r == 0)
                r = client_find_container(client, operands[0], &path);
        if (r == 0)
                r = send(client, path, operands, &job);
        if (r != 0)
                return r;
        what = strf("Committing %s", operands[0]);
        if (!what)
                return report_errno(client, ENOMEM, "cannot go on");
        r = job_wait(client, job, what, operands[1], &result);
        if (r == 0)
                printf("sha256:%s\n", result.image ?: "");
        job_result_done(&result);
        return r;
}

const Verb verb_commit = {
        .name = "commit",
        .synopsis = "[OPTIONS] CONTAINER REPOSITORY[:TAG]",
        .summary = "Create a new image from a container's changes",
        .options = options,
        .min_operands = 2,
        .max_operands = 2,
        .first = OPERAND_CONTAINER,
        .others = OPERAND_IMAGE,
        .failure = 1,
        .run = commit,
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Waiting for a job of the daemon, with a line about its progress on a terminal. */

#include <stdint.h>

#include "cli/client.h"

typedef struct JobResult {
        char *image;                   /* id */
        char *name;                    /* of the image, or NULL */
        char **images;                 /* removed, or made */
        char **containers, **untagged; /* removed */
        char **names, **unnamed;       /* of the images that were made; those without any */
        uint64_t reclaimed;            /* bytes */
} JobResult;

void job_result_done(JobResult *result);

/* Prepares for job_wait(): to be called before the job is begun. */
int job_watch(Client *client);

/* Waits for the end of the job at `path`. SIGINT and SIGTERM cancel it. `what` is shown with its progress, or
 * NULL; `subject` is what the user called the thing in case of an error. */
int job_wait(Client *client, const char *path, const char *what, const char *subject,
             JobResult *ret);

/* The same for a job that goes through so many bytes: its rate is shown too. 0: it is not known how many. */
int job_wait_for_bytes(Client *client, const char *path, const char *what, const char *subject,
                       uint64_t size, JobResult *ret);

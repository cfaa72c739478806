/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Giving an archive to the daemon, which import, load and pull do. */

#include "cli/job.h"

typedef struct ImportArguments {
        const char *file; /* "-" or NULL: standard input */
        const char *name; /* of the image, or "": the archive's own names */
        const char *message;
        char **changes;
        bool replace;
        bool quiet; /* no progress */
} ImportArguments;

/* Opens an archive; `file` as above. */
int import_open(Client *client, const char *file, int *ret);

/* Neither closes `fd`; arguments->file is only for what the user is told. */
int import_archive(Client *client, const ImportArguments *arguments, int fd, JobResult *ret);

/* The same with what is no archive of the user's. */
int import_stream(Client *client, const ImportArguments *arguments, int fd, JobResult *ret);

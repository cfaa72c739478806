/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Beginning a process in a running container, for Exec and ExecCollect. */

#include "daemon/process.h"

typedef struct ExecOptions {
        char **env;
        char *workdir, *user;
        bool tty;
        uint16_t rows, columns;
        bool open_stdin;
        bool check;     /* a health check */
        int streams[3]; /* -EBADF: not given */
        uid_t uid;      /* in whose quota it is until it has begun */
} ExecOptions;

#define EXEC_OPTIONS_INIT ((ExecOptions){.streams = {-EBADF, -EBADF, -EBADF}})

void exec_options_done(ExecOptions *options);

/* Called when the program was executed (`p` is then on nobody's list but the container's, and *fds are its
 * pipes or its terminal, named by `streams`; taken or closed after it), or with what failed and no `p`. */
typedef void (*ExecCallback)(Process *p, const Error *error, char *const *streams, int *fds,
                             size_t n_fds, void *userdata);

/* How many processes are on their way for a user. */
unsigned exec_count(const Manager *m, uid_t uid);

/* Begins `command`. Return: 0, `callback` is then called once, or a negative errno with *e set. */
int exec_begin(Container *c, char *const *command, const ExecOptions *options,
               ExecCallback callback, void *userdata, Error *e);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The far end of a copy: an archive that comes out of a container, or goes into one, on this machine or another one. */

#include <sys/types.h>

#include "cli/client.h"

typedef struct Transfer {
        const char *operand;   /* what the user called both */
        const char *container; /* name or id */
        const char *path;      /* in it */
        const char *name;      /* what the copied thing is to be called; NULL: as it is */
        bool follow;           /* out: what a link leads to */
        bool as_cp;            /* in: the path may say how the copied thing is called */
        bool quiet;

        int fd; /* to read from, or to write to and to close before the end is waited for; -EBADF */
        char *job; /* in, on this machine */
        pid_t ssh; /* 0: on this machine */
} Transfer;

/* Both set transfer->fd. */
int transfer_begin_out(Client *client, Transfer *transfer);
int transfer_begin_in(Client *client, Transfer *transfer);

/* Waits for the end. `what` is being done, for the line of progress. */
int transfer_finish(Client *client, Transfer *transfer, const char *what);

void transfer_done(Transfer *transfer);
#define _cleanup_transfer_ _cleanup_(transfer_done)

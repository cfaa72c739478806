/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Standard input, output and error of a process that is being made. */

#include <stdint.h>

#include "protocol/spec.h"

typedef struct Streams {
        int ours[3];   /* the supervisor's ends of pipes, else -EBADF */
        int theirs[3]; /* what the process gets; -EBADF: its terminal or /dev/null */
        bool made[3];  /* theirs[i] is a pipe made here, not one that was given */
} Streams;

#define STREAMS_INIT                                                                               \
        ((Streams){.ours = {-EBADF, -EBADF, -EBADF}, .theirs = {-EBADF, -EBADF, -EBADF}})

/* Makes the pipes that `process` asks for. They belong to user and group `owner` (the container's root), so that
 * opening /proc/self/fd/1 works inside; those in `given` are left as they are. Return: 0 or a negative errno. */
int streams_open(const ProcessSpec *process, const int *given, uint32_t owner, Streams *ret,
                 Error *e);

/* Closes the process's ends of pipes in the supervisor. */
void streams_close_theirs(Streams *streams);
void streams_close(Streams *streams);

/* In the process, as root of the container: gives the pipes to the user that it will become. */
int streams_give_to(const Streams *streams, uid_t uid, gid_t gid);

/* In the process: makes them descriptors 0 to 2; `fallback` where there is none. It closes nothing. */
int streams_install(const Streams *streams, int fallback);

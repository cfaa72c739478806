/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The last steps of every process that becomes a container's, a main one or one that enters later: from root of the
 * container with all capabilities to the user, the limits and the program that were asked for. */

#include "protocol/spec.h"
#include "runtime/stream.h"
#include "runtime/user.h"

typedef struct Command {
        const ProcessSpec *spec;
        User user;
        uint64_t capabilities; /* what root keeps */
        char **env;
        int cwd;
        int init; /* the program of an init that executes the command as its child, or -EBADF */
} Command;

/* Looks up everything that depends on the container's files, below `root`. A missing working directory is made with
 * `make_cwd`. Error stages "user", "workdir", "capabilities". Return: 0 or a negative errno. */
int command_prepare(Command *ret, const ProcessSpec *spec, int root, bool make_cwd, Error *e);

/* Becomes the program. `fallback` is the terminal's slave or the null device, for each stream that `streams` doesn't
 * have. Reports REPORT_PREPARED over `channel` at the last moment. Returns only on failure, a negative errno; then the
 * process has nothing left to do but report that. */
int command_execute(const Command *command, const Streams *streams, int fallback, int channel,
                    Error *e);

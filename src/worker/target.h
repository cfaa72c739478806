/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A path that somebody named in a container's tree, taken apart so that what it means can be acted on by
 * descriptor, while processes of the container may move and replace what is on the way. */

#include <stdbool.h>
#include <sys/stat.h>

#include "shared/error.h"

typedef struct Target {
        /* Where it is, as path_resolve() has it. NULL after a failure. */
        char *directory;
        /* The last component; NULL when the path names the directory itself, by "/", "." or "..". */
        char *name;
        bool slash; /* it ended with a slash: it has to be a directory */
        int fd;     /* the directory */
        bool exists;
        struct stat st;
} Target;

#define TARGET_INIT ((Target){.fd = -EBADF})

/* Finds it, with `view` as the root directory of all links. With `follow` a link there stands for what it
 * leads to, be that there or not. It need not exist, but its directory has to. Error stage "path".
 * Return: 0 or a negative errno; target_done() is to be called in any case. */
int target_find(int view, const char *path, bool follow, Target *ret, Error *e);
void target_done(Target *target);

/* Where a path really leads when the links on the way are followed with the view as root: without links and
 * "..", and without a leading slash. Return: 0 or a negative errno; *ret is to be freed. */
int path_resolve(int view, const char *path, char **ret);

/* The last component of a path as it is written, or NULL if there is none but ".", ".." or slashes.
 * Return: 0 and *ret, which is to be freed, or -ENOMEM. */
int path_last(const char *path, char **ret);

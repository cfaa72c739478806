/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Walking a tree in a fixed order (by the bytes of the names), links never followed, however
 * deep it is. */

#include <stdbool.h>
#include <sys/stat.h>

#include "shared/error.h"

typedef struct WalkEntry {
        /* The directory that it is in and its name there; for the root of the walk the root
         * itself and ".". */
        int dir_fd;
        const char *name;
        /* From the root of the walk, without a leading slash; "" for the root itself. */
        const char *path;
        size_t depth; /* 0 for the root */
        struct stat st;
        /* For a directory: itself, open for reading. Else -EBADF. */
        int fd;
} WalkEntry;

/* What `enter` returns for a directory whose contents are to be left out. */
#define WALK_SKIP 1

typedef struct WalkHandler {
        /* Called for everything, directories before what they contain.
         * Return: 0, WALK_SKIP, or a negative errno, which ends the walk. */
        int (*enter)(void *userdata, const WalkEntry *entry, Error *e);
        /* May be NULL. Called for each directory that was not left out, after what it contains. */
        int (*leave)(void *userdata, const WalkEntry *entry, Error *e);
        void *userdata;
} WalkHandler;

/* What vanishes during the walk is left out. File systems of the kernel's own that are mounted
 * below (proc, sysfs, cgroup, devpts…) are seen as empty directories. Error stage: "read".
 * Return: 0, a negative errno, or what a handler returned. */
int walk(int root_fd, const WalkHandler *handler, Error *e);

/* The same, all paths beginning with `path`, that of the root. */
int walk_as(int root_fd, const char *path, const WalkHandler *handler, Error *e);

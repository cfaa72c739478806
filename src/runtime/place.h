/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Putting mounts into a root file system that somebody hostile may have written, or writes to at this moment. */

#include <sys/types.h>

#include "shared/error.h"

/* Attaches `mount` (a directory or a file, mounted nowhere yet) at `target`, which is resolved inside `root` and made,
 * owned by user and group `owner`, where it is missing. Refused, EPERM, is a target that leads into a kernel file
 * system such as /proc, whatever links lie on the way, or into the file system `dev` (0: none) when the target
 * isn't named as one below /dev. Error stage "volume". Return: 0 or a negative errno. */
int place_mount(int root, const char *target, int mount, uid_t owner, dev_t dev, Error *e);

typedef struct Placement {
        const char *target;
        int mount;
} Placement;

/* place_mount() for each, what is above before what lies in it: sorts them. */
int place_mounts(int root, Placement *placements, size_t n, uid_t owner, dev_t dev, Error *e);

/* Attaches `mount` on the directory `name` at the top of `root`, made when missing, and refuses anything that is not a
 * directory there, links above all. Error stage "mount". Return: 0 or a negative errno. */
int place_at_top(int root, const char *name, int mount, Error *e);

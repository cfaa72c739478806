/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Deleting trees that somebody else made: only below the given directory, whatever is in it,
 * however deep, never over a mount point. */

#include <stdint.h>

#include "shared/error.h"

/* Deletes everything in the directory; mount points and what is above them stay and are an error
 * (EXDEV). Error stage: "remove". Return: 0 or a negative errno. */
int tree_empty(int dir_fd, Error *e);

/* Deletes `name` (one component) in `dir_fd`, a directory with all that is in it; success also
 * when it does not exist. */
int tree_remove(int dir_fd, const char *name, Error *e);

/* The bytes that all files in the directory take, hard links once, holes not at all. Return: 0 or a negative errno. */
int tree_size(int dir_fd, uint64_t *ret, Error *e);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where the data of sparse files lie. Remembered from one walk through a tree to the next one: to the
 * file system a part that was allocated and never written to is a hole, until it has been read by
 * chance (lseek(2)), and both walks have to tell the same. */

#include <sys/stat.h>

#include "worker/tar.h"

typedef struct Hole {
        dev_t device;
        ino_t inode;
        TarMap map;
} Hole;

typedef struct Holes {
        Hole *items; /* in the order of the walk */
        size_t n, allocated;
        bool known; /* a walk has come to its end; the next one asks again in the same order */
        size_t next;
} Holes;

#define HOLES_INIT ((Holes){})

void holes_done(Holes *holes);

/* *ret: where the file's data lie, borrowed until the next call, or NULL when it has no holes worth
 * telling. Return: 0 or a negative errno. */
int holes_find(Holes *holes, int fd, const struct stat *st, const TarMap **ret);

/* All files have been asked for. */
void holes_end_walk(Holes *holes);

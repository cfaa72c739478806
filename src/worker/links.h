/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Finding the files of a tree that have several names. */

#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

typedef struct Link {
        dev_t device;
        ino_t inode;
        char *path; /* the first name; NULL: a free place */
} Link;

typedef struct Links {
        Link *table;
        size_t n, size; /* the size is 0 or a power of two */
} Links;

#define LINKS_INIT ((Links){})

void links_done(Links *links);

/* Whether this file came before, under which name; else it is noted with `path`. To be asked
 * only for what is no directory and has st_nlink > 1. *ret is borrowed, valid until the next
 * call.
 * Return: 1 and *ret, 0 when it is new, or -ENOMEM. */
int links_seen(Links *links, const struct stat *st, const char *path, const char **ret);

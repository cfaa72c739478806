/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The directories on the way to where an archive's entry is unpacked, kept open from one entry
 * to the next, since neighbours in an archive are mostly neighbours in the tree. A directory's
 * time and default ACL are set when it is left: what is made in it would change the one and get the
 * other. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

#include "shared/error.h"

typedef struct Dir {
        int fd; /* open for reading */
        char *name;
        bool set_time; /* to `time`, when it is left */
        struct timespec time;
        bool setgid; /* what is made in it gets its group */
        /* Its default ACL, which it gets when it is left: what is made in it would inherit it. */
        void *acl;
        size_t acl_size;
} Dir;

typedef struct Dirs {
        /* The first is the root, whose name is NULL. */
        Dir *items;
        size_t n, allocated;
        bool layer;
        bool acls; /* a directory has got a default ACL, and so one that is entered may have one */
        bool shared; /* directories that were there get the times that they get */
        /* Borrowed. */
        const int *lowers;
        size_t n_lowers;
} Dirs;

#define DIRS_INIT ((Dirs){})

/* `root_fd` is borrowed. Return: 0 or a negative errno. */
int dirs_init(Dirs *dirs, int root_fd, bool layer, const int *lowers, size_t n_lowers, Error *e);
/* Closes all without setting times. */
void dirs_done(Dirs *dirs);

/* The directory that was entered last. */
Dir *dirs_last(Dirs *dirs);

/* Enters the directory that these `n` components name; a missing one is made. A link on the way
 * is followed inside the root; one that leads nowhere or to no directory, and a file on the way,
 * are refused. `path` is for messages. Return: 0 or a negative errno. */
int dirs_enter(Dirs *dirs, char *const *components, size_t n, const char *path, Error *e);

/* Enters the directory `name`, which exists, from the last one. */
int dirs_push(Dirs *dirs, const char *name, Error *e);

/* Leaves all but the first `n`. Return: 0 or a negative errno. */
int dirs_leave(Dirs *dirs, size_t n, Error *e);

/* Makes the directory `name` in the last one. Where a whiteout stands it takes its place and is
 * opaque.
 * Return: 1 when it was made, 0 when there is one, or a negative errno (EEXIST: something else
 * is there). */
int dirs_make(Dirs *dirs, const char *name, mode_t mode);

/* Keeps a default ACL for the last directory. Return: 0 or -ENOMEM. */
int dirs_set_acl(Dirs *dirs, const void *value, size_t size);

bool is_whiteout(const struct stat *st);

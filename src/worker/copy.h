/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Copying a tree, which others may have made, into a layer: links are never followed, holes and
 * hard links kept, data shared or copied inside the kernel where the file system can. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "shared/error.h"

typedef struct Copy {
        /* Ids on the source are shifted by this; those outside of the range of a container
         * become 65534. With 0 all are kept. */
        uint32_t id_base;
        /* The source is itself a layer: whiteouts and opaque marks are copied. */
        bool layer;
        /* The target holds something already, over which the source, a layer, is laid: whiteouts and opaque
         * directories take away what they hide, and are not copied. */
        bool merge;
        /* Bytes of data copied so far. */
        uint64_t bytes;
        /* FICLONE was refused once and is not tried again. */
        bool no_clone;
} Copy;

/* Copies what is in the directory `from` and its own owner, mode, attributes and time into the
 * existing directory `to`. Sockets and device nodes are left out. Error stages: "read", "write".
 * Return: 0 or a negative errno. */
int copy_tree(Copy *copy, int from, int to, Error *e);

/* Copies the regular file `name` in `from_dir` as the new `name` in `to_dir`. `path` is for
 * messages.
 * Return: 0 (also when it is gone or has become something else) or a negative errno. */
int copy_file(Copy *copy, int from_dir, int to_dir, const char *name, const char *path, Error *e);

/* Gives directory `to` the owner, mode and attributes of the directory `from` (both open for
 * reading), but not what copy_directory_finish() does. */
int copy_directory_metadata(Copy *copy, int from, const struct stat *st, int to, const char *path,
                            Error *e);

/* When nothing more is made in it: its time, which that would change, and the default ACL, which
 * its entries would get. */
int copy_directory_finish(Copy *copy, int from, const struct stat *st, int to, const char *path,
                          Error *e);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Writing tar archives of the pax form (POSIX.1-2001): plain ustar headers where they suffice,
 * extended ones for what they can't say. The same entries always give the same bytes. */

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "worker/sink.h"
#include "worker/xattr.h"

#define TAR_BLOCK 512

typedef enum TarType {
        TAR_FILE = '0',
        TAR_HARDLINK = '1',
        TAR_SYMLINK = '2',
        TAR_CHARACTER = '3',
        TAR_BLOCK_DEVICE = '4',
        TAR_DIRECTORY = '5',
        TAR_FIFO = '6',
} TarType;

/* Where a sparse file has data, in order; the last piece, which may be empty, ends where the file
 * does. */
typedef struct TarRange {
        uint64_t offset, size;
} TarRange;

typedef struct TarMap {
        TarRange *ranges;
        size_t n;
} TarMap;

typedef struct TarEntry {
        TarType type;
        /* Relative; for a directory with a slash at the end. Any bytes but NUL, any length. */
        const char *path;
        const char *link; /* of links */
        mode_t mode;
        uint32_t uid, gid;
        /* Of files; the contents follow by sink_put() or sink_file(), then tar_pad(). With a map
         * only the pieces that it names follow. */
        uint64_t size;
        const TarMap *map; /* NULL: the file has no holes */
        struct timespec mtime;
        dev_t device;
        const Xattrs *xattrs; /* may be NULL */
} TarEntry;

/* Return: 0 or a negative errno. */
int tar_header(Sink *sink, const TarEntry *entry, Error *e);
/* What fills up the last block of contents of this size. */
int tar_pad(Sink *sink, uint64_t size, Error *e);
/* The mark at the end of an archive. */
int tar_end(Sink *sink, Error *e);
/* A whole regular file, mode 0644, root's. */
int tar_put_file(Sink *sink, const char *path, struct timespec mtime, const void *data, size_t size,
                 Error *e);

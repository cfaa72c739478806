/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* libarchive's read side over a Source; nothing of libarchive's ever writes a file or runs a
 * program. */

#include <archive.h>
#include <archive_entry.h>

#include "worker/source.h"

typedef enum ReaderKind {
        READER_TAR, /* not compressed */
        /* A stream, compressed in whatever way (or not): decompressed it is its one entry. */
        READER_RAW,
} ReaderKind;

typedef struct Reader {
        struct archive *archive;
        Source source;
        Error error;      /* of the source, which libarchive can't hand on */
        const char *name; /* borrowed; of what is read, for messages */
        int64_t offset;   /* in the entry, of reader_read() */
} Reader;

#define READER_INIT ((Reader){})

/* Begins to read. `reader` may not be moved afterwards. Error stage: "archive" for what is none,
 * else the source's. Return: 0 or a negative errno; reader_done() is to be called in any case. */
int reader_open(Reader *reader, ReaderKind kind, Source source, const char *name, Error *e);
void reader_done(Reader *reader);

/* Goes to the next entry. A tar that ends without its end mark was cut off and is refused.
 * Return: 1, 0 at the end, or a negative errno. */
int reader_next(Reader *reader, struct archive_entry **ret, Error *e);

/* The next bytes of the entry at hand, which may have no holes. Return: as Source.read. */
ssize_t reader_read(Reader *reader, const void **ret, Error *e);

/* Sets *e from the last failure of libarchive; `what`: the entry or part that was being read.
 * Return: a negative errno. */
int reader_failed(Reader *reader, const char *what, Error *e);

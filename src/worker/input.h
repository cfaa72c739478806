/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An archive as a stream of bytes: read once, from whatever the descriptor is; decompressed and
 * taken apart by libarchive inside this process (never by a filter program). */

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>

#include "worker/job.h"

typedef struct Input {
        int fd;
        off_t start; /* of the archive in a regular file; -1: it can only be read once, in order */
        uint64_t size; /* of all that is to come; 0: not known */
        uint64_t consumed;
        /* For progress, of which this input is the part `before` to `before + share` of 1. NULL:
         * none. */
        Job *job;
        double before, share;
        /* The errno of a failed read, which is the machine's fault and not the archive's. */
        int error;
        /* All bytes read so far, while they are kept to be read again. */
        bool keep;
        unsigned char *kept;
        size_t n_kept, allocated_kept;
        unsigned char *buffer;
} Input;

/* Borrows `fd`, which is read from its current offset on; that of a regular file stays where it is.
 * Return: 0 or a negative errno. */
int input_init(Input *input, Job *job, int fd, Error *e);
/* The same for a regular file, from `start` on, without progress. */
int input_init_at(Input *input, int fd, off_t start, Error *e);
void input_done(Input *input);

/* Readers; NULL when out of memory: of a possibly compressed tar, of a plain tar, and of a
 * possibly compressed stream of bytes, which is then its one entry. */
struct archive *archive_reader_new(void);
struct archive *archive_reader_new_plain(void);
struct archive *archive_reader_new_raw(void);
void archive_reader_freep(struct archive **a);

/* The next bytes, at most INPUT_BLOCK; the callback of libarchive too. Return: their number, 0
 * at the end, or -1 with input->error set. */
#define INPUT_BLOCK (256 * 1024)
ssize_t input_read(Input *input, const void **ret);
la_ssize_t input_callback(struct archive *a, void *userdata, const void **ret);
/* The callback for skipping; nothing is skipped where that is not possible. */
la_int64_t input_skip_callback(struct archive *a, void *userdata, la_int64_t request);

/* Sets *e from what libarchive reports on `a`: stage "archive" unless reading or memory failed.
 * `what`: the entry or the part that was being read. Return: a negative errno. */
int archive_error_set(Error *e, struct archive *a, const Input *input, const char *what);

/* Goes to the next entry. An archive that ends without its end mark was cut off and is refused.
 * Return: 1, 0 at the end, or a negative errno. */
int archive_next(struct archive *a, const Input *input, struct archive_entry **ret, Error *e);

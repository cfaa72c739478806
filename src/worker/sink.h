/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where the bytes of an archive go: a descriptor, through a large buffer and without copying
 * large files; a digest; or both, or only a count. */

#include <stdint.h>

#include "worker/digest.h"

typedef struct Sink {
        int fd;         /* borrowed; -EBADF: none */
        Digest *digest; /* borrowed; NULL: none */
        unsigned char *buffer;
        size_t used;
        uint64_t total; /* bytes put in so far */
} Sink;

#define SINK_INIT ((Sink){.fd = -EBADF})

/* Error stage of all: "output" (EPIPE: the reader has gone) or, for the file that is put in,
 * "read".
 * Return: 0 or a negative errno. */
int sink_init(Sink *sink, int fd, Digest *digest, Error *e);
void sink_done(Sink *sink);
int sink_flush(Sink *sink, Error *e);
int sink_put(Sink *sink, const void *data, size_t size, Error *e);
int sink_zeros(Sink *sink, uint64_t size, Error *e);

/* Puts in exactly `size` bytes of an open file from its offset on: one that has become shorter
 * is filled up with zeros, as tar(1) does. `name` is for messages. */
int sink_file(Sink *sink, int fd, uint64_t size, const char *name, Error *e);

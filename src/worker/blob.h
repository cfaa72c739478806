/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A layer inside of an image archive as a stream: taken out, decompressed and checked against
 * its digests while it is read. */

#include "worker/digest.h"
#include "worker/members.h"

typedef struct Blob Blob;

/* `digest`: of the member as it is; `diff_id`: of the tar in it, decompressed. NULL or 64
 * hexadecimal digits. Both are copied. Return: 0 or a negative errno. */
int blob_open(const Members *members, const Member *member, const char *digest, const char *diff_id,
              Blob **ret, Error *e);
Blob *blob_free(Blob *blob);
DEFINE_CLEANUP(Blob *, blob_free)

/* The reader of the layer's tar, and what it is fed by in the end. Borrowed. */
Reader *blob_reader(Blob *blob);
Input *blob_input(Blob *blob);

/* From the next read on, reading, decompressing and computing digests is done in a thread of its own, to
 * which the input belongs then, but for what it has consumed. */
void blob_read_ahead(Blob *blob);

/* Reads what is left of the member and compares the digests. Return: 0 or a negative errno. */
int blob_verify(Blob *blob, Error *e);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Decompression of a stream whose form its first bytes tell: gzip, bzip2, xz, lzma, zstd, or
 * none. What is compressed twice is not decompressed twice. All sums are checked, so a stream
 * counts only when it was read to its end. */

#include <stdbool.h>

#include "worker/source.h"

typedef struct Decompressor Decompressor;

/* Reads the beginning of `source`. `name` (borrowed) is for messages; error stage "archive" for
 * what is damaged, else the source's.
 * Return: 0 or a negative errno. */
int decompressor_new(Source source, const char *name, Decompressor **ret, Error *e);
Decompressor *decompressor_free(Decompressor *d);
DEFINE_CLEANUP(Decompressor *, decompressor_free)

/* Whether it is compressed at all. */
bool decompressor_is_active(const Decompressor *d);

/* The decompressed stream. */
Source decompressor_source(Decompressor *d);

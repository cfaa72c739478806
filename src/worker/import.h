/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The parts of an import: whatever the archive is becomes staging/0, staging/1, … */

#include "worker/input.h"

/* Adds {"part":N, "size":…, "diff-id":…} to the layers of an image; `diff_id` may be NULL. */
int import_add_layer(Json *layers, size_t part, uint64_t size, const char *diff_id, Error *e);

/* Adds the images that were found, which it takes over, to the outcome. Return: 0 or -ENOMEM. */
int import_describe(Json *done, const char *format, Json *images);

/* An image archive (docker-archive or OCI), whose bytes are `input`'s kept ones and what
 * follows; `compressed` as a whole or not. Fills in the outcome. Return: 1, 0 when it has no
 * manifest after all: *ret_file is then its decompressed tar, the caller's, at its beginning; or
 * a negative errno. */
int import_image(Job *job, Input *input, bool compressed, Json *done, int *ret_file, Error *e);

/* Reads what comes after an archive's end mark: the compressed form's sums are there, and who writes the
 * archive into a pipe is not to be killed for its padding. Return: 0 or a negative errno. */
int import_read_trailer(Source source, Error *e);

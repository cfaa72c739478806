/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* SHA-256 of a stream, written as 64 hexadecimal digits. */

#include <stddef.h>

#include "shared/error.h"
#include "shared/strutil.h"

/* OpenSSL's own object. */
typedef struct evp_md_ctx_st Digest;

/* Loads what the digest needs, so that it works where files can't be opened any more. */
int digest_prepare(Error *e);

/* Return: 0 or a negative errno; stage "digest". */
int digest_new(Digest **ret, Error *e);
Digest *digest_free(Digest *digest);
DEFINE_CLEANUP(Digest *, digest_free)

int digest_update(Digest *digest, const void *data, size_t size, Error *e);
/* To be called once, at the end. */
int digest_finish(Digest *digest, char ret[static ID_LENGTH + 1], Error *e);
int digest_of(const void *data, size_t size, char ret[static ID_LENGTH + 1], Error *e);

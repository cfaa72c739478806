/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A stream of bytes, made of another one or of a file: what the parts of reading an archive give
 * to each other. */

#include <stdint.h>
#include <sys/types.h>

#include "shared/error.h"

typedef struct Source {
        /* The next bytes, valid until the next call. Return: how many, 0 at the end, or a
         * negative errno. */
        ssize_t (*read)(void *userdata, const void **ret, Error *e);
        /* Goes over at most `size` of the next bytes without reading them; NULL: it can't.
         * Return: how many. */
        int64_t (*skip)(void *userdata, int64_t size);
        void *userdata;
} Source;

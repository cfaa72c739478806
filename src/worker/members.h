/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The members of an image archive, a plain tar in a regular file: found by name, read in any
 * order. Its links are never made: a name that is one stands for the member that it names. */

#include <stdint.h>
#include <sys/types.h>

#include "shared/json.h"
#include "worker/input.h"
#include "worker/reader.h"

typedef struct Member {
        char *name;     /* without "./" and slashes at the beginning */
        char *link;     /* what it is a link to, as such a name; NULL: it is a file */
        off_t position; /* of its header in the file */
        uint64_t size;
} Member;

typedef struct Members {
        int fd; /* borrowed */
        Member *items;
        size_t n, allocated;
} Members;

#define MEMBERS_INIT ((Members){.fd = -EBADF})

/* Reads the headers of the tar that begins at `start` in `fd`. Return: 0 or a negative errno;
 * *ret is to be released with members_done() in any case. */
int members_read(int fd, off_t start, Members *ret, Error *e);
void members_done(Members *members);

/* Return: the file of this name, borrowed, or NULL. */
const Member *members_find(const Members *members, const char *name);

/* Reads a whole small file. *ret is the caller's, NUL-terminated. Return: 0 or a negative errno,
 * stage "archive" when it is missing or too large. */
int members_read_text(const Members *members, const char *name, char **ret, size_t *ret_size,
                      Error *e);

/* Begins to read a member: `reader` then stands at it, fed by `input`, both of which the caller
 * releases in any case. Return: 0 or a negative errno. */
int members_open(const Members *members, const Member *member, Input *input, Reader *reader,
                 Error *e);

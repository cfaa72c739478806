/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Ranges of host user ids, one for each running container with a user namespace of its own.
 *
 * A range that a user has had once is that user's for good. Processes in a container can leave its ids outside: in
 * files that they make through a descriptor which they were handed, set-user-id ones too, or as the owner of something
 * on the bus. Whoever got the range next would be mistaken for them, and could be killed by such a program. The file
 * "id-ranges" in the state directory has a line for each: its first id and the user's. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shared/error.h"

typedef struct Range {
        uid_t owner; /* (uid_t)-1: nobody's yet */
        bool used;
} Range;

typedef struct Ranges {
        uint32_t start; /* first id of the first range */
        uint32_t count;
        uint32_t next; /* where to look first */
        int file;
        off_t size;
        Range *items;
} Ranges;

/* Reads, or begins, the file in `dir_fd`. Return: 0 or a negative errno. */
int ranges_init(Ranges *ranges, uint32_t start, uint32_t count, int dir_fd, Error *e);
void ranges_done(Ranges *ranges);

/* Takes a range for a container of `owner`, of those it had the one that has been free for long. Return: 0, or a
 * negative errno; *ret is its first id. */
int ranges_take(Ranges *ranges, uid_t owner, uint32_t *ret, Error *e);

/* Marks a range that is in use already, by a container of `owner`; one of another configuration is no concern. */
void ranges_mark(Ranges *ranges, uint32_t base, uid_t owner);

/* Gives a range back; 0 is none. */
void ranges_release(Ranges *ranges, uint32_t base);

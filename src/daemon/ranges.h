/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Ranges of host user ids, one for each running container with a user namespace of its own. */

#include <stdbool.h>
#include <stdint.h>

typedef struct Ranges {
        uint32_t start; /* first id of the first range */
        uint32_t count;
        uint32_t next; /* where to look first */
        bool *used;
} Ranges;

/* Return: 0 or -ENOMEM. */
int ranges_init(Ranges *ranges, uint32_t start, uint32_t count);
void ranges_done(Ranges *ranges);

/* Takes the range that has been free for long: no id is used again soon. Return: 0, or -EUSERS when
 * none is free; *ret is its first id. */
int ranges_take(Ranges *ranges, uint32_t *ret);

/* Marks a range that is in use already; one of another configuration is no concern. */
void ranges_mark(Ranges *ranges, uint32_t base);

/* Gives a range back; 0 is none. */
void ranges_release(Ranges *ranges, uint32_t base);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One line on a terminal that says how far something is. */

#include <stdbool.h>
#include <stdint.h>

typedef struct Progress {
        double fraction; /* 0 to 1 */
        bool valid;      /* whether `fraction` means anything */
        uint64_t size;   /* bytes that 1 stands for; 0: not known */
        bool shown;
        uint64_t started, told; /* µs, monotonic */
} Progress;

/* Whether there is a terminal to show it on. */
bool progress_is_wanted(void);

/* Shows "WHAT … 42%", without a number if it is not valid, and if the size is known how many bytes that are in a
 * second. Nothing happens if `what` is NULL. */
void progress_show(Progress *progress, const char *what);

/* Shows "WHAT … 12.3MB 4.5MB/s", where no end is known; at most five times a second. */
void progress_count(Progress *progress, const char *what, uint64_t bytes);

/* Takes the line away. */
void progress_clear(Progress *progress);

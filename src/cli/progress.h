/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One line on a terminal that says how far something is. */

#include <stdbool.h>

typedef struct Progress {
        double fraction; /* 0 to 1 */
        bool valid;      /* whether `fraction` means anything */
        bool shown;
} Progress;

/* Whether there is a terminal to show it on. */
bool progress_is_wanted(void);

/* Shows "WHAT … 42%", without a number if it is not valid. Nothing happens if `what` is NULL. */
void progress_show(Progress *progress, const char *what);

/* Takes the line away. */
void progress_clear(Progress *progress);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Pseudo terminals, made in the container's own devpts. */

#include <stdint.h>

#include "shared/error.h"

/* Sets the size; `fd` is either end. 0 rows and columns leave it as it is. Return: 0 or a negative errno. */
int terminal_set_size(int fd, uint16_t rows, uint16_t columns);

typedef struct Terminal {
        int master;
        int slave;
        unsigned number; /* its name in the devpts */
} Terminal;

/* Makes a terminal of the devpts whose root directory is `devpts`, which is checked to be one.
 * Return: 0 or a negative errno; both descriptors are the caller's. */
int terminal_open(int devpts, Terminal *ret);

/* Makes `slave` the controlling terminal of the calling process, which leads a session. 0 or a negative errno. */
int terminal_take(int slave);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Long output through a pager, on a terminal only. */

#include <stdbool.h>

/* Lets standard output go through $SYSTEMD_PAGER, $PAGER or less(1), if it is a terminal and `wanted`. An empty
 * variable or "cat" means no pager. If none can be started, output stays as it is. */
void pager_open(bool wanted);

/* Ends the output and waits for the pager. */
void pager_close(void);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How a process ended. */

#include "supervisor/supervisor.h"

/* Asks the kernel how a process that is known to have ended did so, and fills process->end. Our own
 * child is reaped. Of another's (an adopted container's) kernels from 6.15 on tell the status, once
 * its parent has reaped it; where nobody can tell, the status is -1. Return: whether this is the
 * last word; otherwise asking again soon may bring more. */
bool process_take_end(Process *process);

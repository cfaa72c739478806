/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Collecting what a process writes, for the reply to ExecCollect. */

#include "daemon/process.h"

/* Most bytes of each stream; whoever writes more is killed. */
#define COLLECT_MAX (1024 * 1024)

/* Reads the process's standard output and error, which are taken over, until it has ended; then answers
 * the call. Return: 0 or a negative errno with *e set, and then nothing is taken. */
int collect_begin(Process *p, int fds[static 2], sd_bus_message *message, Error *e);

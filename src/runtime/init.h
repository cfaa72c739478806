/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A container's own init (init-program.c), for who asks for one. */

#include <stdbool.h>

#include "shared/error.h"

/* Opens the program: a sealed file in memory, with CLOEXEC, which nobody can change through /proc/PID/exe
 * (CVE-2019-5736). Return: a descriptor or a negative errno. */
int init_open(void);

/* Called by the container's first process when it is ready to execute its command: makes another process that goes on
 * with that, and becomes the init. With `tty`, the terminal on descriptor 0 is handed on to the new process.
 * Return: 0 in the new process, or a negative errno in the first one. */
int init_become(int program, bool tty, Error *e);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What /proc says of a process, for people. */

#include <stdint.h>
#include <sys/types.h>

#include "shared/error.h"

typedef struct ProcessInfo {
        pid_t pid, parent;
        uint32_t uid;        /* as seen inside */
        uint64_t start_time; /* µs, realtime */
        uint64_t cpu_time;   /* µs */
        uint64_t memory;     /* bytes that are resident */
        char *command;       /* valid UTF-8 */
} ProcessInfo;

/* Reads about a process whose user namespace begins at host id `id_base` (0: it is the host's). May block:
 * the command line lies in memory of the process, which can be mapped from anywhere. Uses nothing but its
 * arguments. Return: 0, or a negative errno when it has ended; ret->command is to be freed. */
int process_info_read(pid_t pid, uint32_t id_base, ProcessInfo *ret);

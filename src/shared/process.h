/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The identity of a process: a pid number may be reused, the pair of pid and start time may not. */

#include <stdint.h>
#include <sys/types.h>

/* The start time of a process in clock ticks since boot (field 22 of proc(5)'s stat).
 * Return: 0 or a negative errno, -ESRCH when there is no such process. */
int process_start_time(pid_t pid, uint64_t *ret);

/* A pidfd for the process with this pid and start time. Return: a descriptor or a negative
 * errno, -ESRCH when it is gone, also when the number now belongs to another process. */
int process_open(pid_t pid, uint64_t start_time);

/* Microseconds since the epoch, CLOCK_REALTIME. */
uint64_t now_realtime(void);

/* This boot's id (proc(5), random/boot_id), 36 characters. Return: 0 or a negative errno. */
int boot_id(char ret[static 37]);

/* Makes this user, and the group of the same number, what files are made and accessed as (setfsuid(2)); the
 * capabilities stay, of which CAP_SETPCAP is needed. Return: 0, or a negative errno, when the ids may have changed. */
int process_set_fs_ids(uint32_t id);

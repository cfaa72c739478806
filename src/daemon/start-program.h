/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Starting our own programs. They inherit standard error, the log, and nothing else. */

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "shared/error.h"

/* Starts a program in a session of its own, that goes on when the daemon ends. *runs is true until it ends; it has to
 * stay where it is as long as the event loop runs.
 * Return: 0 or a negative errno. */
int spawn_detached(sd_event *event, const char *const *argv, bool *runs, Error *e);

/* Starts a program with `fd` as its descriptor `target`. Return: 0 or a negative errno; *ret_pid is a
 * child, *ret_pidfd the caller's. */
int spawn_child(const char *const *argv, int fd, int target, pid_t *ret_pid, int *ret_pidfd,
                Error *e);

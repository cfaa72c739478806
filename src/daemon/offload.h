/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Few system calls can take as long as a disk, a network file system or a FUSE server of a user's
 * likes, and know no non-blocking way: syncfs(2), opening a volume, reading /proc/PID/cmdline. They
 * are done in a thread each, which touches nothing but its own argument. */

#include <sys/types.h>
#include <systemd/sd-event.h>

#include "shared/cleanup.h"

typedef struct Offload Offload;

/* Return: 0 or a negative errno. */
int offload_new(sd_event *event, Offload **ret);
/* Waits for a moment until the threads have finished. Those that are still busy then go on until the
 * process ends, and their `done` is not called any more.
 * Return: NULL. */
Offload *offload_free(Offload *offload);
DEFINE_CLEANUP(Offload *, offload_free)

/* Runs `work` in a thread and, after it, `done` in the event loop, for the user `uid`, who can keep
 * only so many threads busy with a file system that never answers.
 * Return: 0, -EAGAIN when too many threads are busy, or another negative errno. */
int offload_run(Offload *offload, uid_t uid, void (*work)(void *argument),
                void (*done)(void *argument), void *argument);

/* Makes all that was written so far below the file system of `fd` last (syncfs(2)), then calls `done`
 * with 0 or a negative errno. Requests that come while the disk is busy share the next turn.
 * Return: 0 or -ENOMEM. */
int offload_sync(Offload *offload, int fd, void (*done)(int result, void *argument),
                 void *argument);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Control groups whose container is over, until the kernel lets them be removed: the end of the
 * last process may take it a moment. And children of which only the end is waited for. */

#include "runtime/cgroup.h"
#include "supervisor/event.h"
#include "supervisor/state.h"

typedef struct Reaper Reaper;

/* Return: 0 or -ENOMEM. */
int reaper_new(EventLoop *loop, Reaper **ret);
/* What is left then stays; the next supervisor removes it. Return: NULL. */
Reaper *reaper_free(Reaper *reaper);
DEFINE_CLEANUP(Reaper *, reaper_free)

/* Removes a group, now or as soon as it is possible; what is still in it is killed. Takes
 * `cgroup`. */
void reaper_add(Reaper *reaper, Cgroup *cgroup);

/* Reaps the child that mount_release() or launch_abort() leaves when it ends; takes `pidfd`, which may be -EBADF. */
void reaper_watch(Reaper *reaper, int pidfd);

/* Whether the group with this path is still to be removed; tries to do so first. */
bool reaper_has(Reaper *reaper, const char *path);

/* To and from the program that takes our place, as an array: what reaper_watch() was given. Groups are found again
 * as those of containers that nobody knows. Return: 0 or a negative errno. */
int reaper_save(const Reaper *reaper, State *state, Json **ret);
int reaper_load(Reaper *reaper, State *state, Json *array);

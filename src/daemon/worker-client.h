/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Workers: a process each, which gets one order and ends after it. */

#include "daemon/manager.h"
#include "protocol/work.h"
#include "shared/list.h"

/* Called when the process has ended, so that nothing is written any more. `result` is the outcome's
 * "done" member, borrowed, or NULL with `error` set; -ECANCELED after worker_cancel(). */
typedef void (*WorkerDone)(const Error *error, Json *result, void *userdata);

/* `progress` is between 0 and 1. */
typedef void (*WorkerProgress)(double progress, void *userdata);

/* Starts a worker with an order; `fds` stay the caller's. `uid` is who caused it. `progress` may be
 * NULL. `ret` may be NULL; the worker frees itself before it calls `done`.
 * Return: 0, `done` is then called exactly once, or a negative errno with *e set, and it is not. */
int worker_start(Manager *m, uid_t uid, const Work *work, const int *fds, size_t n_fds,
                 WorkerProgress progress, WorkerDone done, void *userdata, Worker **ret, Error *e);

/* Kills the process. */
void worker_cancel(Worker *worker);

/* Tells a worker what it waits for: that nothing more will be written to the log that it follows, or that it can begin
 * to copy. */
void worker_tell(Worker *worker);

/* How many the user has. */
uint64_t workers_of(Manager *m, uid_t uid);

/* Kills all, and calls their `done` with -ECANCELED. */
void workers_done(Manager *m);

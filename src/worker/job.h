/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The one order that a worker process carries out, and its way to tell how far it is. */

#include "protocol/work.h"
#include "shared/error.h"
#include "shared/fd.h"

typedef struct Job {
        /* To the daemon; -EBADF in unit tests, where progress goes nowhere. */
        int socket;
        Work order;
        /* As protocol/work.h lists them for the type; as many as it asks for. */
        int fds[FD_PASS_MAX];
        size_t n_fds;
        /* When progress was last told, ns of the monotonic clock. */
        uint64_t told_at;
} Job;

#define JOB_INIT ((Job){.socket = -EBADF})

void job_done(Job *job);

/* Receives the order from `socket`, which becomes the job's. Return: 0 or a negative errno;
 * -ESHUTDOWN when the daemon has gone. */
int job_receive(Job *job, int socket, Error *e);

/* Tells the daemon that `fraction` (0 to 1) of the work is done; at most five times a second, so
 * that it can be called as often as convenient. */
void job_progress(Job *job, double fraction);

/* Tells the daemon that all is ready, and waits until it shuts the socket down for writing. */
int job_wait(Job *job, Error *e);

/* Sends the outcome: `done`, or `error` when its number is set. Return: 0 or a negative errno. */
int job_finish(Job *job, Json *done, const Error *error);

/* From now on the process ends at once when the daemon hangs up. With `until_closed` a socket
 * that the daemon has only shut down for writing is not the end. */
int job_end_with_daemon(Job *job, bool until_closed, Error *e);

/* Each work type's function adds what protocol/work.h promises to `done`.
 * Return: 0 or a negative errno with *e set. */
typedef int (*JobFunction)(Job *job, Json *done, Error *e);

int work_import(Job *job, Json *done, Error *e);
int work_copy(Job *job, Json *done, Error *e);
int work_flatten(Job *job, Json *done, Error *e);
int work_volumes(Job *job, Json *done, Error *e);
int work_save(Job *job, Json *done, Error *e);
int work_remove(Job *job, Json *done, Error *e);
int work_logs(Job *job, Json *done, Error *e);
int work_size(Job *job, Json *done, Error *e);
int work_changes(Job *job, Json *done, Error *e);
int work_copy_out(Job *job, Json *done, Error *e);
int work_copy_in(Job *job, Json *done, Error *e);

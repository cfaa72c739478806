/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "worker/job.h"

/* What a program can do, see work_program(). */
typedef struct WorkerJobs {
        JobFunction functions[_WORK_MAX];
        /* Before the process locks itself in; may be NULL. */
        int (*prepare)(WorkType type, Error *e);
} WorkerJobs;

/* Those of mydocker-worker-archive, and of mydocker-worker. */
extern const WorkerJobs archive_jobs, tree_jobs;

/* A worker from beginning to end: takes its order from WORKER_SOCKET_FD, gives up every right
 * that the job does not need, works, and tells the outcome. Closes every descriptor above that
 * one. Return: the exit status. */
int worker_main(const WorkerJobs *jobs);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Something that takes a while: an object that says how far it is, and how it ended. */

#include "daemon/manager.h"
#include "shared/list.h"

typedef enum JobState {
        JOB_RUNNING,
        JOB_DONE,
        JOB_FAILED,
        JOB_CANCELED,
        _JOB_STATE_MAX,
} JobState;

struct Job {
        LIST_LINKS(Job) links;
        Manager *manager;
        uint64_t number;
        char *path; /* on the bus */
        const char *operation;
        uid_t uid;
        JobState state;
        double progress;
        bool progress_valid;
        char **objects;

        /* Asks for the job's end, which comes with job_finish(). */
        void (*cancel)(void *userdata);
        void *userdata;
        sd_event_source *timer; /* a finished job's end */
};

/* Whether the user may begin one more job. Return: 0 or a negative errno with `error` set. */
int job_check_quota(Manager *m, uid_t uid, sd_bus_error *error);

/* Makes and announces a job; `object` is what it is about, or NULL. Return: NULL when out of memory. */
Job *job_new(Manager *m, const char *operation, uid_t uid, const char *object,
             void (*cancel)(void *userdata), void *userdata);

/* Between 0 and 1; called not more than five times a second. */
void job_progress(Job *job, double progress);

/* What a finished job has made, or removed. */
typedef struct JobResult {
        char *const *paths; /* of the images; NULL: none */
        const char *image;
        const char *name; /* NULL: none */
        bool pruned;      /* containers, images, untagged and reclaimed are given */
        bool imported;    /* images, names and unnamed are given */
        char **containers, **images, **untagged, **names, **unnamed;
        uint64_t reclaimed;
} JobResult;

/* Ends the job: with `error`, or with a result. Its object stays some seconds. */
void job_finish(Job *job, const Error *error, const JobResult *result);

/* Frees all; nothing is announced. */
void jobs_done(Manager *m);

/* Puts the objects on the bus (job-dbus.c). Return: 0 or a negative errno. */
int jobs_export(Manager *m);
const char *job_state_to_string(JobState state);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/job.h"
#include "daemon/bus-util.h"
#include "daemon/errors.h"
#include "daemon/quota.h"
#include "shared/fault.h"
#include "shared/log.h"

#define INTERFACE "org.mydocker.Job"
#define LINGER_USEC (5ULL * 1000 * 1000)

static const char *const state_names[_JOB_STATE_MAX] = {
        [JOB_RUNNING] = "running",
        [JOB_DONE] = "done",
        [JOB_FAILED] = "failed",
        [JOB_CANCELED] = "canceled",
};

const char *job_state_to_string(JobState state) {
        return state_names[state];
}

static void job_free(Job *job) {
        LIST_REMOVE(job->manager->jobs, job, links);
        sd_event_source_disable_unref(job->timer);
        strv_free(job->objects);
        free(job->path);
        free(job);
}

void jobs_done(Manager *m) {
        while (m->jobs)
                job_free(m->jobs);
}

int job_check_quota(Manager *m, uid_t uid, sd_bus_error *error) {
        uint64_t n = 0;

        LIST_FOREACH(job, m->jobs, links)
        n += job->uid == uid && job->state == JOB_RUNNING;
        return quota_check_count(uid, "user-jobs-max", n, m->config.user_jobs_max, error);
}

Job *job_new(Manager *m, const char *operation, uid_t uid, const char *object,
             void (*cancel)(void *userdata), void *userdata) {
        Job *job = calloc(1, sizeof(*job));
        int r;

        if (!job)
                return NULL;
        job->manager = m;
        job->number = ++m->last_job;
        job->operation = operation;
        job->uid = uid;
        job->cancel = cancel;
        job->userdata = userdata;
        LIST_PREPEND(m->jobs, job, links);
        job->path = strf(PATH_JOBS "/%llu", (unsigned long long)job->number);
        if (!job->path || (object && strv_extend(&job->objects, object) < 0)) {
                job_free(job);
                return NULL;
        }
        r = sd_bus_emit_object_added(m->bus, job->path);
        if (r < 0)
                log_errno(LOG_WARNING, r, "Cannot announce a job");
        return job;
}

void job_progress(Job *job, double progress) {
        job->progress = progress;
        job->progress_valid = true;
        sd_bus_emit_properties_changed(job->manager->bus, job->path, INTERFACE, "Progress",
                                       "ProgressValid", NULL);
}

static int on_linger(sd_event_source *source, uint64_t usec, void *userdata) {
        Job *job = userdata;

        sd_bus_emit_object_removed(job->manager->bus, job->path);
        job_free(job);
        return 0;
}

static int append_list(sd_bus_message *signal, const char *key, char *const *list) {
        TRY(sd_bus_message_open_container(signal, 'e', "sv"));
        TRY(sd_bus_message_append_basic(signal, 's', key));
        TRY(sd_bus_message_open_container(signal, 'v', "as"));
        TRY(append_strings(signal, 's', list));
        TRY(sd_bus_message_close_container(signal));
        return sd_bus_message_close_container(signal);
}

static int append_pruned(sd_bus_message *signal, const JobResult *result) {
        TRY(append_list(signal, "containers", result->containers));
        TRY(append_list(signal, "images", result->images));
        TRY(append_list(signal, "untagged", result->untagged));
        return append_entry(signal, "reclaimed", "t", result->reclaimed);
}

static int append_imported(sd_bus_message *signal, const JobResult *result) {
        TRY(append_list(signal, "images", result->images));
        TRY(append_list(signal, "names", result->names));
        return append_list(signal, "unnamed", result->unnamed);
}

static int append_results(sd_bus_message *signal, const JobResult *result) {
        TRY(sd_bus_message_open_container(signal, 'a', "{sv}"));
        if (result && result->image)
                TRY(sd_bus_message_append(signal, "{sv}", "image", "s", result->image));
        if (result && result->name)
                TRY(sd_bus_message_append(signal, "{sv}", "name", "s", result->name));
        if (result && result->pruned)
                TRY(append_pruned(signal, result));
        if (result && result->imported)
                TRY(append_imported(signal, result));
        return sd_bus_message_close_container(signal);
}

static int emit_removed(Job *job, const sd_bus_error *error, const JobResult *result) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;

        TRY(sd_bus_message_new_signal(job->manager->bus, &signal, PATH_MANAGER,
                                      "org.mydocker.Manager", "JobRemoved"));
        TRY(sd_bus_message_append(signal, "osss", job->path, job_state_to_string(job->state),
                                  error->name ?: "", error->message ?: ""));
        TRY(append_results(signal, result));
        return sd_bus_send(NULL, signal, NULL);
}

void job_finish(Job *job, const Error *error, const JobResult *result) {
        _cleanup_(sd_bus_error_free) sd_bus_error bus_error = SD_BUS_ERROR_NULL;
        Manager *m = job->manager;
        int r;

        (void)FAULT("job.finish");
        if (error)
                error_to_bus(error, &bus_error);
        job->state = !error ? JOB_DONE : error->number == ECANCELED ? JOB_CANCELED : JOB_FAILED;
        job->cancel = NULL;
        if (!error) {
                job->progress = 1;
                job->progress_valid = true;
        }
        for (char *const *path = result ? result->paths : NULL; path && *path; path++)
                if (strv_extend(&job->objects, *path) < 0)
                        log_warning("Not enough memory");
        if (error && error->number != ECANCELED)
                log_error_object(LOG_NOTICE, error, "Job %s of uid %u failed", job->operation,
                                 job->uid);
        r = sd_bus_emit_properties_changed(m->bus, job->path, INTERFACE, "State", "Progress",
                                           "ProgressValid", "Objects", NULL);
        if (r >= 0)
                r = emit_removed(job, &bus_error, result);
        if (r < 0)
                log_errno(LOG_WARNING, r, "Cannot announce the end of a job");
        r = sd_event_add_time_relative(m->event, &job->timer, CLOCK_MONOTONIC, LINGER_USEC, 0,
                                       on_linger, job);
        if (r < 0)
                on_linger(NULL, 0, job);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/job.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "cli/progress.h"
#include "cli/properties.h"
#include "cli/report.h"
#include "shared/error.h"
#include "shared/strutil.h"

typedef struct Job {
        Client *client;
        const char *path;
        const char *what;
        const char *subject;
        JobResult *result;
        Progress progress;
        int canceled_by; /* signal */
        bool ended;
        int status;
} Job;

static const PropertyMap result_map[] = {
        {"image", "s", offsetof(JobResult, image)},
        {"name", "s", offsetof(JobResult, name)},
        {"containers", "as", offsetof(JobResult, containers)},
        {"images", "as", offsetof(JobResult, images)},
        {"untagged", "as", offsetof(JobResult, untagged)},
        {"names", "as", offsetof(JobResult, names)},
        {"unnamed", "as", offsetof(JobResult, unnamed)},
        {"reclaimed", "t", offsetof(JobResult, reclaimed)},
        {},
};

void job_result_done(JobResult *result) {
        properties_done(result_map, result);
}

int job_watch(Client *client) {
        int r = client_connect(client);

        if (r != 0)
                return r;
        r = client_match(client, "type='signal',sender='" BUS_NAME "',interface='" MANAGER_INTERFACE
                                 "',member='JobRemoved'");
        if (r >= 0)
                r = client_match_owner(client);
        return r < 0 ? report_errno(client, r, "cannot listen to the bus") : 0;
}

static int on_removed(Job *job, sd_bus_message *m) {
        const char *path, *result, *name, *message;

        TRY(sd_bus_message_read(m, "osss", &path, &result, &name, &message));
        if (!streq(path, job->path))
                return 0;
        job->ended = true;
        progress_clear(&job->progress);
        if (streq(result, "done"))
                return properties_read(m, result_map, job->result);
        if (job->canceled_by > 0)
                job->status = 128 + job->canceled_by;
        else {
                sd_bus_error error = SD_BUS_ERROR_MAKE_CONST(name, message);

                job->status = report_bus_error(job->client, &error, -EIO, job->subject);
        }
        return 0;
}

static int on_changed(Job *job, sd_bus_message *m) {
        static const PropertyMap map[] = {
                {"Progress", "d", offsetof(Progress, fraction)},
                {"ProgressValid", "b", offsetof(Progress, valid)},
                {},
        };

        TRY(sd_bus_message_skip(m, "s"));
        TRY(properties_read(m, map, &job->progress));
        progress_show(&job->progress, job->what);
        return 0;
}

/* A daemon that comes later finishes the job or undoes it, but will not say so. */
static int on_owner_changed(Job *job, sd_bus_message *m) {
        const char *name, *old, *new;

        TRY(sd_bus_message_read(m, "sss", &name, &old, &new));
        if (!streq(name, BUS_NAME) || *new)
                return 0;
        job->ended = true;
        progress_clear(&job->progress);
        job->status = report_errno(job->client, -ECONNRESET,
                                   "mydockerd has ended; whether this was done is not known");
        return 0;
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Job *job = userdata;

        if (!job->ended &&
            sd_bus_message_is_signal(m, "org.freedesktop.DBus", "NameOwnerChanged") &&
            streq_ptr(sd_bus_message_get_sender(m), "org.freedesktop.DBus"))
                return MIN(on_owner_changed(job, m), 0);
        if (job->ended || !client_is_from_daemon(job->client, m))
                return 0;
        if (sd_bus_message_is_signal(m, MANAGER_INTERFACE, "JobRemoved"))
                return MIN(on_removed(job, m), 0);
        if (sd_bus_message_is_signal(m, PROPERTIES_INTERFACE, "PropertiesChanged") &&
            streq_ptr(sd_bus_message_get_path(m), job->path))
                return MIN(on_changed(job, m), 0);
        return 0;
}

static int watch_progress(Job *job) {
        _cleanup_free_ char *rule = NULL;

        if (!progress_is_wanted())
                return 0;
        rule = strf("type='signal',sender='" BUS_NAME "',interface='" PROPERTIES_INTERFACE
                    "',path='%s'",
                    job->path);
        return rule ? client_match(job->client, rule) : -ENOMEM;
}

static int open_signals(void) {
        sigset_t set;
        int fd;

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return fd < 0 ? -errno : fd;
}

/* The first signal asks the daemon to cancel; a second one does not wait for it. */
static int take_signal(Job *job, int fd) {
        struct signalfd_siginfo info;

        if (read(fd, &info, sizeof(info)) != sizeof(info))
                return 0;
        if (job->canceled_by > 0) {
                job->ended = true;
                job->status = 128 + job->canceled_by;
                return 0;
        }
        job->canceled_by = (int)info.ssi_signo;
        return sd_bus_call_method_async(job->client->bus, NULL, BUS_NAME, job->path, JOB_INTERFACE,
                                        "Cancel", NULL, NULL, "a{sv}", 0);
}

static int wait_for_end(Job *job, int signal_fd) {
        while (!job->ended) {
                struct pollfd pollfds[2] = {{.fd = signal_fd, .events = POLLIN}};
                int r = sd_bus_process(job->client->bus, NULL);

                if (r < 0)
                        return r;
                if (r > 0)
                        continue;
                pollfds[1].fd = sd_bus_get_fd(job->client->bus);
                pollfds[1].events = (short)sd_bus_get_events(job->client->bus);
                if (poll(pollfds, ELEMENTSOF(pollfds), -1) < 0 && errno != EINTR)
                        return -errno;
                if (pollfds[0].revents)
                        TRY(take_signal(job, signal_fd));
        }
        return 0;
}

int job_wait_for_bytes(Client *client, const char *path, const char *what, const char *subject,
                       uint64_t size, JobResult *ret) {
        Job job = {.client = client,
                   .path = path,
                   .what = what,
                   .subject = subject,
                   .result = ret,
                   .progress = {.size = size}};
        _cleanup_close_ int signal_fd = open_signals();
        sd_bus_slot *slot = NULL;
        int r = signal_fd;

        if (r >= 0)
                r = sd_bus_add_filter(client->bus, &slot, on_message, &job);
        if (r >= 0)
                r = watch_progress(&job);
        if (r >= 0) {
                progress_show(&job.progress, what);
                r = wait_for_end(&job, signal_fd);
        }
        progress_clear(&job.progress);
        sd_bus_slot_unref(slot);
        return r < 0 ? report_unreachable(client, r) : job.status;
}

int job_wait(Client *client, const char *path, const char *what, const char *subject,
             JobResult *ret) {
        return job_wait_for_bytes(client, path, what, subject, 0, ret);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* CopyOut and CopyIn: archives out of and into a container's tree, volumes included, by a worker each. The tree
 * comes from the supervisor. Its ids are always shifted, so that the worker has no more rights on a volume than the
 * container's root. */

#include <fcntl.h>
#include <limits.h>

#include "daemon/authorize.h"
#include "daemon/bus-util.h"
#include "daemon/container-methods.h"
#include "daemon/errors.h"
#include "daemon/job.h"
#include "daemon/options.h"
#include "daemon/quota.h"
#include "daemon/supervisor-client.h"
#include "shared/fd.h"
#include "shared/log.h"

typedef struct Copy {
        LIST_LINKS(struct Copy) links; /* of the container, when something is unpacked in it */
        Container *container;
        sd_bus_message *message; /* until it is answered */
        uid_t uid;
        Work work;
        int theirs, ours; /* the worker's and the caller's end of the pipe */
        uint32_t range;   /* ids for a container that does not run; 0: none */
        bool running;     /* the tree is that of the container's processes */
        bool holds;       /* keeps the container busy */
        bool canceled;
        Worker *worker;
        Job *job;
} Copy;

static void copy_release(Copy *copy) {
        if (copy->holds)
                container_busy_end(copy->container);
        copy->holds = false;
}

static Copy *copy_free(Copy *copy) {
        if (!copy)
                return NULL;
        if (copy->work.type == WORK_COPY_IN)
                LIST_REMOVE(copy->container->copies, copy, links);
        ranges_release(&copy->container->manager->ranges, copy->range);
        copy_release(copy);
        safe_close(copy->theirs);
        safe_close(copy->ours);
        work_done(&copy->work);
        sd_bus_message_unref(copy->message);
        container_unref(copy->container);
        free(copy);
        return NULL;
}
DEFINE_CLEANUP(Copy *, copy_free)

static Copy *copy_new(Container *c, sd_bus_message *message, uid_t uid, WorkType type) {
        Copy *copy = calloc(1, sizeof(*copy));
        int fds[2];

        if (!copy)
                return NULL;
        if (pipe2(fds, O_CLOEXEC) < 0) {
                free(copy);
                return NULL;
        }
        *copy = (Copy){
                .container = container_ref(c),
                .message = sd_bus_message_ref(message),
                .uid = uid,
                .work = {.type = type},
                .theirs = type == WORK_COPY_IN ? fds[0] : fds[1],
                .ours = type == WORK_COPY_IN ? fds[1] : fds[0],
        };
        if (type == WORK_COPY_IN)
                LIST_PREPEND(c->copies, copy, links);
        return copy;
}

static void cancel(void *userdata) {
        Copy *copy = userdata;

        copy->canceled = true;
        if (copy->worker)
                worker_cancel(copy->worker);
}

void container_cancel_copies(Container *c) {
        LIST_FOREACH(copy, c->copies, links)
        cancel(copy);
}

/* Answers the call with the caller's end of the pipe and, when something is unpacked, the job. */
static void answer(Copy *copy) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = TAKE_PTR(copy->message);
        int r;

        r = copy->job ? sd_bus_reply_method_return(message, "ho", copy->ours, copy->job->path) :
                        sd_bus_reply_method_return(message, "h", copy->ours);
        reply_check(message, r);
        copy->ours = safe_close(copy->ours);
}

static void on_progress(double progress, void *userdata) {
        Copy *copy = userdata;

        if (copy->job)
                job_progress(copy->job, progress);
        else if (copy->message)
                answer(copy); /* it is there: the archive begins */
}

static void on_done(const Error *error, Json *result, void *userdata) {
        _cleanup_(copy_freep) Copy *copy = userdata;

        if (copy->job)
                job_finish(copy->job, error, NULL);
        else if (copy->message && error)
                reply_failure(copy->message, error);
        else if (copy->message)
                answer(copy);
        /* A reader sees it by the missing end; one that has gone away needs no words. */
        else if (error && error->number != EPIPE && error->number != ECANCELED)
                log_error_object(LOG_WARNING, error, "Copying out of container %s failed",
                                 copy->container->record->name);
}

static int begin(Copy *copy, int view, Error *e) {
        Container *c = copy->container;
        int fds[] = {copy->theirs, view};
        bool in = copy->work.type == WORK_COPY_IN;

        if (copy->canceled)
                return error_set(e, ECANCELED, "copy", "the container is being removed");
        TRY(worker_start(c->manager, copy->uid, &copy->work, fds, ELEMENTSOF(fds), on_progress,
                         on_done, copy, &copy->worker, e));
        copy->theirs = safe_close(copy->theirs);
        if (in) {
                copy->job = job_new(c->manager, "copy", copy->uid, c->path, cancel, copy);
                if (copy->job)
                        answer(copy);
                else
                        cancel(copy); /* on_done() answers */
        }
        /* A container that runs stays usable. One that does not must not be started or committed while
         * something is unpacked in the same upper directory. */
        if (!in || container_is_up(c))
                copy_release(copy);
        return 0;
}

static void on_view(Reply *reply, int *fds, size_t n_fds, void *userdata) {
        Copy *copy = userdata;
        Error *e = &reply->error;

        if (e->number == 0 && n_fds != 1)
                error_set(e, EBADMSG, "supervisor", "unexpected reply");
        if (e->number == 0)
                (void)begin(copy, fds[0], e);
        if (e->number == 0)
                return;
        /* It has just ended: what it leaves can be copied, too. */
        if (!(copy->running && error_is_ended(e) &&
              call_again_when_ended(copy->container, copy->message)))
                reply_failure(copy->message, e);
        copy_free(copy);
}

static int ask_for_view(Copy *copy, const int *volumes, Error *e) {
        Container *c = copy->container;
        ContainerSpec spec = *c->record->spec; /* lent */
        Request request = {
                .type = REQUEST_VIEW,
                .spec = &spec,
                .running = container_is_up(c),
        };

        copy->running = request.running;
        memcpy(request.container, spec.id, sizeof(request.container));
        if (!request.running && !spec.host_userns) {
                TRY(ranges_take(&c->manager->ranges, c->record->owner, &copy->range, e));
                spec.id_base = copy->range;
        }
        copy->work.id_base = spec.host_userns ? 0 : spec.id_base;
        return supervisor_call(c->manager->supervisor, &request, volumes, spec.n_volumes, on_view,
                               copy, e);
}

static void on_volumes(Container *c, const int *fds, const Error *error, void *userdata) {
        Copy *copy = userdata;
        Error e = ERROR_INIT;

        if (!error && ask_for_view(copy, fds, &e) < 0)
                error = &e;
        if (!error)
                return;
        reply_failure(copy->message, error);
        copy_free(copy);
}

typedef struct CopyOptions {
        char *path, *name;
        bool follow, as_cp;
} CopyOptions;

static void copy_options_done(CopyOptions *o) {
        free(o->path);
        free(o->name);
}

static const Option out_options[] = {
        {"follow", OPTION_BOOL, offsetof(CopyOptions, follow)},
        {"name", OPTION_STRING, offsetof(CopyOptions, name)},
};
static const Option in_options[] = {
        {"as-cp", OPTION_BOOL, offsetof(CopyOptions, as_cp)},
        {"name", OPTION_STRING, offsetof(CopyOptions, name)},
};

static int read_arguments(sd_bus_message *message, bool in, CopyOptions *o, sd_bus_error *error) {
        const char *path;

        TRY(sd_bus_message_read(message, "s", &path));
        if (isempty(path) || strlen(path) >= PATH_MAX)
                return sd_bus_error_set(error, ERROR_INVALID_ARGS,
                                        "Argument path is empty or too long");
        o->path = strdup(path);
        if (!o->path)
                return bus_failure(error, ENOMEM, "call");
        TRY(options_read(message, in ? in_options : out_options,
                         in ? ELEMENTSOF(in_options) : ELEMENTSOF(out_options), o, error));
        if (o->name && (!*o->name || strchr(o->name, '/') || strlen(o->name) > NAME_MAX ||
                        streq(o->name, ".") || streq(o->name, "..")))
                return sd_bus_error_set(error, ERROR_INVALID_ARGS,
                                        "Option name is no name of a file");
        if (in && o->name && !o->as_cp)
                return sd_bus_error_set(error, ERROR_INVALID_ARGS, "Option name is only for as-cp");
        return 0;
}

static int copy(Container *c, sd_bus_message *message, bool in, sd_bus_error *error) {
        _cleanup_(copy_options_done) CopyOptions o = {};
        const Caller *caller;
        Error e = ERROR_INIT;
        Copy *copy;
        int r;

        TRY(read_arguments(message, in, &o, error));
        r = container_authorize(c, message, true, ACTION_EXEC, in ? "copy-in" : "copy-out", error);
        if (r > 0)
                r = caller_get(c->manager, message, &caller, error);
        if (r > 0)
                r = container_wait_turn(c, message, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        TRY(quota_check_streams(c->manager, caller->uid, error));
        if (in) {
                TRY(job_check_quota(c->manager, caller->uid, error));
                if (quota_check_disk(c->manager, c->record->owner, &e) < 0)
                        return error_to_bus(&e, error);
                /* Two overlays must not write to one upper directory. */
                if (!container_is_up(c) && container_end_mount(c, &e) < 0)
                        return error_to_bus(&e, error);
        }
        copy = copy_new(c, message, caller->uid, in ? WORK_COPY_IN : WORK_COPY_OUT);
        if (!copy)
                return bus_failure(error, ENOMEM, "call");
        copy->work.path = TAKE_PTR(o.path);
        copy->work.name = TAKE_PTR(o.name);
        copy->work.follow = o.follow;
        copy->work.as_cp = o.as_cp;
        copy->holds = true;
        container_busy_begin(c);
        /* Before its first start a volume's directory need not be there yet. */
        container_open_volumes(c, true, on_volumes, copy);
        return 1;
}

int container_method_copy_out(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return copy(userdata, message, false, error);
}

int container_method_copy_in(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return copy(userdata, message, true, error);
}

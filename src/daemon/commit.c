/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include "daemon/commit-config.h"
#include "daemon/commit.h"
#include "daemon/image-config.h"
#include "daemon/quota.h"
#include "daemon/staging.h"
#include "daemon/supervisor-client.h"
#include "shared/fd.h"
#include "shared/log.h"

typedef struct Commit {
        Container *container;
        Job *job;
        uid_t uid;
        CommitOptions options;
        Intent intent;
        int staging;
        Worker *worker;
        bool canceled;
        bool ready;                  /* the worker waits for the container to be frozen */
        bool freezing;               /* the supervisor has been asked */
        bool frozen;                 /* by us */
        Error copy_error;            /* why the upper directory is not copied */
        bool seals;                  /* the upper directory itself becomes the layer */
        char upper[ID_LENGTH + 1];   /* the layer made of the upper directory */
        char volumes[ID_LENGTH + 1]; /* that of the volumes; empty: none */
        char flat[ID_LENGTH + 1];    /* the only layer, when there would be too many; else empty */
} Commit;

void commit_options_done(CommitOptions *options) {
        free(options->name);
        free(options->message);
        free(options->author);
        strv_free(options->changes);
        *options = (CommitOptions){};
}

static void commit_free(Commit *commit) {
        commit_options_done(&commit->options);
        intent_done(&commit->intent);
        safe_close(commit->staging);
        container_unref(commit->container);
        free(commit);
}

/* The container goes on as soon as everything is copied; also when that has failed. */
static void thaw(Commit *commit) {
        Container *c = commit->container;
        Error e = ERROR_INIT;

        if (!commit->frozen)
                return;
        commit->frozen = false;
        c->frozen = false;
        if (container_is_up(c) && supervisor_call_simple(c->manager->supervisor, REQUEST_THAW,
                                                         c->record->spec->id, NULL, NULL, &e) < 0)
                log_error_object(LOG_ERR, &e, "Container %s stays frozen", c->record->name);
}

static void finish(Commit *commit, const Error *error, char *const *paths) {
        Container *c = commit->container;
        const char *id = paths ? paths[0] + strlen(PATH_IMAGES "/") : NULL;
        JobResult result = {.paths = paths, .image = id, .name = commit->options.name};

        thaw(commit);
        if (!error && commit->seals) {
                c->upper_size = 0; /* it is the image's now */
                c->upper_final = false;
                disk_watch(c->manager);
        }
        job_finish(commit->job, error, error ? NULL : &result);
        container_busy_end(c);
        commit_free(commit);
}

static void fail(Commit *commit, const Error *error) {
        Manager *m = commit->container->manager;

        intent_drop(m->store, commit->intent.id);
        finish(commit, error, NULL);
        manager_empty_trash(m);
}

/* Whether the job goes on to its next step: not after a failure, and not when it was canceled. */
static bool goes_on(Commit *commit, const Error *error) {
        Error e = ERROR_INIT;

        commit->worker = NULL;
        if (!error && commit->canceled) {
                error_set(&e, ECANCELED, "commit", "canceled");
                error = &e;
        }
        if (error)
                fail(commit, error);
        return !error;
}

static void on_stored(const Error *error, char *const *paths, void *userdata) {
        finish(userdata, error, paths);
}

static int add_layer(Commit *commit, const char *layer, const char *what) {
        ImageRecord *record = commit->intent.images[0].record;
        HistoryStep step = {
                .created = record->created,
                .created_by = (char *)what,
                .comment = commit->options.message,
                .author = commit->options.author,
        };

        memcpy(step.layer, layer, sizeof(step.layer));
        TRY(strv_extend(&record->layers, layer));
        return image_record_add_step(record, &step);
}

static bool has_volumes(const Commit *commit) {
        return commit->options.include_volumes && commit->container->record->spec->n_volumes > 0;
}

/* Whether the image would have more layers than are possible: then it gets a single one. */
static bool flattens(const Commit *commit) {
        return strv_length(commit->container->record->spec->layers) + 1 + has_volumes(commit) >
               LAYERS_MAX;
}

/* The new image is the container's, with what has come on top of it. */
static int inherit(Commit *commit) {
        Container *c = commit->container;
        ImageRecord *record = commit->intent.images[0].record;
        Image *base = map_get(&c->manager->images, c->record->image_id);
        _cleanup_json_ Json *config = NULL;

        if (base) {
                for (size_t i = 0; i < base->record->n_history; i++) {
                        HistoryStep step = base->record->history[i]; /* lent */

                        if (commit->flat[0])
                                step.layer[0] = '\0';
                        TRY(image_record_add_step(record, &step));
                }
                if (json_object_deep_copy(base->record->config, &config, NULL) < 0)
                        return -ENOMEM;
                json_object_put(record->config);
                record->config = TAKE_PTR(config);
        }
        for (char **layer = c->record->spec->layers; !commit->flat[0] && *layer; layer++) {
                if (base && strv_contains(base->record->layers, *layer))
                        TRY(strv_extend(&record->layers, *layer));
                else
                        TRY(add_layer(commit, *layer, "commit"));
        }
        return commit_config_fill(record->config, c->record);
}

static int add_layers(Commit *commit) {
        if (commit->flat[0])
                return add_layer(commit, commit->flat, "commit of all layers as one");
        TRY(add_layer(commit, commit->upper, "commit"));
        return commit->volumes[0] ? add_layer(commit, commit->volumes, "commit of volumes") : 0;
}

static int describe_image(Commit *commit, Error *e) {
        ImageRecord *record = image_record_new();
        IntentImage *image = record ? intent_add_image(&commit->intent, record, NULL) : NULL;
        int r = image ? inherit(commit) : -ENOMEM;

        if (r == -EBADMSG)
                return error_set(e, r, "archive", "The image's configuration makes no sense");
        if (r < 0 || add_layers(commit) < 0 || strv_extend(&image->names, commit->options.name) < 0)
                return error_oom(e);
        record->owner = commit->uid;
        return image_config_change(record->config, commit->options.changes, e);
}

/* Everything is there. */
static void store(Commit *commit) {
        Container *c = commit->container;
        Error e = ERROR_INIT;

        if (describe_image(commit, &e) < 0) {
                fail(commit, &e);
                return;
        }
        commit->job->cancel = NULL;
        image_store(c->manager, &commit->intent, commit->options.replace, commit->seals ? c : NULL,
                    commit->upper, on_stored, commit);
}

static void on_progress(double progress, void *userdata) {
        Commit *commit = userdata;

        job_progress(commit->job, progress);
}

/* Notes the layer that a worker has made at `path` of the staging directory. Return: whether the commit
 * goes on; if not, it has ended. */
static bool take_layer(Commit *commit, const Error *error, Json *result, const char *path,
                       char id[static ID_LENGTH + 1]) {
        uint64_t size = 0;
        Error e = ERROR_INIT;

        if (!goes_on(commit, error))
                return false;
        if (json_get_u64(result, "size", &size) >= 0 &&
            intent_add_layer(&commit->intent, path, size, id) >= 0)
                return true;
        error_oom(&e);
        fail(commit, &e);
        return false;
}

static void on_flattened(const Error *error, Json *result, void *userdata) {
        Commit *commit = userdata;

        if (take_layer(commit, error, result, "flat/0", commit->flat))
                store(commit);
}

/* Opens what becomes one layer, lowest first: the container's chain, and what was copied. */
static int open_layers(Commit *commit, int *fds, size_t *n, Error *e) {
        char **chain = commit->container->record->spec->layers;
        static const char *const copied[] = {"upper/0", "volumes/0"};

        for (; *chain; chain++, (*n)++) {
                fds[*n] = store_layer_open(commit->container->manager->store, *chain, e);
                if (fds[*n] < 0)
                        return fds[*n];
        }
        for (size_t i = 0; i < ELEMENTSOF(copied); i++) {
                int fd = openat(commit->staging, copied[i],
                                O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

                if (fd >= 0)
                        fds[(*n)++] = fd;
                else if (errno != ENOENT)
                        return error_set(e, errno, "store", "cannot open a copied layer");
        }
        return 0;
}

static int flatten(Commit *commit, Error *e) {
        Work work = {.type = WORK_FLATTEN};
        int fds[1 + LAYERS_MAX + 2], r;
        size_t n = 1;

        r = fds[0] = store_staging_make_part(commit->staging, "flat", e);
        if (r >= 0)
                r = open_layers(commit, fds, &n, e);
        if (r >= 0)
                r = worker_start(commit->container->manager, commit->uid, &work, fds, n,
                                 on_progress, on_flattened, commit, &commit->worker, e);
        fd_close_many(fds, n);
        return r;
}

/* What is the container's own has been copied, or stays as it is. */
static void on_copied(Commit *commit) {
        Error e = ERROR_INIT;

        thaw(commit);
        if (!flattens(commit)) {
                store(commit);
                return;
        }
        /* The copies are only for this. */
        strv_free(commit->intent.staged);
        commit->intent.staged = NULL;
        if (flatten(commit, &e) < 0)
                fail(commit, &e);
}

static void on_volumes_copied(const Error *error, Json *result, void *userdata) {
        Commit *commit = userdata;

        if (take_layer(commit, error, result, "volumes/0", commit->volumes))
                on_copied(commit);
}

static int copy_volumes(Commit *commit, int view, Error *e) {
        Container *c = commit->container;
        const ContainerSpec *spec = c->record->spec;
        _cleanup_(work_done) Work work = {.type = WORK_VOLUMES, .id_base = spec->id_base};
        _cleanup_close_ int part = -EBADF;

        for (size_t i = 0; i < spec->n_volumes; i++)
                if (strv_extend(&work.targets, spec->volumes[i].target) < 0)
                        return error_oom(e);
        part = store_staging_make_part(commit->staging, "volumes", e);
        if (part < 0)
                return part;
        int fds[] = {part, view};
        return worker_start(c->manager, commit->uid, &work, fds, ELEMENTSOF(fds), on_progress,
                            on_volumes_copied, commit, &commit->worker, e);
}

static void on_view(Reply *reply, int *fds, size_t n_fds, void *userdata) {
        Commit *commit = userdata;
        Error *e = &reply->error;

        if (!goes_on(commit, e->number != 0 ? e : NULL))
                return;
        if (n_fds != 1)
                error_set(e, EBADMSG, "supervisor", "unexpected reply");
        else
                (void)copy_volumes(commit, fds[0], e);
        if (e->number != 0)
                fail(commit, e);
}

static void on_volumes_open(Container *c, const int *fds, const Error *error, void *userdata) {
        Commit *commit = userdata;
        Request request = {
                .type = REQUEST_VIEW,
                .spec = c->record->spec,
                .running = container_is_up(c),
        };
        Error e = ERROR_INIT;

        if (!goes_on(commit, error))
                return;
        memcpy(request.container, c->record->spec->id, sizeof(request.container));
        if (supervisor_call(c->manager->supervisor, &request, fds, c->record->spec->n_volumes,
                            on_view, commit, &e) < 0)
                fail(commit, &e);
}

static void begin_volumes(Commit *commit) {
        Container *c = commit->container;

        if (has_volumes(commit))
                container_open_volumes(c, false, on_volumes_open, commit);
        else
                on_copied(commit);
}

static void on_upper_copied(const Error *error, Json *result, void *userdata) {
        Commit *commit = userdata;
        Error *e = &commit->copy_error;

        commit->worker = NULL;
        if (e->number == 0 && error)
                *e = *error;
        if (e->number == 0 && commit->freezing)
                error_set(e, EBADMSG, "worker", "it did not wait");
        if (commit->freezing)
                return; /* on_frozen() goes on */
        if (take_layer(commit, e->number != 0 ? e : NULL, result, "upper/0", commit->upper))
                begin_volumes(commit);
}

static void on_frozen(Reply *reply, int *fds, size_t n_fds, void *userdata) {
        Commit *commit = userdata;
        Container *c = commit->container;

        commit->freezing = false;
        if (reply->error.number != 0 || !container_is_up(c))
                c->frozen = commit->frozen = false;
        /* It may just have ended by itself. */
        if (reply->error.number != 0 && container_is_up(c) && commit->copy_error.number == 0)
                commit->copy_error = reply->error;
        if (!commit->worker)
                fail(commit, &commit->copy_error);
        else if (commit->copy_error.number != 0)
                worker_cancel(commit->worker);
        else
                worker_tell(commit->worker);
}

/* The worker is there and only waits: the container stands still for as long as copying takes, not starting. */
static void on_ready(double progress, void *userdata) {
        Commit *commit = userdata;
        Container *c = commit->container;

        if (commit->ready)
                return;
        commit->ready = true;
        if (!container_is_up(c) || c->state == CONTAINER_PAUSED) {
                worker_tell(commit->worker);
                return;
        }
        /* From now on: what comes while it is being frozen is too late, too. */
        c->frozen = commit->frozen = commit->freezing = true;
        if (supervisor_call_simple(c->manager->supervisor, REQUEST_FREEZE, c->record->spec->id,
                                   on_frozen, commit, &commit->copy_error) < 0) {
                c->frozen = commit->frozen = commit->freezing = false;
                worker_cancel(commit->worker);
        }
}

static int copy_upper(Commit *commit, bool freeze, Error *e) {
        Container *c = commit->container;
        Work work = {.type = WORK_COPY, .wait = freeze};
        _cleanup_close_ int upper = -EBADF, part = -EBADF;

        upper = store_container_open(c->manager->store, c->record->spec->id, "upper", e);
        if (upper < 0)
                return upper;
        part = store_staging_make_part(commit->staging, "upper", e);
        if (part < 0)
                return part;
        int fds[] = {upper, part};
        return worker_start(c->manager, commit->uid, &work, fds, ELEMENTSOF(fds),
                            freeze ? on_ready : on_progress, on_upper_copied, commit,
                            &commit->worker, e);
}

static int seal_upper(Commit *commit, Error *e) {
        if (id_make(commit->upper) < 0)
                return error_oom(e);
        commit->seals = true;
        begin_volumes(commit);
        return 0;
}

/* A container that somebody looks at, or still unpacks something in, is copied too: its upper directory is in use. And
 * one whose chain cannot become longer. */
static void begin_upper(Commit *commit, bool freeze) {
        Container *c = commit->container;
        bool copies =
                container_is_up(c) || container_is_mounted(c) || c->copies || flattens(commit);
        Error e = ERROR_INIT;

        if ((copies ? copy_upper(commit, freeze, &e) : seal_upper(commit, &e)) < 0)
                fail(commit, &e);
}

static void on_cancel(void *userdata) {
        Commit *commit = userdata;

        commit->canceled = true;
        if (commit->worker)
                worker_cancel(commit->worker);
}

Job *commit_begin(Container *c, uid_t uid, CommitOptions *options, Error *e) {
        bool freeze = options->pause && container_is_up(c) && c->state != CONTAINER_PAUSED;
        Commit *commit = calloc(1, sizeof(*commit));
        Job *job;

        if (!commit) {
                error_oom(e);
                return NULL;
        }
        commit->container = container_ref(c);
        commit->uid = uid;
        commit->staging = -EBADF;
        commit->options = *options;
        *options = (CommitOptions){};
        if (id_make(commit->intent.id) < 0)
                error_oom(e);
        else
                commit->staging = store_staging_make(c->manager->store, commit->intent.id, e);
        if (commit->staging >= 0)
                commit->job = job_new(c->manager, "commit", uid, c->path, on_cancel, commit);
        if (!commit->job) {
                if (e->number == 0)
                        error_oom(e);
                intent_drop(c->manager->store, commit->intent.id);
                commit_free(commit);
                return NULL;
        }
        job = commit->job;
        container_busy_begin(c);
        begin_upper(commit, freeze);
        return job;
}

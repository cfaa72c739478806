/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Import: a worker unpacks an archive into a staging directory, whose layers then become an image. */

#include <fcntl.h>
#include <sys/stat.h>

#include "daemon/authorize.h"
#include "daemon/bus-util.h"
#include "daemon/errors.h"
#include "daemon/image-config.h"
#include "daemon/job.h"
#include "daemon/manager-methods.h"
#include "daemon/offload.h"
#include "daemon/options.h"
#include "daemon/quota.h"
#include "daemon/staging.h"
#include "daemon/worker-client.h"
#include "shared/log.h"

typedef struct ImportOptions {
        int source;
        char *message;
        char **changes;
        bool replace;
} ImportOptions;

static const Option import_options[] = {
        {"source", OPTION_FD, offsetof(ImportOptions, source)},
        {"message", OPTION_STRING, offsetof(ImportOptions, message)},
        {"changes", OPTION_STRV, offsetof(ImportOptions, changes)},
        {"replace", OPTION_BOOL, offsetof(ImportOptions, replace)},
};

static void import_options_done(ImportOptions *options) {
        safe_close(options->source);
        free(options->message);
        strv_free(options->changes);
}

typedef struct Import {
        Manager *manager;
        Job *job;
        Worker *worker;
        char *name; /* NULL: those of the archive */
        ImportOptions options;
        Intent intent;
        char **shared; /* layers of other images that this one has too, kept meanwhile */
        char *path;    /* of the image, when it was there already */
        char *told;    /* its name in the results; NULL: none */
} Import;

static Import *import_free(Import *import) {
        if (!import)
                return NULL;
        if (import->shared && !import->manager->ending &&
            layers_unuse(import->manager, import->shared) < 0)
                log_warning("Layers that nobody uses are left");
        strv_free(import->shared);
        import_options_done(&import->options);
        intent_done(&import->intent);
        free(import->name);
        free(import->path);
        free(import->told);
        free(import);
        return NULL;
}
DEFINE_CLEANUP(Import *, import_free)

static void finish(Import *import, const Error *error, const char *path) {
        const char *id = path ? path + strlen(PATH_IMAGES "/") : NULL;
        JobResult result = {.path = path, .image = id, .name = import->told};

        job_finish(import->job, error, error ? NULL : &result);
        import_free(import);
}

static void on_stored(const Error *error, const char *path, void *userdata) {
        finish(userdata, error, path);
}

static int unexpected(Error *e) {
        return error_set(e, EBADMSG, "worker", "unexpected outcome of the import");
}

/* How many layers from below, one upon the other, an image has in common with these. */
static size_t count_common(const Image *image, char *const *diff_ids) {
        char *const *own = image->record->diff_ids;
        size_t n = 0;

        while (own && own[n] && diff_ids[n] && streq(own[n], diff_ids[n]))
                n++;
        return n;
}

/* A layer that another image has upon the same ones is not kept twice. Upon others it may be unpacked
 * to something else: a directory that it only implies looks as below. */
static int share_layers(Import *import) {
        char **diff_ids = import->intent.image->diff_ids;
        _cleanup_strv_free_ char **shared = NULL;
        const Image *best = NULL;
        size_t n = 0;

        LIST_FOREACH(image, import->manager->image_list, links) {
                size_t common = diff_ids ? count_common(image, diff_ids) : 0;

                if (common > n) {
                        best = image;
                        n = common;
                }
        }
        for (size_t i = 0; i < n; i++)
                TRY(strv_extend(&shared, best->record->layers[i]));
        TRY(layers_use(import->manager, shared));
        import->shared = TAKE_PTR(shared);
        return 0;
}

static int read_layers(Import *import, Json *layers, Error *e) {
        ImageRecord *record = import->intent.image;
        size_t n = json_object_array_length(layers), n_shared;

        if (n < 1 || n > LAYERS_MAX)
                return error_set(e, EBADMSG, "archive",
                                 "the image has %zu layers, at most %d are possible", n,
                                 LAYERS_MAX);
        for (size_t i = 0; i < n; i++) {
                const char *diff_id = NULL;

                if (json_peek_string(json_object_array_get_idx(layers, i), "diff-id", &diff_id) < 0)
                        return unexpected(e);
                if (diff_id && strv_extend(&record->diff_ids, diff_id) < 0)
                        return error_oom(e);
        }
        if (share_layers(import) < 0)
                return error_oom(e);
        n_shared = strv_length(import->shared);
        for (size_t i = 0; i < n; i++) {
                char part[24], id[ID_LENGTH + 1];
                uint64_t size = 0;

                snprintf(part, sizeof(part), "%zu", i);
                if (json_get_u64(json_object_array_get_idx(layers, i), "size", &size) < 0)
                        return unexpected(e);
                if (i >= n_shared && intent_add_layer(&import->intent, part, size, id) < 0)
                        return error_oom(e);
                if (strv_extend(&record->layers, i < n_shared ? import->shared[i] : id) < 0)
                        return error_oom(e);
        }
        return 0;
}

/* The steps that the archive tells, or else one for each layer. */
static int read_history(Import *import, Json *result, const char *format) {
        ImageRecord *record = import->intent.image;
        Json *steps = NULL;
        size_t n, layer = 0;

        TRY(json_get_array(result, "history", &steps));
        n = steps ? json_object_array_length(steps) : strv_length(record->layers);
        for (size_t i = 0; i < n; i++) {
                const char *created_by = "import", *comment = import->options.message ?: format;
                HistoryStep step = {.created = record->created};
                const char *author = NULL;
                bool empty = false;

                if (steps) {
                        Json *json = json_object_array_get_idx(steps, i);

                        created_by = comment = NULL;
                        step.created = 0;
                        TRY(json_get_u64(json, "created", &step.created));
                        TRY(json_peek_string(json, "created-by", &created_by));
                        TRY(json_peek_string(json, "comment", &comment));
                        TRY(json_peek_string(json, "author", &author));
                        TRY(json_get_bool(json, "empty", &empty));
                }
                /* Only read here: image_record_add_step() copies. */
                step.created_by = (char *)created_by;
                step.comment = (char *)comment;
                step.author = (char *)author;
                if (!empty && !record->layers[layer])
                        return -EBADMSG;
                if (!empty)
                        memcpy(step.layer, record->layers[layer++], sizeof(step.layer));
                TRY(image_record_add_step(record, &step));
        }
        return 0;
}

/* Makes the image's record of what the worker has found. */
static int describe_image(Import *import, Json *result, Error *e) {
        ImageRecord *record;
        Json *config = NULL, *layers = NULL;
        const char *format = "", *digest = NULL;
        uint64_t created = 0;
        int r;

        record = import->intent.image = image_record_new();
        if (!record)
                return error_oom(e);
        record->owner = import->job->uid;
        if (json_peek_string(result, "format", &format) < 0 ||
            json_peek_string(result, "digest", &digest) < 0 ||
            json_get_u64(result, "created", &created) < 0 ||
            json_get_array(result, "layers", &layers) <= 0 ||
            json_get_object(result, "config", &config) < 0)
                return unexpected(e);
        if (config) {
                json_object_put(record->config);
                record->config = json_object_get(config);
        }
        if (created > 0)
                record->created = created;
        if (digest && strv_extend(&record->digests, digest) < 0)
                return error_oom(e);
        if (import->options.changes && !streq(format, "rootfs"))
                return error_set(e, EINVAL, "argument",
                                 "Option changes: the archive has a configuration of its own");
        TRY(image_config_change(record->config, import->options.changes, e));
        TRY(read_layers(import, layers, e));
        r = read_history(import, result, format);
        if (r < 0)
                return r == -ENOMEM ? error_oom(e) : unexpected(e);
        return 0;
}

static int choose_names(Import *import, Json *result, Error *e) {
        _cleanup_strv_free_ char **found = NULL;

        if (import->name && strv_extend(&found, import->name) < 0)
                return error_oom(e);
        if (!import->name && json_get_strv(result, "names", &found) < 0)
                return unexpected(e);
        for (char **name = found; name && *name; name++) {
                _cleanup_free_ char *normal = NULL;
                int r = image_reference_normalize(*name, &normal);

                if (r == -EINVAL)
                        return error_set(e, EINVAL, "archive", "“%s” is no name for an image",
                                         *name);
                if (r < 0 || (!strv_contains(import->intent.names, normal) &&
                              strv_extend(&import->intent.names, normal) < 0))
                        return error_oom(e);
        }
        if (import->intent.names && free_and_strdup(&import->told, import->intent.names[0]) < 0)
                return error_oom(e);
        return 0;
}

/* The names of an image that was there before are on disk. */
static void on_named(int result, void *userdata) {
        Import *import = userdata;
        Error e = ERROR_INIT;

        if (result < 0)
                error_set(&e, result, "store", "cannot write to the disk");
        finish(import, result < 0 ? &e : NULL, import->path);
}

/* What was read is an image that is there already: it gets the names, and what was unpacked is thrown
 * away. Return: 0 when on_named() will be called, or a negative errno. */
static int name_image(Import *import, Image *image, Error *e) {
        Manager *m = import->manager;

        for (char **name = import->intent.names; name && *name; name++)
                TRY(image_check_name(
                        m, *name, import->options.replace || image_by_name(m, *name) == image, e));
        for (char **name = import->intent.names; name && *name; name++)
                TRY(image_tag(image, *name, true, e));
        if (free_and_strdup(&import->path, image->path) < 0 ||
            offload_sync(m->offload, m->store->fd, on_named, import) < 0)
                return error_oom(e);
        return 0;
}

static void discard(Import *import) {
        intent_drop(import->manager->store, import->intent.id);
        manager_empty_trash(import->manager);
}

static void on_unpacked(const Error *error, Json *result, void *userdata) {
        Import *import = userdata;
        const char *digest = NULL;
        Error e = ERROR_INIT;
        Image *image;

        import->worker = NULL;
        if (!error &&
            (describe_image(import, result, &e) < 0 || choose_names(import, result, &e) < 0))
                error = &e;
        if (error) {
                discard(import);
                finish(import, error, NULL);
                return;
        }
        /* From here on it is a matter of moments, and not to be canceled. */
        import->job->cancel = NULL;
        image = json_peek_string(result, "digest", &digest) > 0 ?
                        image_by_digest(import->manager, digest) :
                        NULL;
        if (!image) {
                image_store(import->manager, &import->intent, import->options.replace, NULL, NULL,
                            on_stored, import);
                return;
        }
        discard(import);
        if (name_image(import, image, &e) < 0)
                finish(import, &e, NULL);
}

/* The worker speaks not more than five times a second. */
static void on_progress(double progress, void *userdata) {
        Import *import = userdata;

        job_progress(import->job, progress);
}

static void on_cancel(void *userdata) {
        Import *import = userdata;

        if (import->worker)
                worker_cancel(import->worker);
}

/* Only what can be read, and never ends in asking a user's file system something on our thread. */
static int check_source(int fd, sd_bus_error *error) {
        int flags = fcntl(fd, F_GETFL);
        struct statx st;

        if (flags < 0 || (flags & O_PATH) || (flags & O_ACCMODE) == O_WRONLY)
                return sd_bus_error_set(error, ERROR_INVALID_ARGS, "Option source cannot be read");
        if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) < 0)
                return bus_failure(error, errno, "source");
        if (!S_ISREG(st.stx_mode) && !S_ISFIFO(st.stx_mode) && !S_ISSOCK(st.stx_mode))
                return sd_bus_error_set(error, ERROR_INVALID_ARGS,
                                        "Option source is neither a file nor a pipe");
        return 0;
}

static int begin(Import *import, uid_t uid, int source, Error *e) {
        Manager *m = import->manager;
        _cleanup_close_ int staging = -EBADF;
        Work work = {.type = WORK_IMPORT};

        if (id_make(import->intent.id) < 0)
                return error_oom(e);
        staging = store_staging_make(m->store, import->intent.id, e);
        if (staging < 0)
                return staging;
        import->job = job_new(m, "import", uid, NULL, on_cancel, import);
        if (!import->job)
                return error_oom(e);
        int fds[] = {source, staging};
        int r = worker_start(m, uid, &work, fds, ELEMENTSOF(fds), on_progress, on_unpacked, import,
                             &import->worker, e);
        if (r < 0) {
                job_finish(import->job, e, NULL);
                import->job = NULL;
        }
        return r;
}

static int reply(sd_bus_message *message, const Job *job, int input) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;

        TRY(sd_bus_message_new_method_return(message, &answer));
        TRY(sd_bus_message_append(answer, "o", job->path));
        TRY(sd_bus_message_open_container(answer, 'a', "{sv}"));
        if (input >= 0)
                TRY(append_entry(answer, "stdin", "h", input));
        TRY(sd_bus_message_close_container(answer));
        return sd_bus_send(NULL, answer, NULL);
}

static int read_arguments(Import *import, sd_bus_message *message, sd_bus_error *error) {
        const char *name;

        TRY(sd_bus_message_read(message, "s", &name));
        if (*name && image_reference_normalize(name, &import->name) < 0)
                return bus_error_setf(error, ERROR_INVALID_ARGS,
                                      "Argument name: “%.256s” is no name for an image", name);
        TRY(options_read(message, import_options, ELEMENTSOF(import_options), &import->options,
                         error));
        return import->options.source >= 0 ? check_source(import->options.source, error) : 0;
}

/* Finds mistakes in the changes before a large archive is read for nothing. */
static int try_changes(char *const *changes, sd_bus_error *error) {
        _cleanup_json_ Json *scratch = json_object_new_object();
        Error e = ERROR_INIT;

        if (!scratch)
                return bus_failure(error, ENOMEM, "import");
        return image_config_change(scratch, changes, &e) < 0 ? error_to_bus(&e, error) : 0;
}

static int authorize_import(Import *import, sd_bus_message *message, sd_bus_error *error) {
        _cleanup_strv_free_ char **details = NULL;

        if (details_add(&details, "verb", "import") < 0 ||
            details_add(&details, "image", import->name) < 0)
                return bus_failure(error, ENOMEM, "import");
        return authorize(import->manager, message, ACTION_IMAGE_IMPORT, details, error);
}

int manager_method_import(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(import_freep) Import *import = calloc(1, sizeof(*import));
        _cleanup_close_ int source = -EBADF, input = -EBADF;
        Manager *m = userdata;
        const Caller *caller;
        Error e = ERROR_INIT;
        int pipe[2], r;
        Job *job;

        if (!import)
                return bus_failure(error, ENOMEM, "import");
        import->manager = m;
        import->options.source = -EBADF;
        TRY(read_arguments(import, message, error));
        TRY(try_changes(import->options.changes, error));
        r = authorize_import(import, message, error);
        if (r > 0)
                r = caller_get(m, message, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        TRY(job_check_quota(m, caller->uid, error));
        if (quota_check_disk(m, caller->uid, &e) < 0)
                return error_to_bus(&e, error);
        if (import->name && image_check_name(m, import->name, import->options.replace, &e) < 0)
                return error_to_bus(&e, error);

        source = TAKE_FD(import->options.source);
        if (source < 0) {
                if (pipe2(pipe, O_CLOEXEC) < 0)
                        return bus_failure(error, errno, "cannot make a pipe");
                source = pipe[0];
                input = pipe[1];
        }
        if (begin(import, caller->uid, source, &e) < 0) {
                intent_drop(m->store, import->intent.id);
                return error_to_bus(&e, error);
        }
        job = import->job;
        import = NULL;
        return reply(message, job, input);
}

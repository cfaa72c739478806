/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Import: a worker unpacks an archive into a staging directory, whose layers then become images. */

#include <fcntl.h>
#include <sys/stat.h>

#include "daemon/authorize.h"
#include "daemon/bus-util.h"
#include "daemon/errors.h"
#include "daemon/image-config.h"
#include "daemon/import-images.h"
#include "daemon/job.h"
#include "daemon/manager-methods.h"
#include "daemon/options.h"
#include "daemon/quota.h"
#include "daemon/staging.h"
#include "daemon/worker-client.h"

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
        Found found;
        char **ids, **names, **unnamed; /* the results */
} Import;

static Import *import_free(Import *import) {
        if (!import)
                return NULL;
        if (import->found.shared && !import->manager->ending)
                layers_unuse(import->manager, import->found.shared);
        found_done(&import->found);
        strv_free(import->ids);
        strv_free(import->names);
        strv_free(import->unnamed);
        import_options_done(&import->options);
        free(import->name);
        free(import);
        return NULL;
}
DEFINE_CLEANUP(Import *, import_free)

static void finish(Import *import, const Error *error, char *const *paths) {
        JobResult result = {.paths = paths,
                            .image = import->ids ? import->ids[0] : NULL,
                            .name = import->names ? import->names[0] : NULL,
                            .imported = true,
                            .images = import->ids,
                            .names = import->names,
                            .unnamed = import->unnamed};

        job_finish(import->job, error, error ? NULL : &result);
        import_free(import);
}

static void on_stored(const Error *error, char *const *paths, void *userdata) {
        finish(userdata, error, paths);
}

static int note_results(Import *import) {
        const Intent *intent = &import->found.intent;

        for (size_t i = 0; i < intent->n_images; i++) {
                const IntentImage *image = &intent->images[i];

                TRY(strv_extend(&import->ids, image->id));
                if (!image->names)
                        TRY(strv_extend(&import->unnamed, image->id));
                for (char **name = image->names; name && *name; name++)
                        TRY(strv_extend(&import->names, *name));
        }
        return 0;
}

static int read_outcome(Import *import, Json *result, Error *e) {
        Found *found = &import->found;

        found->manager = import->manager;
        found->uid = import->job->uid;
        found->name = import->name;
        found->message = import->options.message;
        found->changes = import->options.changes;
        TRY(found_read(found, result, e));
        return note_results(import) < 0 ? error_oom(e) : 0;
}

static void on_unpacked(const Error *error, Json *result, void *userdata) {
        Import *import = userdata;
        Manager *m = import->manager;
        Error e = ERROR_INIT;

        import->worker = NULL;
        if (!error && read_outcome(import, result, &e) < 0)
                error = &e;
        if (error) {
                intent_drop(m->store, import->found.intent.id);
                manager_empty_trash(m);
                finish(import, error, NULL);
                return;
        }
        /* From here on it is a matter of moments, and not to be canceled. */
        import->job->cancel = NULL;
        image_store(m, &import->found.intent, import->options.replace, NULL, NULL, on_stored,
                    import);
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

        if (id_make(import->found.intent.id) < 0)
                return error_oom(e);
        staging = store_staging_make(m->store, import->found.intent.id, e);
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
                intent_drop(m->store, import->found.intent.id);
                return error_to_bus(&e, error);
        }
        job = import->job;
        import = NULL;
        return reply(message, job, input);
}

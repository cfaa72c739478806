/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include "daemon/call.h"
#include "daemon/caller.h"
#include "daemon/errors.h"
#include "daemon/image-config.h"
#include "daemon/quota.h"
#include "daemon/save.h"
#include "daemon/supervisor-client.h"
#include "daemon/worker-client.h"
#include "shared/fd.h"
#include "shared/log.h"

/* The first one is the default. */
static const char *const formats[] = {"oci-archive", "docker-archive", "rootfs", NULL};

void save_options_done(SaveOptions *options) {
        free(options->format);
        free(options->name);
}

bool save_format_is_valid(const char *format) {
        return strv_contains((char *const *)formats, format);
}

/* One archive being written. */
typedef struct Save {
        Manager *manager;
        sd_bus_message *message; /* until it is answered */
        uid_t uid;
        int output;    /* the worker's end of the pipe */
        int input;     /* the caller's end */
        char **layers; /* kept from being removed meanwhile */
        Work work;
        Container *container;
        bool running;              /* it was taken to run */
        char image[ID_LENGTH + 1]; /* of which it is, with its layers */
} Save;

static Save *save_free(Save *save) {
        if (!save)
                return NULL;
        if (save->layers && !save->manager->ending)
                layers_unuse(save->manager, save->layers);
        strv_free(save->layers);
        safe_close(save->output);
        safe_close(save->input);
        sd_bus_message_unref(save->message);
        work_done(&save->work);
        container_unref(save->container);
        free(save);
        return NULL;
}
DEFINE_CLEANUP(Save *, save_free)

static int save_new(Manager *m, sd_bus_message *message, const char *format, char *const *layers,
                    Save **ret, sd_bus_error *error) {
        _cleanup_(save_freep) Save *save = NULL;
        const Caller *caller;
        int r, fds[2];

        r = caller_get(m, message, &caller, error);
        if (r <= 0)
                return r;
        TRY(quota_check_streams(m, caller->uid, error));
        save = calloc(1, sizeof(*save));
        if (!save)
                return bus_failure(error, ENOMEM, "save");
        save->manager = m;
        save->uid = caller->uid;
        save->output = save->input = -EBADF;
        save->message = sd_bus_message_ref(message);
        save->work.type = WORK_SAVE;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return bus_failure(error, errno, "cannot make a pipe");
        save->input = fds[0];
        save->output = fds[1];
        if (layers_use(m, layers) < 0)
                return bus_failure(error, ENOMEM, "save");
        save->layers = strv_copy(layers);
        if (!save->layers || free_and_strdup(&save->work.format, format) < 0)
                return bus_failure(error, ENOMEM, "save");
        *ret = TAKE_PTR(save);
        return 1;
}

static void on_written(const Error *error, Json *result, void *userdata) {
        _cleanup_(save_freep) Save *save = userdata;
        const char *digest = NULL;
        Image *image;

        image = save->image[0] ? map_get(&save->manager->images, save->image) : NULL;
        if (!error && image && json_peek_string(result, "digest", &digest) > 0)
                image_add_digest(image, digest);
        /* The reader sees it by the missing end; one that has gone away needs no words. */
        if (error && error->number != EPIPE && error->number != ECANCELED)
                log_error_object(LOG_WARNING, error, "Writing an archive failed");
}

/* Starts the worker and answers the call with the reading end. Takes `save` over, also on failure. */
static int begin(Save *s, const int *fds, size_t n_fds, sd_bus_error *error) {
        _cleanup_(save_freep) Save *save = s;
        sd_bus_message *message = save->message;
        _cleanup_close_ int input = TAKE_FD(save->input);
        Error e = ERROR_INIT;
        int r;

        if (worker_start(save->manager, save->uid, &save->work, fds, n_fds, NULL, on_written, save,
                         NULL, &e) < 0)
                return error_to_bus(&e, error);
        /* Without ours the reader sees the end when the worker has closed its own. */
        save->output = safe_close(save->output);
        sd_bus_message_ref(message);
        save = NULL;
        r = sd_bus_reply_method_return(message, "h", input);
        sd_bus_message_unref(message);
        return r;
}

static void on_view(Reply *reply, int *fds, size_t n_fds, void *userdata) {
        Save *save = userdata;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message =
                sd_bus_message_ref(save->message);
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        if (reply->error.number == 0 && n_fds == 1) {
                int both[] = {save->output, fds[0]};

                r = begin(save, both, ELEMENTSOF(both), &error);
        } else if (save->container && save->container->forgotten) {
                r = bus_error_setf(&error, ERROR_NO_SUCH_CONTAINER, "Container %s has been removed",
                                   save->container->record->name);
                save_free(save);
        } else if (save->running && error_is_ended(&reply->error) &&
                   call_again_when_ended(save->container, message)) {
                r = 0;
                save_free(save);
        } else {
                if (reply->error.number == 0)
                        error_set(&reply->error, EBADMSG, "supervisor", "unexpected reply");
                r = error_to_bus(&reply->error, &error);
                save_free(save);
        }
        if (r < 0)
                reply_bus_error(message, &error);
}

static int ask_for_view(Save *s, Request *request, sd_bus_error *error) {
        _cleanup_(save_freep) Save *save = s;
        Error e = ERROR_INIT;

        request->type = REQUEST_VIEW;
        memcpy(request->container, request->spec->id, sizeof(request->container));
        if (supervisor_call(save->manager->supervisor, request, NULL, 0, on_view, save, &e) < 0)
                return error_to_bus(&e, error);
        save = NULL;
        return 1;
}

/* All layers merged: as in a container that never wrote anything. */
static int save_rootfs(Save *save, sd_bus_error *error) {
        char *argv[] = {(char *)"true", NULL};
        ContainerSpec spec = {
                .layers = save->layers,
                .hostname = (char *)"image",
                .log.driver = (char *)"none",
                .process = {.argv = argv},
        };
        Request request = {.spec = &spec, .no_upper = true};

        if (id_make(spec.id) < 0) {
                save_free(save);
                return bus_failure(error, EIO, "cannot make an id");
        }
        return ask_for_view(save, &request, error);
}

static int choose_names(const Image *image, const char *name, char ***ret) {
        _cleanup_free_ char *normal = NULL;
        int r;

        if (!name) {
                *ret = strv_copy(image->names);
                return *ret ? 0 : -ENOMEM;
        }
        r = image_reference_normalize(name, &normal);
        if (r == -EINVAL || (r >= 0 && !strv_contains(image->names, normal)))
                return 0; /* an id */
        return r < 0 ? r : strv_extend(ret, normal);
}

static int save_layers(Save *s, const Image *image, const char *name, sd_bus_error *error) {
        _cleanup_(save_freep) Save *save = s;
        int fds[FD_PASS_MAX] = {save->output};
        size_t n = 1;
        Error e = ERROR_INIT;
        int r = 0;

        _Static_assert(LAYERS_MAX + 1 <= FD_PASS_MAX, "a message must hold all layers");
        save->work.created = image->record->created;
        memcpy(save->image, image->record->id, sizeof(save->image));
        if (choose_names(image, name, &save->work.names) < 0 ||
            image_config_describe(image->record, &save->work.config) < 0)
                return bus_failure(error, ENOMEM, "save");
        for (char **layer = save->layers; *layer; layer++) {
                fds[n] = store_layer_open(save->manager->store, *layer, &e);
                if (fds[n] < 0) {
                        r = error_to_bus(&e, error);
                        break;
                }
                n++;
        }
        if (r >= 0)
                r = begin(TAKE_PTR(save), fds, n, error);
        fd_close_many(fds + 1, n - 1);
        return r;
}

int image_save(Image *image, const SaveOptions *options, sd_bus_message *message,
               sd_bus_error *error) {
        const char *format = options->format ?: formats[0];
        Save *save = NULL;
        int r;

        r = save_new(image->manager, message, format, image->record->layers, &save, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return streq(format, "rootfs") ? save_rootfs(save, error) :
                                         save_layers(save, image, options->name, error);
}

int container_export(Container *c, sd_bus_message *message, sd_bus_error *error) {
        ContainerSpec spec = *c->record->spec; /* lent */
        Request request = {.spec = &spec, .running = container_is_up(c)};
        Save *save = NULL;
        int r;

        r = save_new(c->manager, message, "rootfs", c->record->spec->layers, &save, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        spec.volumes = NULL;
        spec.n_volumes = 0;
        save->container = container_ref(c);
        save->running = request.running;
        save->work.id_base = spec.id_base;
        return ask_for_view(save, &request, error);
}

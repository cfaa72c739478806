/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.mydocker.Image. */

#include <time.h>

#include "daemon/authorize.h"
#include "daemon/bus-util.h"
#include "daemon/container.h"
#include "daemon/errors.h"
#include "daemon/image-config.h"
#include "daemon/image.h"
#include "daemon/options.h"
#include "daemon/save.h"
#include "shared/log.h"

static int authorize_name(Image *image, sd_bus_message *message, const char *action,
                          const char *verb, const char *name, sd_bus_error *error) {
        _cleanup_strv_free_ char **details = NULL;

        if (details_add(&details, "verb", verb) < 0 || details_add(&details, "image", name) < 0 ||
            details_add(&details, "id", image->record->id) < 0)
                return bus_failure(error, ENOMEM, "image");
        return authorize(image->manager, message, action, details, error);
}

/* What is done to the image is done to all its names: each is asked about, so that nobody gets at an image
 * by giving it a name that a rule allows. One without a name is called by its id. */
static int authorize_image(Image *image, sd_bus_message *message, const char *action,
                           const char *verb, sd_bus_error *error) {
        int r = 1;

        if (!image->names || !image->names[0])
                return authorize_name(image, message, action, verb, image->record->id, error);
        for (char **name = image->names; r > 0 && *name; name++)
                r = authorize_name(image, message, action, verb, *name, error);
        return r;
}

/* A change that a caller was told of must outlive a power failure. */
static void on_synced(int result, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = userdata;
        Error e = ERROR_INIT;

        if (result < 0) {
                error_set(&e, result, "store", "cannot write to the disk");
                reply_failure(message, &e);
        } else {
                reply_done_empty(message);
        }
}

static int reply_synced(Manager *m, sd_bus_message *message, sd_bus_error *error) {
        sd_bus_message_ref(message);
        if (offload_sync(m->offload, m->store->fd, on_synced, message) < 0) {
                sd_bus_message_unref(message);
                return bus_failure(error, ENOMEM, "image");
        }
        return 1;
}

static int read_reference(sd_bus_message *message, char **ret, sd_bus_error *error) {
        const char *reference;
        int r;

        TRY(sd_bus_message_read(message, "s", &reference));
        r = image_reference_normalize(reference, ret);
        if (r == -EINVAL)
                return bus_error_setf(error, ERROR_INVALID_ARGS,
                                      "Argument name: “%.256s” is no name for an image", reference);
        return r < 0 ? bus_failure(error, r, "image") : 0;
}

static int method_tag(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        static const Option options[] = {{"replace", OPTION_BOOL, 0}};
        _cleanup_free_ char *name = NULL;
        Image *image = userdata;
        bool replace = false;
        Error e = ERROR_INIT;
        int r;

        TRY(read_reference(message, &name, error));
        TRY(options_read(message, options, ELEMENTSOF(options), &replace, error));
        r = authorize_name(image, message, ACTION_IMAGE_IMPORT, "tag", name, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (image_tag(image, name, replace, &e) < 0)
                return error_to_bus(&e, error);
        return reply_synced(image->manager, message, error);
}

static int method_untag(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_free_ char *name = NULL;
        Image *image = userdata;
        Error e = ERROR_INIT;
        int r;

        TRY(read_reference(message, &name, error));
        TRY(options_read_none(message, error));
        r = authorize_name(image, message, ACTION_IMAGE_REMOVE, "untag", name, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (image_by_name(image->manager, name) != image)
                return sd_bus_error_setf(error, ERROR_NO_SUCH_IMAGE, "The image has no name %s",
                                         name);
        if (image_untag(image, name, &e) < 0)
                return error_to_bus(&e, error);
        return reply_synced(image->manager, message, error);
}

/* A container keeps its image's layers, so one that does not run can do without the image. */
static int check_unused(const Image *image, bool force, sd_bus_error *error) {
        LIST_FOREACH(c, image->manager->container_list, links) {
                bool up = container_is_up(c);

                if (!streq(c->record->image_id, image->record->id) || (force && !up))
                        continue;
                return sd_bus_error_setf(
                        error, ERROR_IMAGE_IN_USE,
                        "conflict: unable to delete %.12s (%s) - image is being used by %s container %.12s",
                        image->record->id, up ? "cannot be forced" : "must be forced",
                        up ? "running" : "stopped", c->record->spec->id);
        }
        return 0;
}

static int method_remove(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        static const Option options[] = {{"force", OPTION_BOOL, 0}};
        Image *image = userdata;
        bool force = false;
        Error e = ERROR_INIT;
        int r;

        TRY(options_read(message, options, ELEMENTSOF(options), &force, error));
        r = authorize_image(image, message, ACTION_IMAGE_REMOVE, "remove", error);
        if (r <= 0)
                return r < 0 ? r : 1;
        TRY(check_unused(image, force, error));
        if (image_remove(image, &e) < 0)
                return error_to_bus(&e, error);
        return sd_bus_reply_method_return(message, NULL);
}

static int method_save(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        static const Option table[] = {
                {"format", OPTION_STRING, offsetof(SaveOptions, format)},
                {"name", OPTION_STRING, offsetof(SaveOptions, name)},
        };
        _cleanup_(save_options_done) SaveOptions options = {};
        Image *image = userdata;
        int r;

        TRY(options_read(message, table, ELEMENTSOF(table), &options, error));
        if (options.format && !save_format_is_valid(options.format))
                return sd_bus_error_set(error, ERROR_INVALID_ARGS,
                                        "Option format is none of docker-archive, oci-archive, "
                                        "rootfs");
        r = authorize_image(image, message, ACTION_IMAGE_EXPORT, "save", error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return image_save(image, &options, message, error);
}

static int method_get_config(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_json_ Json *config = NULL;
        Image *image = userdata;

        TRY(options_read_none(message, error));
        if (image_config_describe(image->record, &config) < 0)
                return bus_failure(error, ENOMEM, "image");
        return sd_bus_reply_method_return(
                message, "s",
                json_object_to_json_string_ext(config, JSON_C_TO_STRING_PRETTY |
                                                               JSON_C_TO_STRING_SPACED |
                                                               JSON_C_TO_STRING_NOSLASHESCAPE));
}

static int append_step(sd_bus_message *reply, Manager *m, const HistoryStep *step) {
        Layer *layer = step->layer[0] ? map_get(&m->layers, step->layer) : NULL;

        TRY(sd_bus_message_open_container(reply, 'a', "{sv}"));
        TRY(append_entry(reply, "created", "t", step->created));
        TRY(append_entry(reply, "created-by", "s", step->created_by ?: ""));
        TRY(append_entry(reply, "comment", "s", step->comment ?: ""));
        TRY(append_entry(reply, "author", "s", step->author ?: ""));
        TRY(append_entry(reply, "size", "t", layer ? layer->size : 0));
        if (step->layer[0])
                TRY(append_entry(reply, "layer", "s", step->layer));
        return sd_bus_message_close_container(reply);
}

static int method_get_history(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Image *image = userdata;

        TRY(options_read_none(message, error));
        TRY(sd_bus_message_new_method_return(message, &reply));
        TRY(sd_bus_message_open_container(reply, 'a', "a{sv}"));
        for (size_t i = image->record->n_history; i > 0; i--)
                TRY(append_step(reply, image->manager, &image->record->history[i - 1]));
        TRY(sd_bus_message_close_container(reply));
        return sd_bus_send(NULL, reply, NULL);
}

#define PROPERTY(function, type, expression)                                                       \
        DEFINE_PROPERTY(function, Image, sd_bus_message_append(reply, type, expression))

PROPERTY(get_id, "s", o->record->id)
DEFINE_PROPERTY(get_names, Image, append_strings(reply, 's', o->names))
PROPERTY(get_created_at, "t", o->record->created)
PROPERTY(get_size, "t", image_size(o))
DEFINE_PROPERTY(get_layers, Image, append_strings(reply, 's', o->record->layers))

#define METHOD(name, in, in_names, out, out_names, handler)                                        \
        SD_BUS_METHOD_WITH_NAMES(name, in "a{sv}", in_names SD_BUS_PARAM(options), out, out_names, \
                                 handler, SD_BUS_VTABLE_UNPRIVILEGED)

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("Tag", "s", SD_BUS_PARAM(name), "", , method_tag),
        METHOD("Untag", "s", SD_BUS_PARAM(name), "", , method_untag),
        METHOD("Remove", "", , "", , method_remove),
        METHOD("Save", "", , "h", SD_BUS_PARAM(archive), method_save),
        METHOD("GetConfig", "", , "s", SD_BUS_PARAM(config), method_get_config),
        METHOD("GetHistory", "", , "aa{sv}", SD_BUS_PARAM(history), method_get_history),
        SD_BUS_PROPERTY("Id", "s", get_id, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Names", "as", get_names, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("CreatedAt", "t", get_created_at, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Size", "t", get_size, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Layers", "as", get_layers, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};

static int find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                void **ret_found, sd_bus_error *error) {
        Manager *m = userdata;
        const char *id = startswith(path, PATH_IMAGES "/");

        if (!id || !id_is_valid(id))
                return 0;
        *ret_found = map_get(&m->images, id);
        if (*ret_found)
                return 1;
        /* It was there when the caller began to wait. */
        if (authorize_was_asked(m, sd_bus_get_current_message(bus)))
                return sd_bus_error_setf(error, ERROR_NO_SUCH_IMAGE, "No such image: %s", id);
        return 0;
}

static int enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret,
                     sd_bus_error *error) {
        _cleanup_strv_free_ char **paths = NULL;
        Manager *m = userdata;

        LIST_FOREACH(image, m->image_list, links)
        TRY(strv_extend(&paths, image->path));
        *ret = TAKE_PTR(paths);
        return 1;
}

int images_export(Manager *m) {
        TRY(sd_bus_add_fallback_vtable(m->bus, NULL, PATH_IMAGES, "org.mydocker.Image", vtable,
                                       find, m));
        return sd_bus_add_node_enumerator(m->bus, NULL, PATH_IMAGES, enumerate, m);
}

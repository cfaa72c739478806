/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include "shared/fd.h"
#include "shared/log.h"
#include "store/intent.h"

void intent_done(Intent *intent) {
        image_record_free(intent->image);
        strv_free(intent->names);
        strv_free(intent->staged);
        strv_free(intent->dropped);
        *intent = (Intent){};
}

static int add_id(Json *json, const char *key, const char *id) {
        return id[0] ? json_add_string(json, key, id) : 0;
}

static int intent_to_json(const Intent *intent, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object(), *image = NULL;

        if (!json)
                return -ENOMEM;
        if (intent->image) {
                TRY(image_record_to_json(intent->image, &image));
                TRY(json_add(json, "image", TAKE_PTR(image)));
        }
        TRY(json_add_strv(json, "names", intent->names));
        TRY(json_add_strv(json, "staged", intent->staged));
        TRY(add_id(json, "container", intent->container));
        TRY(add_id(json, "sealed", intent->sealed));
        TRY(add_id(json, "removed", intent->removed));
        TRY(json_add_strv(json, "dropped", intent->dropped));
        *ret = TAKE_PTR(json);
        return 0;
}

static int get_id(Json *json, const char *key, char ret[static ID_LENGTH + 1]) {
        const char *id;
        int r = json_peek_string(json, key, &id);

        if (r > 0 && !id_is_valid(id))
                return -EBADMSG;
        if (r > 0)
                memcpy(ret, id, ID_LENGTH + 1);
        return r;
}

static int intent_from_json(Json *json, Intent *ret) {
        Json *image = NULL;

        TRY(json_get_object(json, "image", &image));
        if (image)
                TRY(image_record_from_json(image, &ret->image));
        TRY(json_get_strv(json, "names", &ret->names));
        TRY(json_get_strv(json, "staged", &ret->staged));
        TRY(get_id(json, "container", ret->container));
        TRY(get_id(json, "sealed", ret->sealed));
        TRY(get_id(json, "removed", ret->removed));
        TRY(json_get_strv(json, "dropped", &ret->dropped));
        if (strv_length(ret->staged) % 3 != 0 || !ret->container[0] != !ret->sealed[0])
                return -EBADMSG;
        return 0;
}

int intent_add_layer(Intent *intent, const char *path, uint64_t size,
                     char ret_id[static ID_LENGTH + 1]) {
        char bytes[24];

        snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)size);
        if (id_make(ret_id) < 0)
                return -ENOMEM;
        TRY(strv_extend(&intent->staged, path));
        TRY(strv_extend(&intent->staged, ret_id));
        return strv_extend(&intent->staged, bytes);
}

int intent_write(Store *store, const Intent *intent, Error *e) {
        char name[ID_LENGTH + sizeof(".json")];
        _cleanup_json_ Json *json = NULL;
        int r;

        snprintf(name, sizeof(name), "%s.json", intent->id);
        r = intent_to_json(intent, &json);
        if (r >= 0)
                r = json_replace_file_at(store->intents, name, json, false);
        return r < 0 ? error_set(e, r, "store", "cannot write down what is to be done") : 0;
}

/* A staging directory whose layers have been moved away. Return: whether it was empty, and is gone. */
static bool remove_empty_staging(Store *store, const char *id) {
        static const char *const parts[] = {"upper", "volumes"};
        char path[ID_LENGTH + 16];

        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                snprintf(path, sizeof(path), "%s/%s", id, parts[i]);
                (void)unlinkat(store->staging, path, AT_REMOVEDIR);
        }
        return unlinkat(store->staging, id, AT_REMOVEDIR) >= 0;
}

void intent_drop(Store *store, const char *id) {
        char name[ID_LENGTH + sizeof(".json")];
        Error e = ERROR_INIT;

        snprintf(name, sizeof(name), "%s.json", id);
        if (unlinkat(store->intents, name, 0) < 0 && errno != ENOENT)
                log_errno(LOG_WARNING, errno, "Cannot forget intent %s", id);
        if (!remove_empty_staging(store, id) && store_trash(store, store->staging, id, &e) < 0)
                log_error_object(LOG_WARNING, &e, "Staging directory is left");
}

static bool layer_exists(Store *store, const char *id) {
        _cleanup_close_ int fd = store_layer_open(store, id, NULL);

        return fd >= 0;
}

static int take_staged(Store *store, const Intent *intent, Error *e) {
        for (char **staged = intent->staged; staged && *staged; staged += 3) {
                _cleanup_free_ char *path = NULL;
                uint64_t size;

                if (layer_exists(store, staged[1]))
                        continue;
                path = strf("%s/%s", intent->id, staged[0]);
                if (!path)
                        return error_oom(e);
                TRY(store_layer_take(store, staged[1], store->staging, path, e));
                if (parse_u64(staged[2], &size) >= 0)
                        TRY(store_layer_write_size(store, staged[1], size, e));
        }
        return 0;
}

/* The container's upper directory becomes a layer of its own chain, and it gets a new one. */
static int seal(Store *store, const Intent *intent, Error *e) {
        _cleanup_(container_record_freep) ContainerRecord *record = NULL;
        _cleanup_close_ int dir = -EBADF;

        if (!intent->sealed[0])
                return 0;
        TRY(store_container_read(store, intent->container, &record, e));
        dir = store_container_open(store, intent->container, NULL, e);
        if (dir < 0)
                return dir;
        if (!layer_exists(store, intent->sealed))
                TRY(store_layer_take(store, intent->sealed, dir, "upper", e));
        if (!strv_contains(record->spec->layers, intent->sealed)) {
                if (strv_extend(&record->spec->layers, intent->sealed) < 0)
                        return error_oom(e);
                TRY(store_container_write(store, record, e));
        }
        return store_upper_make(store, intent->container, intent->sealed, e);
}

static int make_image(Store *store, const Intent *intent, Error *e) {
        if (!intent->image)
                return 0;
        TRY(store_image_write(store, intent->image, e));
        for (char **name = intent->names; name && *name; name++)
                TRY(store_name_set(store, *name, intent->image->id, e));
        return intent->names ? store_names_write(store, e) : 0;
}

static int remove_image(Store *store, const Intent *intent, Error *e) {
        _cleanup_strv_free_ char **names = NULL;
        char file[ID_LENGTH + sizeof(".json")];

        if (!intent->removed[0])
                return 0;
        if (store_names_of(store, intent->removed, &names) < 0)
                return error_oom(e);
        for (char **name = names; name && *name; name++)
                TRY(store_name_set(store, *name, NULL, e));
        if (names)
                TRY(store_names_write(store, e));
        snprintf(file, sizeof(file), "%s.json", intent->removed);
        if (unlinkat(store->images, file, 0) < 0 && errno != ENOENT)
                return error_set(e, errno, "store", "cannot remove the record of image %s",
                                 intent->removed);
        for (char **layer = intent->dropped; layer && *layer; layer++)
                TRY(store_trash(store, store->layers, *layer, e));
        return 0;
}

int intent_apply(Store *store, const Intent *intent, Error *e) {
        int r;

        r = take_staged(store, intent, e);
        if (r >= 0)
                r = seal(store, intent, e);
        if (r >= 0)
                r = make_image(store, intent, e);
        if (r >= 0)
                r = remove_image(store, intent, e);
        if (r >= 0 || r == -ENOENT)
                intent_drop(store, intent->id);
        return r;
}

static int recover(Store *store, const char *file, Error *e) {
        _cleanup_(intent_done) Intent intent = {};
        _cleanup_json_ Json *json = NULL;
        Error failure = ERROR_INIT;
        int r;

        if (strlen(file) != ID_LENGTH + strlen(".json"))
                return 0;
        memcpy(intent.id, file, ID_LENGTH);
        if (!id_is_valid(intent.id) || !streq(file + ID_LENGTH, ".json"))
                return 0;
        r = json_read_file_at(store->intents, file, RECORD_SIZE_MAX, &json);
        if (r >= 0)
                r = intent_from_json(json, &intent);
        if (r == -EBADMSG) {
                /* Not yet on disk when the power failed, so nothing of it had been begun. */
                log_warning("Forgetting intent %s, which is incomplete", intent.id);
                intent_drop(store, intent.id);
                return 0;
        }
        if (r < 0)
                return error_set(e, r, "store", "cannot read intent %s", file);
        r = intent_apply(store, &intent, &failure);
        if (r == -ENOENT) {
                log_error_object(LOG_WARNING, &failure, "Intent %s cannot be finished", intent.id);
                return 0;
        }
        if (r < 0) {
                *e = failure;
                return r;
        }
        log_notice("Finished intent %s of an earlier run", intent.id);
        return 0;
}

int intents_recover(Store *store, Error *e) {
        _cleanup_strv_free_ char **files = NULL;

        TRY(store_list(store->intents, &files, e));
        for (char **file = files; file && *file; file++)
                TRY(recover(store, *file, e));
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include "shared/fault.h"
#include "shared/fd.h"
#include "shared/log.h"
#include "store/intent.h"

/* In the staging directory. */
#define STAGED_FILE "intent.json"
#define FILE_NAME_SIZE (ID_LENGTH + sizeof(".json"))

void intent_done(Intent *intent) {
        for (size_t i = 0; i < intent->n_images; i++) {
                image_record_free(intent->images[i].record);
                strv_free(intent->images[i].names);
        }
        free(intent->images);
        strv_free(intent->staged);
        json_object_put(intent->before);
        *intent = (Intent){};
}

IntentImage *intent_add_image(Intent *intent, ImageRecord *record, const char *id) {
        IntentImage *images = reallocarray(intent->images, intent->n_images + 1, sizeof(*images)),
                    *image;

        if (!images) {
                image_record_free(record);
                return NULL;
        }
        intent->images = images;
        image = &images[intent->n_images++];
        *image = (IntentImage){.record = record};
        snprintf(image->id, sizeof(image->id), "%s", record ? record->id : id);
        return image;
}

static int image_to_json(const IntentImage *image, Json *images) {
        _cleanup_json_ Json *json = json_object_new_object(), *record = NULL;

        if (!json)
                return -ENOMEM;
        TRY(json_add_string(json, "id", image->id));
        if (image->record) {
                TRY(image_record_to_json(image->record, &record));
                TRY(json_add(json, "record", TAKE_PTR(record)));
        }
        TRY(json_add_strv(json, "names", image->names));
        if (json_object_array_add(images, json) < 0)
                return -ENOMEM;
        json = NULL;
        return 0;
}

static int intent_to_json(const Intent *intent, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object(), *images = json_object_new_array();

        if (!json || !images)
                return -ENOMEM;
        for (size_t i = 0; i < intent->n_images; i++)
                TRY(image_to_json(&intent->images[i], images));
        TRY(json_add(json, "images", TAKE_PTR(images)));
        TRY(json_add_strv(json, "staged", intent->staged));
        *ret = TAKE_PTR(json);
        return 0;
}

static int image_from_json(Json *json, Intent *intent) {
        ImageRecord *record = NULL;
        const char *id = NULL;
        IntentImage *image;
        Json *part = NULL;

        if (!json_object_is_type(json, json_type_object))
                return -EBADMSG;
        TRY(json_peek_string(json, "id", &id));
        if (!id || !id_is_valid(id))
                return -EBADMSG;
        if (json_get_object(json, "record", &part) > 0)
                TRY(image_record_from_json(part, &record));
        image = intent_add_image(intent, record, id);
        return image ? json_get_strv(json, "names", &image->names) : -ENOMEM;
}

static int intent_from_json(Json *json, Intent *ret) {
        Json *images = NULL;

        TRY(json_get_array(json, "images", &images));
        if (!images)
                return -EBADMSG;
        for (size_t i = 0; i < json_object_array_length(images); i++)
                TRY(image_from_json(json_object_array_get_idx(images, i), ret));
        TRY(json_get_strv(json, "staged", &ret->staged));
        return strv_length(ret->staged) % 3 != 0 ? -EBADMSG : 0;
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

static void file_name(char name[static FILE_NAME_SIZE], const char *id) {
        snprintf(name, FILE_NAME_SIZE, "%s.json", id);
}

int intent_write(Store *store, const Intent *intent, Error *e) {
        _cleanup_close_ int staging = -EBADF;
        _cleanup_json_ Json *json = NULL;
        int r;

        staging = openat(store->staging, intent->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (staging < 0)
                return error_set(e, errno, "store", "cannot open the staging directory");
        r = intent_to_json(intent, &json);
        if (r >= 0)
                r = FAULT("intent.write") < 0 ? -errno :
                                                json_replace_file_at(staging, STAGED_FILE, json);
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
        char name[FILE_NAME_SIZE];

        file_name(name, id);
        if (FAULT("intent.drop") < 0 || (unlinkat(store->intents, name, 0) < 0 && errno != ENOENT))
                log_errno(LOG_WARNING, errno, "Cannot forget intent %s", id);
        if (!remove_empty_staging(store, id))
                store_discard(store, store->staging, id);
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

static int make_images(Store *store, Intent *intent, Error *e) {
        intent->before = json_object_get(store->names);
        TRY(take_staged(store, intent, e));
        for (size_t i = 0; i < intent->n_images; i++)
                if (intent->images[i].record)
                        TRY(store_image_write(store, intent->images[i].record, e));
        for (size_t i = 0; i < intent->n_images; i++)
                TRY(store_names_change(store, intent->images[i].names, intent->images[i].id, e));
        return 0;
}

int intent_apply(Store *store, Intent *intent, Error *e) {
        char from[ID_LENGTH + sizeof("/" STAGED_FILE)], to[FILE_NAME_SIZE];
        int r;

        snprintf(from, sizeof(from), "%s/" STAGED_FILE, intent->id);
        file_name(to, intent->id);
        if (FAULT("intent.begin") < 0 || renameat(store->staging, from, store->intents, to) < 0)
                r = error_set(e, errno, "store", "cannot begin to make the image");
        else
                r = make_images(store, intent, e);
        if (r < 0)
                intent_undo(store, intent);
        return r;
}

/* Who had the image's names before has them again. */
static int restore_names(Store *store, const IntentImage *image, Json *before, Error *e) {
        for (char **name = image->names; name && *name; name++) {
                const char *now = store_name_get(store, *name), *id = NULL;

                if (!now || !streq(now, image->id))
                        continue;
                (void)json_peek_string(before, *name, &id);
                TRY(store_names_change(store, (char *[]){*name, NULL}, id, e));
        }
        return 0;
}

void intent_undo(Store *store, const Intent *intent) {
        Error e = ERROR_INIT;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < intent->n_images; i++)
                if (intent->images[i].record)
                        r = store_image_remove(store, intent->images[i].id, &e);
        for (size_t i = 0; r >= 0 && i < intent->n_images; i++)
                r = restore_names(store, &intent->images[i], intent->before, &e);
        for (char **staged = intent->staged; r >= 0 && staged && *staged; staged += 3)
                store_discard(store, store->layers, staged[1]);
        if (r < 0)
                log_error_object(LOG_ERR, &e, "What is left of an image goes at the next start");
        intent_drop(store, intent->id);
}

static int sync_store(Store *store, Error *e) {
        return syncfs(store->fd) < 0 ? error_set(e, errno, "store", "cannot write to the disk") : 0;
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
        if (make_images(store, &intent, &failure) < 0 || sync_store(store, &failure) < 0) {
                log_error_object(LOG_WARNING, &failure, "Intent %s cannot be finished", intent.id);
                intent_undo(store, &intent);
                return 0;
        }
        intent_drop(store, intent.id);
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

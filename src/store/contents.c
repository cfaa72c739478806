/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include "shared/fd.h"
#include "shared/log.h"
#include "shared/map.h"
#include "store/contents.h"
#include "store/intent.h"

void store_contents_done(StoreContents *contents) {
        for (size_t i = 0; i < contents->n_images; i++)
                image_record_free(contents->images[i]);
        for (size_t i = 0; i < contents->n_containers; i++)
                container_record_free(contents->containers[i]);
        free(contents->images);
        free(contents->containers);
        *contents = (StoreContents){};
}

/* Appends to one of the two arrays. */
static int append(void ***array, size_t *n, void *item, Error *e) {
        void **grown = reallocarray(*array, *n + 1, sizeof(void *));

        if (!grown)
                return error_oom(e);
        grown[(*n)++] = item;
        *array = grown;
        return 0;
}

/* Return: 1 when the record was read, 0 when it is unreadable. */
static int read_image(Store *store, const char *file, StoreContents *contents, Error *e) {
        _cleanup_(image_record_freep) ImageRecord *record = NULL;
        _cleanup_json_ Json *json = NULL;
        int r;

        r = json_read_file_at(store->images, file, RECORD_SIZE_MAX, &json);
        if (r >= 0)
                r = image_record_from_json(json, &record);
        if (r >= 0 && (!startswith(file, record->id) || !streq(file + ID_LENGTH, ".json")))
                r = -EBADMSG;
        if (r < 0) {
                log_errno(LOG_ERR, r, "Ignoring image record %s", file);
                return 0;
        }
        TRY(append((void ***)&contents->images, &contents->n_images, record, e));
        record = NULL;
        return 1;
}

static int read_images(Store *store, StoreContents *contents, bool *complete, Error *e) {
        _cleanup_strv_free_ char **files = NULL;

        TRY(store_list(store->images, &files, e));
        for (char **file = files; file && *file; file++) {
                int r;

                /* names.json, and temporary files */
                if (strlen(*file) != ID_LENGTH + strlen(".json"))
                        continue;
                r = read_image(store, *file, contents, e);
                if (r < 0)
                        return r;
                if (r == 0)
                        *complete = false;
        }
        return 0;
}

static int read_containers(Store *store, StoreContents *contents, bool *complete, Error *e) {
        _cleanup_strv_free_ char **ids = NULL;

        TRY(store_list(store->containers, &ids, e));
        for (char **id = ids; id && *id; id++) {
                _cleanup_(container_record_freep) ContainerRecord *record = NULL;
                Error failure = ERROR_INIT;
                int r;

                r = store_container_read(store, *id, &record, &failure);
                if (r == -ENOENT) {
                        /* It was being made. */
                        store_discard(store, store->containers, *id);
                        continue;
                }
                if (r < 0) {
                        log_error_object(LOG_ERR, &failure, "Ignoring a container");
                        *complete = false;
                        continue;
                }
                if (store_container_repair(store, record, &failure) < 0)
                        log_error_object(LOG_ERR, &failure, "Container %s is damaged",
                                         record->name);
                TRY(append((void ***)&contents->containers, &contents->n_containers, record, e));
                record = NULL;
        }
        return 0;
}

/* A name without its image means nothing. */
static int sweep_names(Store *store, const StoreContents *contents, Error *e) {
        _cleanup_strv_free_ char **lost = NULL;
        bool found;

        json_object_object_foreach(store->names, name, id) {
                found = false;
                for (size_t i = 0; i < contents->n_images && !found; i++)
                        found = streq(contents->images[i]->id, json_object_get_string(id));
                if (!found && strv_extend(&lost, name) < 0)
                        return error_oom(e);
        }
        for (char **dead = lost; dead && *dead; dead++)
                log_warning("Forgetting the name %s of an image that is not there", *dead);
        return store_names_change(store, lost, NULL, e);
}

static int add_layers(Map *used, char *const *layers, Error *e) {
        for (; *layers; layers++)
                if (map_put(used, *layers, *(void *const *)layers) == -ENOMEM)
                        return error_oom(e);
        return 0;
}

static int sweep_layers(Store *store, const StoreContents *contents, Error *e) {
        _cleanup_(map_done) Map used = {};
        _cleanup_strv_free_ char **ids = NULL;

        for (size_t i = 0; i < contents->n_images; i++)
                TRY(add_layers(&used, contents->images[i]->layers, e));
        for (size_t i = 0; i < contents->n_containers; i++)
                TRY(add_layers(&used, contents->containers[i]->spec->layers, e));
        TRY(store_list(store->layers, &ids, e));
        for (char **id = ids; id && *id; id++)
                if (!map_get(&used, *id))
                        store_discard(store, store->layers, *id);
        return 0;
}

static int sweep_staging(Store *store, Error *e) {
        _cleanup_strv_free_ char **ids = NULL;

        TRY(store_list(store->staging, &ids, e));
        for (char **id = ids; id && *id; id++)
                store_discard(store, store->staging, *id);
        return 0;
}

int store_load(Store *store, StoreContents *ret, Error *e) {
        _cleanup_(store_contents_done) StoreContents contents = {};
        bool complete = true;

        TRY(intents_recover(store, e));
        TRY(read_images(store, &contents, &complete, e));
        TRY(read_containers(store, &contents, &complete, e));
        if (complete) {
                TRY(sweep_names(store, &contents, e));
                TRY(sweep_layers(store, &contents, e));
        }
        TRY(sweep_staging(store, e));
        *ret = contents;
        contents = (StoreContents){};
        return 0;
}

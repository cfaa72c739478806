/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who uses a layer, and how large it is. */

#include "daemon/image.h"
#include "daemon/worker-client.h"
#include "shared/log.h"

static Layer *layer_get(Manager *m, const char *id) {
        Layer *layer = map_get(&m->layers, id);

        if (layer)
                return layer;
        layer = calloc(1, sizeof(*layer));
        if (!layer)
                return NULL;
        memcpy(layer->id, id, sizeof(layer->id));
        layer->counted = store_layer_read_size(m->store, id, &layer->size) > 0;
        if (map_put(&m->layers, layer->id, layer) < 0) {
                free(layer);
                return NULL;
        }
        return layer;
}

int layers_use(Manager *m, char *const *layers) {
        for (char *const *id = layers; id && *id; id++) {
                Layer *layer = layer_get(m, *id);

                if (!layer)
                        return -ENOMEM;
                layer->n_users++;
        }
        return 0;
}

void layers_unuse(Manager *m, char *const *layers) {
        for (char *const *id = layers; id && *id; id++) {
                Layer *layer = map_get(&m->layers, *id);

                if (!layer || --layer->n_users > 0)
                        continue;
                store_discard(m->store, m->store->layers, *id);
                map_remove(&m->layers, layer->id);
                free(layer);
        }
}

void layers_count_images(Manager *m) {
        MAP_FOREACH(slot, &m->layers) {
                Layer *layer = slot->value;

                layer->n_images = 0;
        }
        LIST_FOREACH(image, m->image_list, links) {
                for (char **id = image->record->layers; *id; id++) {
                        Layer *layer = map_get(&m->layers, *id);

                        if (layer)
                                layer->n_images++;
                }
        }
}

void layer_set_size(Manager *m, const char *id, uint64_t size) {
        Layer *layer = map_get(&m->layers, id);
        Error e = ERROR_INIT;

        if (!layer)
                return;
        layer->size = size;
        layer->counted = true;
        if (store_layer_write_size(m->store, id, size, &e) < 0)
                log_error_object(LOG_WARNING, &e, "The layer will be counted again");
        LIST_FOREACH(image, m->image_list, links) {
                if (strv_contains(image->record->layers, id) && m->exported)
                        sd_bus_emit_properties_changed(m->bus, image->path, "org.mydocker.Image",
                                                       "Size", NULL);
        }
}

typedef struct Count {
        Manager *manager;
        char layer[ID_LENGTH + 1];
} Count;

static void on_counted(const Error *error, Json *result, void *userdata) {
        _cleanup_free_ Count *count = userdata;
        Layer *layer = map_get(&count->manager->layers, count->layer);
        uint64_t size = 0;

        count->manager->size_worker = NULL;
        if (error)
                log_error_object(LOG_WARNING, error, "Cannot count layer %s", count->layer);
        else if (json_get_u64(result, "size", &size) > 0)
                layer_set_size(count->manager, count->layer, size);
        if (layer)
                layer->counted = true; /* also when it failed: not again in this life */
        layers_count(count->manager);
}

static int count(Manager *m, const char *id, Error *e) {
        _cleanup_free_ Count *order = calloc(1, sizeof(*order));
        Work work = {.type = WORK_SIZE};
        _cleanup_close_ int fd = -EBADF;

        if (!order)
                return error_oom(e);
        order->manager = m;
        memcpy(order->layer, id, sizeof(order->layer));
        fd = store_layer_open(m->store, id, e);
        if (fd < 0)
                return fd;
        TRY(worker_start(m, 0, &work, &fd, 1, NULL, on_counted, order, &m->size_worker, e));
        order = NULL;
        return 0;
}

void layers_count(Manager *m) {
        if (m->size_worker)
                return;
        MAP_FOREACH(slot, &m->layers) {
                Layer *layer = slot->value;
                Error e = ERROR_INIT;

                if (layer->counted)
                        continue;
                if (count(m, layer->id, &e) >= 0)
                        return;
                log_error_object(LOG_WARNING, &e, "Cannot count a layer");
                layer->counted = true;
        }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GetDiskUsage. Anybody may ask, and it means walking through many trees: calls that come while the trees are being
 * walked through share what is found. */

#include "daemon/bus-util.h"
#include "daemon/container.h"
#include "daemon/errors.h"
#include "daemon/image.h"
#include "daemon/manager-methods.h"
#include "daemon/sizes.h"
#include "shared/log.h"

#define CALLS_MAX 256

struct DiskUsage {
        Manager *manager;
        char **ids; /* of the containers that are being counted */
        Sizes *sizes;
        sd_bus_message *calls[CALLS_MAX];
        size_t n_calls;
};

static void usage_free(DiskUsage *usage) {
        for (size_t i = 0; i < usage->n_calls; i++)
                sd_bus_message_unref(usage->calls[i]);
        strv_free(usage->ids);
        free(usage);
}

static int append_image(sd_bus_message *reply, const Image *image) {
        uint64_t shared = 0;

        for (char **id = image->record->layers; *id; id++) {
                const Layer *layer = map_get(&image->manager->layers, *id);

                shared += layer && layer->n_images > 1 ? layer->size : 0;
        }
        return sd_bus_message_append(reply, "(ottu)", image->path, image_size(image), shared,
                                     image_users(image));
}

static int append_images(sd_bus_message *reply, Manager *m) {
        layers_count_images(m);
        TRY(sd_bus_message_open_container(reply, 'a', "(ottu)"));
        LIST_FOREACH(image, m->image_list, links)
        TRY(append_image(reply, image));
        return sd_bus_message_close_container(reply);
}

static int append_containers(sd_bus_message *reply, const DiskUsage *usage, const uint64_t *sizes) {
        TRY(sd_bus_message_open_container(reply, 'a', "(ot)"));
        for (size_t i = 0; usage->ids && usage->ids[i]; i++) {
                const Container *c = container_by_id(usage->manager, usage->ids[i]);

                if (c && c->announced)
                        TRY(sd_bus_message_append(reply, "(ot)", c->path, sizes[i]));
        }
        return sd_bus_message_close_container(reply);
}

static int append_totals(sd_bus_message *reply, Manager *m) {
        uint64_t layers = 0, unused = 0;

        MAP_FOREACH(slot, &m->layers) {
                const Layer *layer = slot->value;

                layers += layer->size;
                unused += layer->n_users == layer->n_images ? layer->size : 0;
        }
        TRY(sd_bus_message_open_container(reply, 'a', "{sv}"));
        TRY(append_entry(reply, "layers", "t", layers));
        TRY(append_entry(reply, "layers-unused", "t", unused));
        return sd_bus_message_close_container(reply);
}

static int answer(const DiskUsage *usage, sd_bus_message *call, const uint64_t *sizes) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        TRY(sd_bus_message_new_method_return(call, &reply));
        TRY(append_images(reply, usage->manager));
        TRY(append_containers(reply, usage, sizes));
        TRY(append_totals(reply, usage->manager));
        return sd_bus_send(NULL, reply, NULL);
}

static void on_sizes(const Error *error, const uint64_t *sizes, void *userdata) {
        DiskUsage *usage = userdata;

        usage->manager->disk_usage = NULL;
        for (size_t i = 0; i < usage->n_calls; i++) {
                int r;

                if (error) {
                        reply_failure(usage->calls[i], error);
                        continue;
                }
                r = answer(usage, usage->calls[i], sizes);
                reply_check(usage->calls[i], r);
        }
        usage_free(usage);
}

static int begin(Manager *m, sd_bus_error *error) {
        DiskUsage *usage = calloc(1, sizeof(*usage));
        Error e = ERROR_INIT;

        if (!usage)
                return bus_failure(error, ENOMEM, "call");
        usage->manager = m;
        LIST_FOREACH(c, m->container_list, links) {
                if (c->announced && strv_extend(&usage->ids, c->record->spec->id) < 0) {
                        usage_free(usage);
                        return bus_failure(error, ENOMEM, "call");
                }
        }
        /* Nobody's quota: it serves all who ask meanwhile. */
        if (sizes_count(m, 0, usage->ids, on_sizes, usage, &usage->sizes, &e) < 0) {
                usage_free(usage);
                return error_to_bus(&e, error);
        }
        m->disk_usage = usage;
        return 0;
}

int manager_method_get_disk_usage(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Manager *m = userdata;

        TRY(options_read_none(message, error));
        if (!m->disk_usage)
                TRY(begin(m, error));
        if (m->disk_usage->n_calls == CALLS_MAX)
                return sd_bus_error_set(error, ERROR_LIMITS_EXCEEDED,
                                        "Too many calls wait for the disk usage");
        m->disk_usage->calls[m->disk_usage->n_calls++] = sd_bus_message_ref(message);
        return 1;
}

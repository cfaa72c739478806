/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/disk-usage.h"

#include <string.h>

#include "cli/properties.h"
#include "cli/report.h"
#include "shared/error.h"
#include "shared/strutil.h"

void disk_usage_done(DiskUsage *usage) {
        for (size_t i = 0; i < usage->n_images; i++)
                free(usage->images[i].path);
        for (size_t i = 0; i < usage->n_containers; i++)
                free(usage->containers[i].path);
        free(usage->images);
        free(usage->containers);
        *usage = (DiskUsage){};
}

static int read_images(sd_bus_message *reply, DiskUsage *usage) {
        ImageUsage item = {};
        const char *path;
        int r;

        TRY(sd_bus_message_enter_container(reply, 'a', "(ottu)"));
        while ((r = sd_bus_message_read(reply, "(ottu)", &path, &item.size, &item.shared,
                                        &item.containers)) > 0) {
                ImageUsage *grown =
                        reallocarray(usage->images, usage->n_images + 1, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                usage->images = grown;
                item.path = strdup(path);
                if (!item.path)
                        return -ENOMEM;
                grown[usage->n_images++] = item;
        }
        return r < 0 ? r : sd_bus_message_exit_container(reply);
}

static int read_containers(sd_bus_message *reply, DiskUsage *usage) {
        ContainerUsage item = {};
        const char *path;
        int r;

        TRY(sd_bus_message_enter_container(reply, 'a', "(ot)"));
        while ((r = sd_bus_message_read(reply, "(ot)", &path, &item.size)) > 0) {
                ContainerUsage *grown =
                        reallocarray(usage->containers, usage->n_containers + 1, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                usage->containers = grown;
                item.path = strdup(path);
                if (!item.path)
                        return -ENOMEM;
                grown[usage->n_containers++] = item;
        }
        return r < 0 ? r : sd_bus_message_exit_container(reply);
}

int disk_usage_get(Client *client, DiskUsage *ret) {
        static const PropertyMap totals[] = {
                {"layers", "t", offsetof(DiskUsage, layers)},
                {"layers-unused", "t", offsetof(DiskUsage, layers_unused)},
                {},
        };
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r = client_call(client, NULL, MANAGER_PATH, MANAGER_INTERFACE, "GetDiskUsage", &reply,
                            "a{sv}", 0);

        if (r != 0)
                return r;
        r = read_images(reply, ret);
        if (r >= 0)
                r = read_containers(reply, ret);
        if (r >= 0)
                r = properties_read(reply, totals, ret);
        return r < 0 ? report_errno(client, r, "cannot read the daemon's answer") : 0;
}

const ImageUsage *disk_usage_of_image(const DiskUsage *usage, const char *path) {
        for (size_t i = 0; i < usage->n_images; i++)
                if (streq(usage->images[i].path, path))
                        return &usage->images[i];
        return NULL;
}

const ContainerUsage *disk_usage_of_container(const DiskUsage *usage, const char *path) {
        for (size_t i = 0; i < usage->n_containers; i++)
                if (streq(usage->containers[i].path, path))
                        return &usage->containers[i];
        return NULL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What images and containers take on the disk, as GetDiskUsage tells it. */

#include <stdint.h>

#include "cli/client.h"

typedef struct ImageUsage {
        char *path;
        uint64_t size, shared; /* bytes; of them, of layers that other images have too */
        uint32_t containers;   /* that were made of it */
} ImageUsage;

typedef struct ContainerUsage {
        char *path;
        uint64_t size; /* bytes beyond its image */
} ContainerUsage;

typedef struct DiskUsage {
        ImageUsage *images;
        size_t n_images;
        ContainerUsage *containers;
        size_t n_containers;
        uint64_t layers,
                layers_unused; /* bytes of all layers, and of those that no container uses */
} DiskUsage;

void disk_usage_done(DiskUsage *usage);
int disk_usage_get(Client *client, DiskUsage *ret);

/* Of an object with this path; NULL if it came later. */
const ImageUsage *disk_usage_of_image(const DiskUsage *usage, const char *path);
const ContainerUsage *disk_usage_of_container(const DiskUsage *usage, const char *path);

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker system df */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/containers.h"
#include "cli/disk-usage.h"
#include "cli/human.h"
#include "cli/report.h"
#include "cli/show.h"
#include "cli/verbs.h"
#include "shared/error.h"
#include "shared/process.h"
#include "shared/strutil.h"

#define ID_SHOWN 12
#define COMMAND_SHOWN 20

static bool verbose;
static const char *format;

static const Option options[] = {
        {"format", "string", "Format output: table, json, or a template such as '{{.Size}}'",
         option_string, &format},
        {"v verbose", NULL, "Show each image and container", option_bool, &verbose},
        {},
};

/* What was asked of the daemon. */
typedef struct Facts {
        DiskUsage usage;
        ImageList images;
        ContainerList containers;
} Facts;

static void facts_done(Facts *facts) {
        disk_usage_done(&facts->usage);
        image_list_done(&facts->images);
        container_list_done(&facts->containers);
}

static char *reclaimable(uint64_t part, uint64_t size) {
        _cleanup_free_ char *text = human_size(part);

        if (!text || size == 0)
                return text ? strdup(text) : NULL;
        return strf("%s (%" PRIu64 "%%)", text, (uint64_t)((double)part * 100 / (double)size));
}

static int add_total(Listing *listing, const char *type, size_t n, size_t active, uint64_t size,
                     uint64_t part) {
        char *cells[] = {strdup(type), strf("%zu", n), strf("%zu", active), human_size(size),
                         reclaimable(part, size)};

        return listing_add(listing, cells);
}

static int add_totals(Listing *listing, const Facts *facts) {
        const DiskUsage *usage = &facts->usage;
        size_t used = 0, running = 0;
        uint64_t size = 0, stopped = 0;

        for (size_t i = 0; i < usage->n_images; i++)
                used += usage->images[i].containers > 0;
        for (size_t i = 0; i < facts->containers.n; i++) {
                const Container *c = &facts->containers.items[i];
                const ContainerUsage *u = disk_usage_of_container(usage, c->path);

                running += container_is_running(c);
                size += u ? u->size : 0;
                stopped += u && !container_is_running(c) ? u->size : 0;
        }
        TRY(add_total(listing, "Images", usage->n_images, used, usage->layers,
                      usage->layers_unused));
        TRY(add_total(listing, "Containers", facts->containers.n, running, size, stopped));
        return add_total(listing, "Local Volumes", 0, 0, 0, 0);
}

static int show_totals(Client *client, const Facts *facts) {
        static const Field fields[] = {
                {"Type", "TYPE"}, {"TotalCount", "TOTAL"},        {"Active", "ACTIVE"},
                {"Size", "SIZE"}, {"Reclaimable", "RECLAIMABLE"},
        };
        _cleanup_listing_ Listing listing = {};
        int r = show_begin(client, &listing, fields, ELEMENTSOF(fields), format,
                           "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}");

        if (r != 0)
                return r;
        r = add_totals(&listing, facts);
        return r < 0 ? report_errno(client, r, "cannot make the list") : show_end(client, &listing);
}

static int add_image(Listing *listing, const Image *image, const ImageUsage *usage) {
        const char *name = image->names ? image->names[0] : NULL;
        const char *colon = name ? strrchr(name, ':') : NULL;
        char *cells[] = {
                colon ? strndup(name, (size_t)(colon - name)) : strdup("<none>"),
                strdup(colon ? colon + 1 : "<none>"),
                strndup(image->id, ID_SHOWN),
                human_ago(now_realtime(), image->created),
                human_size(image->size),
                human_size(usage ? usage->shared : 0),
                human_size(usage ? image->size - usage->shared : image->size),
                strf("%" PRIu32, usage ? usage->containers : 0),
        };

        return listing_add(listing, cells);
}

static int show_images(Client *client, const Facts *facts) {
        static const Field fields[] = {
                {"Repository", "REPOSITORY"},
                {"Tag", "TAG"},
                {"ID", "IMAGE ID"},
                {"CreatedSince", "CREATED"},
                {"Size", "SIZE"},
                {"SharedSize", "SHARED SIZE"},
                {"UniqueSize", "UNIQUE SIZE"},
                {"Containers", "CONTAINERS"},
        };
        _cleanup_listing_ Listing listing = {};
        int r = show_begin(client, &listing, fields, ELEMENTSOF(fields), NULL,
                           "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t"
                           "{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}");

        if (r != 0)
                return r;
        puts("Images space usage:\n");
        for (size_t i = 0; i < facts->images.n && r >= 0; i++)
                r = add_image(&listing, &facts->images.items[i],
                              disk_usage_of_image(&facts->usage, facts->images.items[i].path));
        return r < 0 ? report_errno(client, r, "cannot make the list") : show_end(client, &listing);
}

static int add_container(Listing *listing, const Container *c, const ContainerUsage *usage) {
        uint64_t now = now_realtime();
        char *cells[] = {
                strndup(c->id, ID_SHOWN),
                strdup(c->image),
                human_command(c->command, COMMAND_SHOWN),
                strf("%zu", strv_length(c->volumes)),
                human_size(usage ? usage->size : 0),
                human_ago(now, c->created),
                container_status(c, now),
                strdup(c->name),
        };

        return listing_add(listing, cells);
}

static int show_containers(Client *client, const Facts *facts) {
        static const Field fields[] = {
                {"ID", "CONTAINER ID"}, {"Image", "IMAGE"},
                {"Command", "COMMAND"}, {"LocalVolumes", "LOCAL VOLUMES"},
                {"Size", "SIZE"},       {"RunningFor", "CREATED"},
                {"Status", "STATUS"},   {"Names", "NAMES"},
        };
        _cleanup_listing_ Listing listing = {};
        int r = show_begin(client, &listing, fields, ELEMENTSOF(fields), NULL,
                           "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t"
                           "{{.RunningFor}}\t{{.Status}}\t{{.Names}}");

        if (r != 0)
                return r;
        puts("\nContainers space usage:\n");
        for (size_t i = 0; i < facts->containers.n && r >= 0; i++)
                r = add_container(
                        &listing, &facts->containers.items[i],
                        disk_usage_of_container(&facts->usage, facts->containers.items[i].path));
        return r < 0 ? report_errno(client, r, "cannot make the list") : show_end(client, &listing);
}

static int df(Client *client, char **operands) {
        _cleanup_(facts_done) Facts facts = {};
        int r = 0;

        if (verbose && format)
                return report(client, "--format does not go together with --verbose");
        r = disk_usage_get(client, &facts.usage);
        if (r == 0)
                r = containers_get_all(client, &facts.containers);
        if (r == 0 && verbose)
                r = images_list(client, &facts.images);
        if (r != 0)
                return r;
        if (!verbose)
                return show_totals(client, &facts);
        r = show_images(client, &facts);
        return r != 0 ? r : show_containers(client, &facts);
}

const Verb verb_df = {
        .name = "df",
        .synopsis = "[OPTIONS]",
        .summary = "Show disk usage",
        .options = options,
        .failure = 1,
        .run = df,
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker ps */

#include <inttypes.h>
#include <string.h>

#include "cli/containers.h"
#include "cli/disk-usage.h"
#include "cli/filter.h"
#include "cli/human.h"
#include "cli/report.h"
#include "cli/show.h"
#include "cli/verbs.h"
#include "shared/process.h"
#include "shared/strutil.h"

#define ID_SHOWN 12
#define COMMAND_SHOWN 20

static bool all, latest, quiet, no_trunc, size;
static uint64_t last = UINT64_MAX;
static const char *format;
static char **filters;

/* None, or a negative number, is as if it was not given, as with docker. */
static int parse_last(const char *value, void *target) {
        bool negative = value[0] == '-' && value[1] && !value[1 + strspn(value + 1, "0123456789")];
        uint64_t n = 0;

        if (!negative && option_u64(value, &n) < 0)
                return -EINVAL;
        *(uint64_t *)target = n == 0 ? UINT64_MAX : n;
        return 0;
}

static const Option options[] = {
        {"a all", NULL, "Show all containers (default shows just running)", option_bool, &all},
        {"f filter", "filter", "Filter output based on conditions provided", option_list, &filters},
        {"format", "string", "Format output: table, json, or a template such as '{{.ID}}'",
         option_string, &format},
        {"n last", "int", "Show n last created containers (includes all states)", parse_last,
         &last},
        {"l latest", NULL, "Show the latest created container (includes all states)", option_bool,
         &latest},
        {"no-trunc", NULL, "Don't truncate output", option_bool, &no_trunc},
        {"q quiet", NULL, "Only display container IDs", option_bool, &quiet},
        {"s size", NULL, "Display total file sizes", option_bool, &size},
        {},
};

static const Field fields[] = {
        {"ID", "CONTAINER ID"},      {"Image", "IMAGE"},        {"Command", "COMMAND"},
        {"CreatedAt", "CREATED AT"}, {"RunningFor", "CREATED"}, {"Status", "STATUS"},
        {"State", "STATE"},          {"Ports", "PORTS"},        {"Names", "NAMES"},
        {"Labels", "LABELS"},        {"Mounts", "MOUNTS"},      {"LocalVolumes", "LOCAL VOLUMES"},
        {"Networks", "NETWORKS"},    {"Owner", "OWNER"},        {"Size", "SIZE"},
};
#define COLUMNS                                                                                    \
        "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"

static char *join(char *const *list) {
        char *text = strdup("");

        for (; text && list && *list; list++) {
                char *longer = strf("%s%s%s", text, *text ? "," : "", *list);

                free(text);
                text = longer;
        }
        return text;
}

/* Sources of the volumes. */
static char *join_mounts(char *const *volumes) {
        char *text = strdup("");

        for (; text && volumes && *volumes; volumes++) {
                char *longer = strf("%s%s%.*s", text, *text ? "," : "", (int)strcspn(*volumes, ":"),
                                    *volumes);

                free(text);
                text = longer;
        }
        return text;
}

/* A container of an image that was called by its id. */
static bool is_shown_short(const char *image) {
        return !no_trunc && id_is_valid(image);
}

/* What the container has of its own, and with its image. */
static char *format_size(const DiskUsage *usage, const Container *c) {
        const ContainerUsage *own = disk_usage_of_container(usage, c->path);
        _cleanup_free_ char *image = strf("%s/images/%s", ROOT_PATH, c->image_id ?: ""),
                            *text = NULL, *sum = NULL;
        const ImageUsage *base = image ? disk_usage_of_image(usage, image) : NULL;

        if (!own)
                return strdup("");
        text = human_size(own->size);
        sum = human_size(own->size + (base ? base->size : 0));
        return text && sum ? strf("%s (virtual %s)", text, sum) : NULL;
}

static int add_row(Listing *listing, const Container *c, const DiskUsage *usage, uint64_t now) {
        char *cells[] = {
                strndup(c->id, no_trunc ? strlen(c->id) : ID_SHOWN),
                strndup(c->image, is_shown_short(c->image) ? ID_SHOWN : strlen(c->image)),
                human_command(c->command, no_trunc ? 0 : COMMAND_SHOWN),
                human_time(c->created),
                human_ago(now, c->created),
                container_status(c, now),
                strdup(c->state),
                strdup(""),
                strdup(c->name),
                join(c->labels),
                join_mounts(c->volumes),
                strdup("0"),
                strdup(""),
                strf("%" PRIu32, c->owner),
                format_size(usage, c),
        };

        return listing_add(listing, cells);
}

/* What containers_describe() does not find out. */
static bool wants_details(const Listing *listing) {
        static const char *const keys[] = {"Labels", "Mounts", "Size"};
        static const char *const filter_keys[] = {"label", "ancestor", "volume"};

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (listing_wants(listing, keys[i]))
                        return true;
        for (size_t i = 0; i < ELEMENTSOF(filter_keys); i++)
                if (filters_have(filters, filter_keys[i]))
                        return true;
        return false;
}

static int fill(Client *client, Listing *listing) {
        _cleanup_(disk_usage_done) DiskUsage usage = {};
        _cleanup_containers_ ContainerList list = {};
        bool every = all || last != UINT64_MAX || filters_have(filters, "status") ||
                     filters_have(filters, "exited");
        int r = wants_details(listing) ? containers_get_all(client, &list) :
                                         containers_describe(client, &list);

        if (r == 0)
                r = container_filters_look_up(client, filters, &list);
        /* JSON has all fields, but this one takes time. */
        if (r == 0 && (size || (listing->style != LISTING_JSON && listing_wants(listing, "Size"))))
                r = disk_usage_get(client, &usage);
        for (size_t i = 0; i < list.n && listing->n_rows < last && r == 0; i++) {
                const Container *c = &list.items[i];

                if ((every || container_is_running(c)) &&
                    container_filters_hold(filters, c, &list) &&
                    add_row(listing, c, &usage, now_realtime()) < 0)
                        r = report_errno(client, ENOMEM, "cannot make the list");
        }
        return r;
}

static const char *const filter_words[] = {
        "ancestor=",
        "before=",
        "exited=",
        "health=healthy",
        "health=none",
        "health=starting",
        "health=unhealthy",
        "id=",
        "label=",
        "name=",
        "since=",
        "status=created",
        "status=dead",
        "status=exited",
        "status=paused",
        "status=removing",
        "status=restarting",
        "status=running",
        "volume=",
        NULL,
};

static int ps(Client *client, char **operands) {
        _cleanup_listing_ Listing listing = {};
        int r = container_filters_check(client, filters);

        if (r != 0)
                return r;
        if (latest)
                last = 1;
        r = show_begin(client, &listing, fields, ELEMENTSOF(fields), quiet ? "{{.ID}}" : format,
                       size ? COLUMNS "\t{{.Size}}" : COLUMNS);
        if (r == 0)
                r = fill(client, &listing);
        return r != 0 ? r : show_end(client, &listing);
}

const Verb verb_ps = {
        .name = "ps",
        .synopsis = "[OPTIONS]",
        .summary = "List containers",
        .options = options,
        .filter_words = filter_words,
        .failure = 1,
        .run = ps,
};

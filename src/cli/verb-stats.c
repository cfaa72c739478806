/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker stats */

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "cli/containers.h"
#include "cli/human.h"
#include "cli/properties.h"
#include "cli/report.h"
#include "cli/show.h"
#include "cli/verbs.h"
#include "shared/error.h"
#include "shared/strutil.h"

#define ID_SHOWN 12
#define INTERVAL_US 1000000

static bool all, no_stream, no_trunc;
static const char *format;

static const Option options[] = {
        {"a all", NULL, "Show all containers (default shows just running)", option_bool, &all},
        {"format", "string", "Format output: table, json, or a template such as '{{.Name}}'",
         option_string, &format},
        {"no-stream", NULL, "Disable streaming stats and only pull the first result", option_bool,
         &no_stream},
        {"no-trunc", NULL, "Do not truncate output", option_bool, &no_trunc},
        {},
};

static const Field fields[] = {
        {"Container", "CONTAINER"},
        {"ID", "CONTAINER ID"},
        {"Name", "NAME"},
        {"CPUPerc", "CPU %"},
        {"MemUsage", "MEM USAGE / LIMIT"},
        {"MemPerc", "MEM %"},
        {"NetIO", "NET I/O"},
        {"BlockIO", "BLOCK I/O"},
        {"PIDs", "PIDS"},
};
#define COLUMNS                                                                                    \
        "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}"

typedef struct Stats {
        uint64_t time, memory, memory_limit, cpu_usage, pids, pids_limit, io_read, io_write;
} Stats;

static const PropertyMap stats_map[] = {
        {"time", "t", offsetof(Stats, time)},
        {"memory", "t", offsetof(Stats, memory)},
        {"memory-limit", "t", offsetof(Stats, memory_limit)},
        {"cpu-usage", "t", offsetof(Stats, cpu_usage)},
        {"pids", "t", offsetof(Stats, pids)},
        {"pids-limit", "t", offsetof(Stats, pids_limit)},
        {"io-read", "t", offsetof(Stats, io_read)},
        {"io-write", "t", offsetof(Stats, io_write)},
        {},
};

/* A container that is shown, with what it had used when last looked at. */
typedef struct Shown {
        char *path, *id, *name;
        Stats before;
} Shown;

typedef struct ShownList {
        Shown *items;
        size_t n;
} ShownList;

static void shown_list_done(ShownList *list) {
        for (size_t i = 0; i < list->n; i++) {
                free(list->items[i].path);
                free(list->items[i].id);
                free(list->items[i].name);
        }
        free(list->items);
        *list = (ShownList){};
}

static bool is_named(const Container *c, char **operands) {
        for (; *operands; operands++)
                if (streq(c->name, *operands) ||
                    (id_prefix_is_valid(*operands) && startswith(c->id, *operands)))
                        return true;
        return false;
}

/* The containers to show now; what was used before is taken over from the list so far. */
static int select_containers(Client *client, char **operands, ShownList *shown) {
        __attribute__((cleanup(shown_list_done))) ShownList next = {};
        _cleanup_containers_ ContainerList list = {};
        int r = containers_list(client, &list);

        if (r != 0)
                return r;
        next.items = calloc(list.n + 1, sizeof(Shown));
        if (!next.items)
                return report_errno(client, ENOMEM, "cannot go on");
        for (size_t i = 0; i < list.n; i++) {
                Container *c = &list.items[i];
                Shown *s = &next.items[next.n];

                if (*operands ? !is_named(c, operands) : !all && !container_is_running(c))
                        continue;
                *s = (Shown){.path = TAKE_PTR(c->path),
                             .id = TAKE_PTR(c->id),
                             .name = TAKE_PTR(c->name)};
                for (size_t j = 0; j < shown->n; j++)
                        if (streq(shown->items[j].path, s->path))
                                s->before = shown->items[j].before;
                next.n++;
        }
        shown_list_done(shown);
        *shown = next;
        next = (ShownList){};
        return 0;
}

static char *format_percent(double part, double whole) {
        return strf("%.2f%%", whole > 0 ? part / whole * 100 : 0);
}

static char *format_pair(char *a, char *b) {
        char *pair = a && b ? strf("%s / %s", a, b) : NULL;

        free(a);
        free(b);
        return pair;
}

/* The machine's memory is what limits a container that has no limit. */
static uint64_t total_memory(void) {
        return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int add_row(Listing *listing, const Shown *s, const Stats *now, bool running) {
        uint64_t limit =
                now->memory_limit > 0 ? MIN(now->memory_limit, total_memory()) : total_memory();
        double cpu = s->before.time > 0 ? (double)(now->cpu_usage - s->before.cpu_usage) / 1000 : 0;
        char *cells[] = {
                strdup(s->name),
                strndup(s->id, no_trunc ? ID_LENGTH : ID_SHOWN),
                strdup(s->name),
                running ? format_percent(cpu, (double)(now->time - s->before.time)) : strdup("--"),
                running ? format_pair(human_binary_size(now->memory), human_binary_size(limit)) :
                          strdup("-- / --"),
                running ? format_percent((double)now->memory, (double)limit) : strdup("--"),
                strdup("--"), /* a container has no network of its own that could be counted */
                running ? format_pair(human_size(now->io_read), human_size(now->io_write)) :
                          strdup("--"),
                running ? strf("%" PRIu64, now->pids) : strdup("--"),
        };

        return listing_add(listing, cells);
}

/* Return: 0 or 1 for success, 1 if it runs; or a negative errno. */
static int get_stats(Client *client, const char *path, Stats *ret) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r = sd_bus_call_method(client->bus, BUS_NAME, path, CONTAINER_INTERFACE, "GetStats",
                                   &error, &reply, "a{sv}", 0);

        if (r < 0 && error.name)
                return 0; /* it has ended, or is gone */
        if (r < 0)
                return r;
        r = properties_read(reply, stats_map, ret);
        return r < 0 ? r : 1;
}

static int measure(Client *client, ShownList *shown, Listing *listing) {
        for (size_t i = 0; i < shown->n; i++) {
                Stats now = {};
                int r = get_stats(client, shown->items[i].path, &now);

                if (r >= 0 && listing)
                        r = add_row(listing, &shown->items[i], &now, r > 0);
                if (r < 0)
                        return report_errno(client, r, "cannot read statistics");
                shown->items[i].before = now;
        }
        return 0;
}

static int show(Client *client, const Listing *listing) {
        int r;

        if (!no_stream && isatty(STDOUT_FILENO) && listing->style == LISTING_TABLE)
                fputs("\033[H\033[2J", stdout);
        /* It comes again and again: nothing to page. */
        r = listing_print(listing, stdout, client->legend);
        if (r < 0)
                return report_errno(client, r, "cannot print the list");
        return fflush(stdout) != 0 ? report_errno(client, errno, "standard output") : 0;
}

static int check_operands(Client *client, char **operands) {
        for (; *operands; operands++) {
                _cleanup_free_ char *path = NULL;
                int r = client_find_container(client, *operands, &path);

                if (r != 0)
                        return r;
        }
        return 0;
}

static int stats(Client *client, char **operands) {
        __attribute__((cleanup(shown_list_done))) ShownList shown = {};
        _cleanup_listing_ Listing listing = {};
        int r = show_begin(client, &listing, fields, ELEMENTSOF(fields), format, COLUMNS);

        if (r == 0)
                r = check_operands(client, operands);
        if (r == 0)
                r = select_containers(client, operands, &shown);
        /* What is used for each second shows only after one. */
        if (r == 0)
                r = measure(client, &shown, NULL);
        while (r == 0) {
                usleep(INTERVAL_US);
                r = select_containers(client, operands, &shown);
                if (r == 0)
                        r = measure(client, &shown, &listing);
                if (r == 0)
                        r = show(client, &listing);
                if (no_stream)
                        break;
                listing_clear(&listing);
        }
        return r;
}

const Verb verb_stats = {
        .name = "stats",
        .synopsis = "[OPTIONS] [CONTAINER...]",
        .summary = "Display a live stream of container(s) resource usage statistics",
        .options = options,
        .max_operands = UINT_MAX,
        .first = OPERAND_RUNNING_CONTAINER,
        .others = OPERAND_RUNNING_CONTAINER,
        .failure = 1,
        .run = stats,
};

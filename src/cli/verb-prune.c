/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker container prune, image prune and system prune */

#include <stdio.h>

#include "cli/filter.h"
#include "cli/human.h"
#include "cli/job.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "shared/error.h"
#include "shared/process.h"
#include "shared/strutil.h"

static bool all, others, dry_run, force;
static char **filters;

#define OTHERS                                                                                     \
        {                                                                                          \
                "others", NULL, "Other users' containers too (always when you are root)",          \
                        option_bool, &others                                                       \
        }
#define ALL                                                                                        \
        {                                                                                          \
                "a all", NULL, "Remove all unused images, not just those without a name",          \
                        option_bool, &all                                                          \
        }

static const Option container_options[] = {OTHERS, {}};
static const Option image_options[] = {ALL, {}};
static const Option system_options[] = {ALL, OTHERS, {}};

static const Option options[] = {
        {"dry-run", NULL, "Only show what would be removed", option_bool, &dry_run},
        {"filter", "filter", "Limit to: until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]",
         option_list, &filters},
        {"f force", NULL, "Do not prompt for confirmation", option_bool, &force},
        {},
};

/* What one of the verbs is about. */
typedef struct Kind {
        bool containers, images;
} Kind;

static void print_warning(Kind kind) {
        const char *containers = "all stopped containers";
        const char *images = all ? "all images without at least one container associated to them" :
                                   "all dangling images";

        if (kind.containers && kind.images)
                fprintf(stderr, "WARNING! This will remove:\n  - %s\n  - %s\n\n", containers,
                        images);
        else
                fprintf(stderr, "WARNING! This will remove %s.\n",
                        kind.containers ? containers : images);
}

static bool confirm(Kind kind) {
        char answer[8] = "";

        print_warning(kind);
        fputs("Are you sure you want to continue? [y/N] ", stderr);
        if (!fgets(answer, sizeof(answer), stdin))
                fputc('\n', stderr);
        return answer[0] == 'y' || answer[0] == 'Y';
}

/* The values of the filters with this key. Return: to be freed; NULL also when there is none. */
static char **values_of(const char *key) {
        _cleanup_free_ char *prefix = strf("%s=", key);
        char **values = NULL;

        for (char **filter = filters; prefix && filter && *filter; filter++) {
                const char *value = startswith(*filter, prefix);

                if (value && strv_extend(&values, value) < 0)
                        break;
        }
        return values;
}

static int add_list(sd_bus_message *call, const char *key, const char *filter) {
        _cleanup_strv_free_ char **values = values_of(filter);

        return values ? options_add_strv(call, key, values) : 0;
}

static int add_options(const Client *client, sd_bus_message *call, Kind kind, uint64_t until) {
        bool every = others || (!client->host && geteuid() == 0);

        TRY(options_open(call));
        TRY(options_add(call, "containers", "b", kind.containers));
        TRY(options_add(call, "images", "b", kind.images));
        TRY(options_add(call, "all", "b", all));
        TRY(options_add(call, "others", "b", kind.containers && every));
        TRY(options_add(call, "dry-run", "b", dry_run));
        TRY(options_add(call, "until", "t", until));
        TRY(add_list(call, "labels", "label"));
        TRY(add_list(call, "not-labels", "label!"));
        return options_close(call);
}

static int send(Client *client, Kind kind, uint64_t until, char **ret) {
        _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
        const char *path;
        int r = client_new_call(client, MANAGER_PATH, MANAGER_INTERFACE, "Prune", &call);

        if (r != 0)
                return r;
        r = add_options(client, call, kind, until);
        if (r < 0)
                return report_errno(client, r, "cannot make a message");
        r = client_send(client, call, NULL, &reply);
        if (r != 0)
                return r;
        r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
                r = free_and_strdup(ret, path);
        return r < 0 ? report_errno(client, r, "cannot read the daemon's answer") : 0;
}

static void print_list(const char *title, const char *prefix, char *const *list) {
        if (title && list && *list)
                printf("%s:\n", title);
        for (; list && *list; list++)
                printf("%s%s\n", prefix, *list);
}

static int print(const Client *client, const JobResult *result) {
        _cleanup_free_ char *size = human_size(result->reclaimed);

        if (!size)
                return report_errno(client, ENOMEM, "cannot go on");
        print_list(dry_run ? "Would delete Containers" : "Deleted Containers", "",
                   result->containers);
        if (result->containers && *result->containers)
                putchar('\n');
        if (result->images && *result->images) {
                puts(dry_run ? "Would delete Images:" : "Deleted Images:");
                print_list(NULL, "untagged: ", result->untagged);
                print_list(NULL, "deleted: sha256:", result->images);
                putchar('\n');
        }
        printf("Total %s space: %s\n", dry_run ? "reclaimable" : "reclaimed", size);
        return 0;
}

static int read_until(const Client *client, uint64_t *ret) {
        _cleanup_strv_free_ char **values = values_of("until");

        if (!values)
                return 0;
        if (values[1])
                return report(client, "more than one until filter specified");
        if (parse_time(values[0], now_realtime(), ret) < 0)
                return report(client, "\"%s\" is no point of time", values[0]);
        return 0;
}

static int prune(Client *client, Kind kind) {
        static const char *const keys[] = {"until", "label", "label!", NULL};
        _cleanup_free_ char *path = NULL;
        JobResult result = {};
        uint64_t until = 0;
        int r = filters_check(client, filters, keys);

        if (r == 0)
                r = read_until(client, &until);
        if (r != 0 || (!force && !dry_run && !confirm(kind)))
                return r;
        r = job_watch(client);
        if (r == 0)
                r = send(client, kind, until, &path);
        if (r == 0)
                r = job_wait(client, path, "Removing", NULL, &result);
        if (r == 0)
                r = print(client, &result);
        job_result_done(&result);
        return r;
}

static int prune_containers(Client *client, char **operands) {
        return prune(client, (Kind){.containers = true});
}

static int prune_images(Client *client, char **operands) {
        return prune(client, (Kind){.images = true});
}

static int prune_system(Client *client, char **operands) {
        return prune(client, (Kind){.containers = true, .images = true});
}

const Verb verb_container_prune = {
        .name = "prune",
        .synopsis = "[OPTIONS]",
        .summary = "Remove all stopped containers",
        .options = options,
        .more_options = container_options,
        .failure = 1,
        .run = prune_containers,
};

const Verb verb_image_prune = {
        .name = "prune",
        .synopsis = "[OPTIONS]",
        .summary = "Remove unused images",
        .options = options,
        .more_options = image_options,
        .failure = 1,
        .run = prune_images,
};

const Verb verb_system_prune = {
        .name = "prune",
        .synopsis = "[OPTIONS]",
        .summary = "Remove unused data",
        .options = options,
        .more_options = system_options,
        .failure = 1,
        .run = prune_system,
};

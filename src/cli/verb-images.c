/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker images */

#include <string.h>

#include "cli/containers.h"
#include "cli/filter.h"
#include "cli/human.h"
#include "cli/report.h"
#include "cli/show.h"
#include "cli/verbs.h"
#include "shared/process.h"
#include "shared/strutil.h"

#define ID_SHOWN 12

static bool all, quiet, no_trunc;
static const char *format;
static char **filters;

static const Option options[] = {
        {"a all", NULL, "Show all images (there are no intermediate ones)", option_bool, &all},
        {"f filter", "filter", "Filter output: dangling, reference, before, since", option_list,
         &filters},
        {"format", "string", "Format output: table, json, or a template such as '{{.ID}}'",
         option_string, &format},
        {"no-trunc", NULL, "Don't truncate output", option_bool, &no_trunc},
        {"q quiet", NULL, "Only show image IDs", option_bool, &quiet},
        {},
};

static const Field fields[] = {
        {"Repository", "REPOSITORY"}, {"Tag", "TAG"},
        {"ID", "IMAGE ID"},           {"CreatedSince", "CREATED"},
        {"CreatedAt", "CREATED AT"},  {"Size", "SIZE"},
};
#define COLUMNS "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"

/* One name of an image; NULL: it has none. */
typedef struct Subject {
        const Image *image;
        const char *name;
        const ImageList *list;
} Subject;

static bool match_dangling(const char *value, const void *userdata) {
        const Subject *s = userdata;

        return streq(value, "true") || streq(value, "1") ? !s->name : s->name != NULL;
}

/* A name with its tag, or without any: then with every tag. */
static bool match_reference(const char *value, const void *userdata) {
        const Subject *s = userdata;
        const char *rest = s->name ? startswith(s->name, value) : NULL;

        return rest && (!*rest || (*rest == ':' && !strchr(rest, '/')));
}

static const Image *find_in_list(const ImageList *list, const char *operand) {
        for (size_t i = 0; i < list->n; i++) {
                if (startswith(list->items[i].id, operand))
                        return &list->items[i];
                for (char **name = list->items[i].names; name && *name; name++)
                        if (same_image(*name, operand))
                                return &list->items[i];
        }
        return NULL;
}

static bool match_before(const char *value, const void *userdata) {
        const Subject *s = userdata;
        const Image *other = find_in_list(s->list, value);

        return other && s->image->created < other->created;
}

static bool match_since(const char *value, const void *userdata) {
        const Subject *s = userdata;
        const Image *other = find_in_list(s->list, value);

        return other && s->image->created > other->created;
}

static bool is_wanted(const Subject *s, const char *reference) {
        return (!reference || (s->name && match_reference(reference, s))) &&
               filters_hold(filters, "dangling", match_dangling, s) &&
               filters_hold(filters, "reference", match_reference, s) &&
               filters_hold(filters, "before", match_before, s) &&
               filters_hold(filters, "since", match_since, s);
}

static int add_row(Listing *listing, const Subject *s) {
        const char *colon = s->name ? strrchr(s->name, ':') : NULL;
        char *cells[] = {
                colon ? strndup(s->name, (size_t)(colon - s->name)) : strdup(s->name ?: "<none>"),
                strdup(colon ? colon + 1 : "<none>"),
                no_trunc ? strf("sha256:%s", s->image->id) : strndup(s->image->id, ID_SHOWN),
                human_ago(now_realtime(), s->image->created),
                human_time(s->image->created),
                human_size(s->image->size),
        };

        return listing_add(listing, cells);
}

static int add_image(Listing *listing, const ImageList *list, const Image *image,
                     const char *reference) {
        char *none[] = {NULL, NULL};
        bool named = image->names && *image->names;
        bool once = quiet && !reference; /* ids, each one time */
        int r = 0;

        for (char **name = named ? image->names : none; r >= 0 && (*name || name == none); name++) {
                Subject s = {.image = image, .name = *name, .list = list};

                if (is_wanted(&s, reference)) {
                        r = add_row(listing, &s);
                        if (once)
                                break;
                }
                if (name == none)
                        break;
        }
        return r;
}

static const char *const filter_words[] = {
        "before=", "dangling=false", "dangling=true", "reference=", "since=", NULL,
};

static int images(Client *client, char **operands) {
        static const char *const keys[] = {"dangling", "reference", "before", "since", NULL};
        _cleanup_images_ ImageList list = {};
        _cleanup_listing_ Listing listing = {};
        int r = filters_check(client, filters, keys);

        if (r == 0)
                r = filters_check_values(client, filters, "dangling", filter_is_bool);
        if (r != 0)
                return r;
        r = show_begin(client, &listing, fields, ELEMENTSOF(fields), quiet ? "{{.ID}}" : format,
                       COLUMNS);
        if (r == 0)
                r = images_list(client, &list);
        if (r != 0)
                return r;
        for (size_t i = 0; i < list.n && r >= 0; i++)
                r = add_image(&listing, &list, &list.items[i], operands[0]);
        return r < 0 ? report_errno(client, r, "cannot make the list") : show_end(client, &listing);
}

const Verb verb_images = {
        .name = "images",
        .synopsis = "[OPTIONS] [REPOSITORY[:TAG]]",
        .summary = "List images",
        .options = options,
        .filter_words = filter_words,
        .max_operands = 1,
        .first = OPERAND_IMAGE,
        .failure = 1,
        .run = images,
};

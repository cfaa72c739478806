/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker history */

#include <string.h>

#include "cli/human.h"
#include "cli/properties.h"
#include "cli/report.h"
#include "cli/show.h"
#include "cli/verbs.h"
#include "shared/error.h"
#include "shared/process.h"
#include "shared/strutil.h"

#define ID_SHOWN 12
#define CREATED_BY_SHOWN 45

static bool no_trunc, quiet;
static const char *format;

static const Option options[] = {
        {"format", "string", "Format output: table, json, or a template such as '{{.ID}}'",
         option_string, &format},
        {"no-trunc", NULL, "Don't truncate output", option_bool, &no_trunc},
        {"q quiet", NULL, "Only show IDs", option_bool, &quiet},
        {},
};

static const Field fields[] = {
        {"ID", "IMAGE"},
        {"CreatedSince", "CREATED"},
        {"CreatedAt", "CREATED AT"},
        {"CreatedBy", "CREATED BY"},
        {"Size", "SIZE"},
        {"Comment", "COMMENT"},
};
#define COLUMNS "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"

typedef struct Step {
        uint64_t created, size;
        char *created_by, *comment;
} Step;

static const PropertyMap step_map[] = {
        {"created", "t", offsetof(Step, created)},
        {"created-by", "s", offsetof(Step, created_by)},
        {"comment", "s", offsetof(Step, comment)},
        {"size", "t", offsetof(Step, size)},
        {},
};

static int add_row(Listing *listing, const Step *step, const char *id) {
        char *cells[] = {
                id ? strndup(id, no_trunc ? strlen(id) : ID_SHOWN) : strdup("<missing>"),
                step->created > 0 ? human_ago(now_realtime(), step->created) : strdup("N/A"),
                human_time(step->created),
                human_ellipsize(step->created_by ?: "", no_trunc ? SIZE_MAX : CREATED_BY_SHOWN),
                human_size(step->size),
                strdup(step->comment ?: ""),
        };

        return listing_add(listing, cells);
}

/* As docker's: the image is its newest step; those before are no images of their own. */
static int read_steps(sd_bus_message *reply, Listing *listing, const char *id) {
        int r;

        TRY(sd_bus_message_enter_container(reply, 'a', "a{sv}"));
        while ((r = sd_bus_message_at_end(reply, false)) == 0) {
                Step step = {};

                r = properties_read(reply, step_map, &step);
                if (r >= 0)
                        r = add_row(listing, &step, id);
                properties_done(step_map, &step);
                if (r < 0)
                        return r;
                id = NULL;
        }
        return r;
}

static int history(Client *client, char **operands) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_listing_ Listing listing = {};
        _cleanup_free_ char *path = NULL;
        int r = show_begin(client, &listing, fields, ELEMENTSOF(fields), quiet ? "{{.ID}}" : format,
                           COLUMNS);

        if (r == 0)
                r = client_find_image(client, operands[0], &path);
        if (r == 0)
                r = client_call(client, operands[0], path, IMAGE_INTERFACE, "GetHistory", &reply,
                                "a{sv}", 0);
        if (r != 0)
                return r;
        r = read_steps(reply, &listing, path_id(path));
        if (r < 0)
                return report_errno(client, r, "cannot read the daemon's answer");
        return show_end(client, &listing);
}

const Verb verb_history = {
        .name = "history",
        .synopsis = "[OPTIONS] IMAGE",
        .summary = "Show the history of an image",
        .options = options,
        .min_operands = 1,
        .max_operands = 1,
        .first = OPERAND_IMAGE,
        .failure = 1,
        .run = history,
};

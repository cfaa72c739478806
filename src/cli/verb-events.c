/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker events */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/event.h"
#include "cli/filter.h"
#include "cli/human.h"
#include "cli/json-format.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "shared/error.h"
#include "shared/process.h"
#include "shared/strutil.h"

static const char *format, *since, *until;
static char **filters;

static const Option options[] = {
        {"f filter", "filter", "Filter output: container, event, image, label, type", option_list,
         &filters},
        {"format", "string", "Format output: json, or a template such as '{{.Action}}'",
         option_string, &format},
        {"since", "string", "Show events since this time, from now on at the earliest",
         option_string, &since},
        {"until", "string", "Stream events until this time", option_string, &until},
        {},
};

/* Those that consist of several words have to be typed. */
static const char *const filter_words[] = {
        "container=",    "image=",       "label=",         "type=container",
        "type=image",    "event=commit", "event=create",   "event=delete",
        "event=destroy", "event=die",    "event=exec_die", "event=exec_start",
        "event=import",  "event=oom",    "event=pause",    "event=rename",
        "event=restart", "event=start",  "event=stop",     "event=tag",
        "event=unpause", "event=untag",  "event=update",   NULL,
};

/* The value of an attribute, or "". */
static const char *attribute(const Event *event, const char *key) {
        for (char **a = event->attributes; a && *a; a++) {
                const char *rest = startswith(*a, key);

                if (rest && *rest == '=')
                        return rest + 1;
        }
        return "";
}

static bool match_container(const char *value, const void *userdata) {
        const Event *e = userdata;

        return streq(e->type, "container") &&
               (streq(attribute(e, "name"), value) || startswith(e->id, value));
}

static bool match_event(const char *value, const void *userdata) {
        return streq(((const Event *)userdata)->action, value);
}

static bool match_image(const char *value, const void *userdata) {
        const Event *e = userdata;

        return same_image(attribute(e, streq(e->type, "image") ? "name" : "image"), value);
}

static bool match_label(const char *value, const void *userdata) {
        return label_matches(((const Event *)userdata)->attributes, value);
}

static bool match_type(const char *value, const void *userdata) {
        return streq(((const Event *)userdata)->type, value);
}

static bool is_wanted(const Event *e) {
        return filters_hold(filters, "container", match_container, e) &&
               filters_hold(filters, "event", match_event, e) &&
               filters_hold(filters, "image", match_image, e) &&
               filters_hold(filters, "label", match_label, e) &&
               filters_hold(filters, "type", match_type, e);
}

static void print_plain(const Event *e) {
        time_t seconds = (time_t)(e->time / 1000000);
        char date[32] = "", zone[8] = "";
        struct tm tm;

        if (localtime_r(&seconds, &tm)) {
                strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
                strftime(zone, sizeof(zone), "%z", &tm);
        }
        /* RFC 3339 wants a colon in the zone. */
        printf("%s.%06" PRIu64 "000%.3s:%s %s %s %s", date, e->time % 1000000, zone, zone + 3,
               e->type, e->action, e->id);
        for (char **a = e->attributes; a && *a; a++)
                printf("%s%s", a == e->attributes ? " (" : ", ", *a);
        puts(e->attributes ? ")" : "");
}

static int to_json(const Event *e, Json *json) {
        Json *actor, *attributes;

        TRY(json_add_string(json, "status", e->action));
        TRY(json_add_string(json, "id", e->id));
        TRY(json_add_string(json, "from", attribute(e, "image")));
        TRY(json_add_string(json, "Type", e->type));
        TRY(json_add_string(json, "Action", e->action));
        actor = json_add_new_object(json, "Actor");
        if (!actor)
                return -ENOMEM;
        TRY(json_add_string(actor, "ID", e->id));
        attributes = json_add_new_object(actor, "Attributes");
        if (!attributes)
                return -ENOMEM;
        for (char **a = e->attributes; a && *a; a++) {
                _cleanup_free_ char *key = strndup(*a, strcspn(*a, "="));

                if (!key)
                        return -ENOMEM;
                TRY(json_add_string(attributes, key, *a + strlen(key) + 1));
        }
        TRY(json_add_string(json, "scope", "local"));
        TRY(json_add_u64(json, "time", e->time / 1000000));
        return json_add_u64(json, "timeNano", e->time * 1000);
}

static uint64_t since_time, until_time = UINT64_MAX;

static int on_event(const Event *event, void *userdata) {
        Client *client = userdata;

        if (!is_wanted(event) || event->time < since_time || event->time > until_time)
                return 0;
        if (format) {
                _cleanup_json_ Json *json = json_object_new_object();

                if (!json || to_json(event, json) < 0)
                        return -ENOMEM;
                if (json_print_formatted(client, json, format) != 0)
                        return -EINVAL;
        } else
                print_plain(event);
        return fflush(stdout) != 0 ? -errno : 0;
}

static int events(Client *client, char **operands) {
        static const char *const keys[] = {"container", "event", "image", "label", "type", NULL};
        _cleanup_(event_tracker_freep) EventTracker *tracker = NULL;
        uint64_t now = now_realtime();
        int r = filters_check(client, filters, keys);

        if (r == 0 && since && parse_time(since, now, &since_time) < 0)
                r = report(client, "invalid time: %s", since);
        if (r == 0 && until && parse_time(until, now, &until_time) < 0)
                r = report(client, "invalid time: %s", until);
        /* Nobody keeps what has happened. */
        if (r == 0 && since && since_time < now)
                fprintf(stderr, "Events before now are not kept.\n");
        if (r == 0)
                r = event_tracker_new(client, on_event, client, &tracker);
        if (r != 0)
                return r;
        for (;;) {
                r = sd_bus_process(client->bus, NULL);
                now = now_realtime();
                if (r == 0 && now >= until_time)
                        return 0;
                if (r == 0)
                        r = sd_bus_wait(client->bus,
                                        until_time == UINT64_MAX ? UINT64_MAX : until_time - now);
                if (r < 0)
                        return report_errno(client, r, "cannot go on listening");
        }
}

const Verb verb_events = {
        .name = "events",
        .synopsis = "[OPTIONS]",
        .summary = "Get real time events from the server",
        .options = options,
        .filter_words = filter_words,
        .failure = 1,
        .run = events,
};

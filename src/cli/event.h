/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The daemon's signals as docker's events. Signals say what has changed; docker's verbs also say from what, so that what is
 * known of each object is kept. */

#include "cli/client.h"

typedef struct Event {
        uint64_t time;      /* µs, realtime */
        const char *type;   /* "container" or "image" */
        const char *action; /* "create", "start", … */
        const char *id;
        char **attributes; /* KEY=VALUE, sorted by key */
} Event;

typedef struct EventTracker EventTracker;

/* What is called for each event. Return: 0 or a negative errno, which ends it all. */
typedef int (*EventHandler)(const Event *event, void *userdata);

/* Begins to listen. Failures are reported. */
int event_tracker_new(Client *client, EventHandler handler, void *userdata, EventTracker **ret);
EventTracker *event_tracker_free(EventTracker *tracker);
DEFINE_CLEANUP(EventTracker *, event_tracker_free)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Whether what runs in containers works: executes their health checks, and counts. */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "shared/json.h"
#include "store/health-check.h"

struct Container;
struct Manager;

/* Results that are kept, and bytes of what each wrote. */
#define HEALTH_RESULTS 5
#define HEALTH_OUTPUT_MAX 4096

/* Where results are kept, in RUNTIME-DIR. */
#define HEALTH_DIRECTORY "health"

typedef struct HealthResult {
        uint64_t start, end; /* µs, realtime */
        int exit_code;       /* -1: it was not executed, or took too long */
        char *output;
} HealthResult;

struct HealthRun;

/* Of a container; zero-initialized: nothing is checked. */
typedef struct Health {
        sd_event_source *timer;               /* until the next check */
        struct HealthRun *run;                /* the one that is under way */
        HealthResult results[HEALTH_RESULTS]; /* the oldest first */
        size_t n_results;
} Health;

/* Its command is up: since now (`fresh`), or it was found so when the daemon began. */
void health_begin(struct Container *c, bool fresh);

/* It has ended. */
void health_end(struct Container *c);

/* Ends a check, by its process's number. */
void health_kill(struct Container *c, uint64_t number);

/* Releases what is in memory. */
void health_done(struct Container *c);

/* The results are kept in RUNTIME-DIR/health/ID.json, so that the next daemon can tell them: takes up those that an
 * earlier one has written; deletes those of a container that is removed; and of all that do not exist any more. */
void health_restore(struct Container *c);
void health_forget(const struct Container *c);
void health_sweep(const struct Manager *m);

/* Adds "health" to what is told of a container's configuration: results with what the checks wrote.
 * Return: 0 or -ENOMEM. */
int health_describe(const struct Container *c, Json *json);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Limits as options: what was asked for, whether it is possible, and whether it needs a permission. */

#include <math.h>

#include "daemon/manager.h"
#include "daemon/options.h"
#include "protocol/spec.h"

/* What a caller asks for; the initial values mean that it said nothing. */
typedef struct LimitOptions {
        uint64_t memory, memory_swap;
        double cpus;
        uint64_t cpu_shares;
        char *cpuset;
        uint64_t pids;
} LimitOptions;

/* Neither can be given: options_read() refuses them. */
#define LIMIT_UNSET UINT64_MAX
#define LIMIT_OPTIONS_INIT                                                                         \
        ((LimitOptions){LIMIT_UNSET, LIMIT_UNSET, NAN, LIMIT_UNSET, NULL, LIMIT_UNSET})

/* The lines of an option table for a LimitOptions at `offset` of a structure. */
#define LIMIT_OPTION_LINES(base)                                                                   \
        {"memory", OPTION_U64, (base) + offsetof(LimitOptions, memory)},                           \
                {"memory-swap", OPTION_U64, (base) + offsetof(LimitOptions, memory_swap)},         \
                {"cpus", OPTION_DOUBLE, (base) + offsetof(LimitOptions, cpus)},                    \
                {"cpu-shares", OPTION_U64, (base) + offsetof(LimitOptions, cpu_shares)},           \
                {"cpuset", OPTION_STRING, (base) + offsetof(LimitOptions, cpuset)}, {              \
                "pids", OPTION_U64, (base) + offsetof(LimitOptions, pids)                          \
        }

/* Merges what was asked for into `limits`; `update`: 0 is refused, since a limit cannot be lifted.
 * Return: 0 or a negative errno with `error` set. */
int limits_apply(const LimitOptions *options, bool update, Limits *limits, sd_bus_error *error);

/* For a user other than root: what was not said becomes the default or the ceiling. */
void limits_default(const Config *config, const LimitOptions *options, Limits *limits);

/* Whether a limit, 0 for none, is above its ceiling, 0 for none. */
bool limit_exceeds(double value, double ceiling);

/* Whether these limits are above a ceiling, or none at all where there is one. */
bool limits_exceed(const Config *config, const Limits *limits);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Options that give a container a health check, or change what its image says of it. */

#include "daemon/options.h"
#include "store/health-check.h"

typedef struct HealthOptions {
        char **command; /* NULL: not given */
        /* µs; HEALTH_DURATION_UNSET: not given */
        uint64_t interval, timeout, start_period, start_interval;
        uint32_t retries; /* 0: not given */
        bool none;        /* the image's is not wanted */
} HealthOptions;

#define HEALTH_OPTIONS_INIT                                                                        \
        ((HealthOptions){.interval = HEALTH_DURATION_UNSET,                                        \
                         .timeout = HEALTH_DURATION_UNSET,                                         \
                         .start_period = HEALTH_DURATION_UNSET,                                    \
                         .start_interval = HEALTH_DURATION_UNSET})

/* For an option table; `base`: where the HealthOptions lie in the structure. */
#define HEALTH_OPTION_LINES(base)                                                                  \
        {"health-command", OPTION_STRV, (base) + offsetof(HealthOptions, command)},                \
                {"health-interval", OPTION_U64, (base) + offsetof(HealthOptions, interval)},       \
                {"health-timeout", OPTION_U64, (base) + offsetof(HealthOptions, timeout)},         \
                {"health-start-period", OPTION_U64,                                                \
                 (base) + offsetof(HealthOptions, start_period)},                                  \
                {"health-start-interval", OPTION_U64,                                              \
                 (base) + offsetof(HealthOptions, start_interval)},                                \
                {"health-retries", OPTION_U32, (base) + offsetof(HealthOptions, retries)}, {       \
                "health-none", OPTION_BOOL, (base) + offsetof(HealthOptions, none)                 \
        }

/* Return: 0 or a negative errno with `error` set. */
int health_options_check(const HealthOptions *options, sd_bus_error *error);

/* The image's check with what was asked for, and what is usual for the rest. Return: 0 or -ENOMEM. */
int health_options_apply(const HealthOptions *options, const HealthCheck *image, HealthCheck *ret);

/* Each check costs the host a process. Refuses what a user other than root has asked for too often, and makes rarer what
 * an image says. Return: 0 or a negative errno with `error` set. */
int health_options_limit(const HealthOptions *options, HealthCheck *check, sd_bus_error *error);

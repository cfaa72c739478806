/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How it is found out whether what runs in a container works: a command that is executed in it again and again. */

#include <stdint.h>

#include "shared/error.h"
#include "shared/json.h"

#define HEALTH_DURATION_UNSET UINT64_MAX

typedef struct HealthCheck {
        char **command;          /* NULL: none */
        uint64_t interval;       /* µs between the end of one and the next, and before the first */
        uint64_t timeout;        /* µs after which one has failed */
        uint64_t start_period;   /* µs from the start in which failures do not count */
        uint64_t start_interval; /* instead of `interval` in this time */
        uint32_t retries;        /* so many failures in a row mean that it is unhealthy */
} HealthCheck;

typedef enum HealthStatus {
        HEALTH_NONE, /* there is no check, or the container does not run */
        HEALTH_STARTING,
        HEALTH_HEALTHY,
        HEALTH_UNHEALTHY,
        _HEALTH_STATUS_MAX,
} HealthStatus;

const char *health_status_to_string(HealthStatus status);
/* Return: 0 or -EINVAL. */
int health_status_from_string(const char *s, HealthStatus *ret);

void health_check_done(HealthCheck *check);

/* *ret is NULL for none. Return: 0, -ENOMEM or, for what is no check, -EBADMSG. */
int health_check_to_json(const HealthCheck *check, Json **ret);
int health_check_from_json(Json *json, HealthCheck *ret);

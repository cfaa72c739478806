/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/health-options.h"
#include "daemon/errors.h"

/* Docker's. */
#define INTERVAL_DEFAULT (30ULL * 1000 * 1000)
#define TIMEOUT_DEFAULT (30ULL * 1000 * 1000)
#define START_INTERVAL_DEFAULT (5ULL * 1000 * 1000)
#define RETRIES_DEFAULT 3

/* What keeps the service from being busy with nothing else, and a year. */
#define DURATION_MIN (100ULL * 1000)
#define USER_INTERVAL_MIN (1000ULL * 1000)
#define DURATION_MAX (365ULL * 24 * 3600 * 1000 * 1000)

static int check_duration(const char *key, uint64_t value, uint64_t min, sd_bus_error *error) {
        if (value != HEALTH_DURATION_UNSET && (value < min || value > DURATION_MAX))
                return sd_bus_error_setf(error, ERROR_INVALID_ARGS,
                                         "Option %s is not between %llu µs and a year", key,
                                         (unsigned long long)min);
        return 0;
}

int health_options_check(const HealthOptions *o, sd_bus_error *error) {
        if (o->none &&
            (o->command || o->retries != 0 || o->interval != HEALTH_DURATION_UNSET ||
             o->timeout != HEALTH_DURATION_UNSET || o->start_period != HEALTH_DURATION_UNSET ||
             o->start_interval != HEALTH_DURATION_UNSET))
                return sd_bus_error_set(
                        error, ERROR_INVALID_ARGS,
                        "Option health-none cannot be combined with others of health");
        if (o->command && strv_length(o->command) == 0)
                return sd_bus_error_set(error, ERROR_INVALID_ARGS,
                                        "Option health-command is empty");
        TRY(check_duration("health-interval", o->interval, DURATION_MIN, error));
        TRY(check_duration("health-timeout", o->timeout, DURATION_MIN, error));
        TRY(check_duration("health-start-interval", o->start_interval, DURATION_MIN, error));
        return check_duration("health-start-period", o->start_period, 0, error);
}

/* What an image says is bounded, not refused: it has been made by somebody else. */
static uint64_t choose(uint64_t asked, uint64_t image, uint64_t usual, uint64_t min) {
        uint64_t value = asked != HEALTH_DURATION_UNSET ? asked : image;

        if (value == HEALTH_DURATION_UNSET || value == 0)
                return usual;
        return MIN(MAX(value, min), DURATION_MAX);
}

int health_options_apply(const HealthOptions *o, const HealthCheck *image, HealthCheck *ret) {
        char *const *command = o->command ?: image->command;

        if (o->none || !command)
                return 0;
        ret->command = strv_copy(command);
        if (!ret->command)
                return -ENOMEM;
        ret->interval = choose(o->interval, image->interval, INTERVAL_DEFAULT, DURATION_MIN);
        ret->timeout = choose(o->timeout, image->timeout, TIMEOUT_DEFAULT, DURATION_MIN);
        ret->start_period = choose(o->start_period, image->start_period, 0, 0);
        /* A short interval is for the beginning, too. */
        ret->start_interval = choose(o->start_interval, image->start_interval,
                                     MIN(START_INTERVAL_DEFAULT, ret->interval), DURATION_MIN);
        ret->retries = o->retries ?: image->retries ?: RETRIES_DEFAULT;
        return 0;
}

static int limit(const char *key, uint64_t asked, uint64_t *interval, sd_bus_error *error) {
        if (asked != HEALTH_DURATION_UNSET && asked < USER_INTERVAL_MIN)
                return sd_bus_error_setf(
                        error, ERROR_LIMITS_EXCEEDED,
                        "Option %s: a user other than root has checks once a second at most", key);
        *interval = MAX(*interval, USER_INTERVAL_MIN);
        return 0;
}

int health_options_limit(const HealthOptions *o, HealthCheck *check, sd_bus_error *error) {
        TRY(limit("health-interval", o->interval, &check->interval, error));
        return limit("health-start-interval", o->start_interval, &check->start_interval, error);
}

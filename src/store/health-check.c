/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/health-check.h"
#include "shared/strutil.h"

static const char *const status_names[_HEALTH_STATUS_MAX] = {
        [HEALTH_NONE] = "none",
        [HEALTH_STARTING] = "starting",
        [HEALTH_HEALTHY] = "healthy",
        [HEALTH_UNHEALTHY] = "unhealthy",
};

const char *health_status_to_string(HealthStatus status) {
        return status_names[status];
}

int health_status_from_string(const char *s, HealthStatus *ret) {
        for (int i = 0; i < _HEALTH_STATUS_MAX; i++)
                if (streq(status_names[i], s)) {
                        *ret = (HealthStatus)i;
                        return 0;
                }
        return -EINVAL;
}

void health_check_done(HealthCheck *check) {
        strv_free(check->command);
        *check = (HealthCheck){};
}

int health_check_to_json(const HealthCheck *check, Json **ret) {
        _cleanup_json_ Json *json = NULL;

        *ret = NULL;
        if (!check->command)
                return 0;
        json = json_object_new_object();
        if (!json)
                return -ENOMEM;
        TRY(json_add_strv(json, "command", check->command));
        TRY(json_add_u64(json, "interval", check->interval));
        TRY(json_add_u64(json, "timeout", check->timeout));
        TRY(json_add_u64(json, "start-period", check->start_period));
        TRY(json_add_u64(json, "start-interval", check->start_interval));
        TRY(json_add_u64(json, "retries", check->retries));
        *ret = TAKE_PTR(json);
        return 0;
}

int health_check_from_json(Json *json, HealthCheck *ret) {
        TRY(json_get_strv(json, "command", &ret->command));
        TRY(json_get_u64(json, "interval", &ret->interval));
        TRY(json_get_u64(json, "timeout", &ret->timeout));
        TRY(json_get_u64(json, "start-period", &ret->start_period));
        ret->start_interval = ret->interval;
        TRY(json_get_u64(json, "start-interval", &ret->start_interval));
        TRY(json_get_u32(json, "retries", &ret->retries));
        return strv_length(ret->command) > 0 && ret->interval > 0 && ret->start_interval > 0 &&
                               ret->timeout > 0 && ret->retries > 0 ?
                       0 :
                       -EBADMSG;
}

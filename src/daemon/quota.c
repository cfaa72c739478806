/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/quota.h"
#include "daemon/errors.h"

int quota_check_count(uid_t uid, const char *key, uint64_t used, uint64_t max,
                      sd_bus_error *error) {
        if (uid == 0 || max == 0 || used < max)
                return 0;
        return sd_bus_error_setf(error, ERROR_LIMITS_EXCEEDED,
                                 "User %u has all that %s allows: %llu", uid, key,
                                 (unsigned long long)max);
}

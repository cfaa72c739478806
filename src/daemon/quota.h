/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a user other than root may have at once, by the keys "user-…-max" of daemon.json. Over it a call is
 * refused with LimitsExceeded, whose message names the key. */

#include "daemon/manager.h"

/* Whether the user, who has `used` of something, may have one more; `key` names it, a `max` of 0 is no bound.
 * Return: 0 or a negative errno with `error` set. */
int quota_check_count(uid_t uid, const char *key, uint64_t used, uint64_t max, sd_bus_error *error);

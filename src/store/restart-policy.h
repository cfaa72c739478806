/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* When a container is started again that has ended, in the words that people use for it. */

#include <stdint.h>

typedef enum RestartKind {
        RESTART_NO,
        RESTART_ON_FAILURE, /* when it ended with another status than 0 */
        RESTART_ALWAYS,
        RESTART_UNLESS_STOPPED, /* as always, but somebody's wish to stop it outlives the daemon */
        _RESTART_KIND_MAX,
} RestartKind;

typedef struct RestartPolicy {
        RestartKind kind;
        uint32_t max; /* of RESTART_ON_FAILURE: how often in a row; 0: without limit */
} RestartPolicy;

/* Reads "no", "on-failure", "on-failure:N", "always" or "unless-stopped". Return: 0 or -EINVAL. */
int restart_policy_parse(const char *s, RestartPolicy *ret);

/* Return: the same as text, to be freed, or NULL when out of memory. */
char *restart_policy_format(RestartPolicy policy);

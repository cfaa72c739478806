/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/restart-policy.h"
#include "shared/strutil.h"

static const char *const names[_RESTART_KIND_MAX] = {
        [RESTART_NO] = "no",
        [RESTART_ON_FAILURE] = "on-failure",
        [RESTART_ALWAYS] = "always",
        [RESTART_UNLESS_STOPPED] = "unless-stopped",
};

int restart_policy_parse(const char *s, RestartPolicy *ret) {
        const char *max = startswith(s, "on-failure:");

        *ret = (RestartPolicy){};
        if (max) {
                ret->kind = RESTART_ON_FAILURE;
                return parse_u32(max, &ret->max) < 0 ? -EINVAL : 0;
        }
        for (int i = 0; i < _RESTART_KIND_MAX; i++)
                if (streq(names[i], s)) {
                        ret->kind = (RestartKind)i;
                        return 0;
                }
        return -EINVAL;
}

char *restart_policy_format(RestartPolicy policy) {
        return policy.max > 0 ? strf("%s:%u", names[policy.kind], policy.max) :
                                strdup(names[policy.kind]);
}

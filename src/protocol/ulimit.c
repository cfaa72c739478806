/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "protocol/ulimit.h"
#include "shared/error.h"
#include "shared/strutil.h"

static const struct {
        const char *name;
        int resource;
} names[] = {
        {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
        {"data", RLIMIT_DATA},         {"fsize", RLIMIT_FSIZE},
        {"locks", RLIMIT_LOCKS},       {"memlock", RLIMIT_MEMLOCK},
        {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
        {"nofile", RLIMIT_NOFILE},     {"nproc", RLIMIT_NPROC},
        {"rss", RLIMIT_RSS},           {"rtprio", RLIMIT_RTPRIO},
        {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
        {"stack", RLIMIT_STACK},
};

static int parse_value(const char *s, rlim_t *ret) {
        uint64_t value;

        if (streq(s, "-1") || streq(s, "unlimited")) {
                *ret = RLIM_INFINITY;
                return 0;
        }
        if (parse_u64(s, &value) < 0)
                return -EINVAL;
        *ret = value;
        return 0;
}

int ulimit_parse(const char *s, Ulimit *ret) {
        size_t n = strcspn(s, "="), i = 0;
        _cleanup_strv_free_ char **values = NULL;

        while (i < ELEMENTSOF(names) &&
               !(strlen(names[i].name) == n && strncmp(names[i].name, s, n) == 0))
                i++;
        if (i == ELEMENTSOF(names) || !s[n])
                return -EINVAL;
        values = strv_split(s + n + 1, ':');
        if (!values)
                return -ENOMEM;
        if (strv_length(values) < 1 || strv_length(values) > 2)
                return -EINVAL;
        ret->resource = names[i].resource;
        TRY(parse_value(values[0], &ret->limit.rlim_cur));
        ret->limit.rlim_max = ret->limit.rlim_cur;
        if (values[1])
                TRY(parse_value(values[1], &ret->limit.rlim_max));
        return ret->limit.rlim_cur > ret->limit.rlim_max ? -EINVAL : 0;
}

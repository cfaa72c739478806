/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/quota.h"
#include "daemon/errors.h"
#include "daemon/exec.h"
#include "daemon/limit-options.h"
#include "daemon/process.h"
#include "daemon/worker-client.h"

int quota_check_count(uid_t uid, const char *key, uint64_t used, uint64_t max,
                      sd_bus_error *error) {
        if (uid == 0 || max == 0 || used < max)
                return 0;
        return sd_bus_error_setf(error, ERROR_LIMITS_EXCEEDED,
                                 "User %u has all that %s allows: %llu", uid, key,
                                 (unsigned long long)max);
}

int quota_check_streams(Manager *m, uid_t uid, sd_bus_error *error) {
        uint64_t n = workers_of(m, uid) + exec_count(m, uid);

        LIST_FOREACH(c, m->container_list, links)
        LIST_FOREACH(p, c->processes, links)
        n += p->owner == uid;
        return quota_check_count(uid, "user-streams-max", n, m->config.user_streams_max, error);
}

/* One kind of limit, and what a user's containers have of it together. */
typedef struct Sum {
        const char *key;
        double max, ceiling, value;
} Sum;

static void add(Sum *sum, double limit) {
        if (sum->max == 0 || limit_exceeds(limit, sum->ceiling))
                return;
        /* What has no limit may take all. */
        sum->value += limit > 0 ? limit : sum->max;
}

int quota_check_limits(Manager *m, uid_t uid, const Container *c, const Limits *limits, Error *e) {
        const Config *config = &m->config;
        Sum sums[] = {
                {"user-memory-max", (double)config->user_memory_max, (double)config->ceiling_memory,
                 0},
                {"user-cpus-max", config->user_cpus_max, config->ceiling_cpus, 0},
                {"user-pids-max", (double)config->user_pids_max, (double)config->ceiling_pids, 0},
        };

        if (uid == 0)
                return 0;
        LIST_FOREACH(other, m->container_list, links) {
                const Limits *theirs = &other->record->spec->limits;

                if (other == c || other->record->owner != uid ||
                    !(container_is_up(other) || other->starting))
                        continue;
                add(&sums[0], (double)theirs->memory);
                add(&sums[1], theirs->cpus);
                add(&sums[2], (double)theirs->pids);
        }
        add(&sums[0], (double)limits->memory);
        add(&sums[1], limits->cpus);
        add(&sums[2], (double)limits->pids);
        for (size_t i = 0; i < ELEMENTSOF(sums); i++)
                if (sums[i].value > sums[i].max)
                        return error_set(e, EDQUOT, "quota",
                                         "User %u's containers would have %.10g together, "
                                         "%s allows %.10g",
                                         uid, sums[i].value, sums[i].key, sums[i].max);
        return 0;
}

int quota_check_disk(Manager *m, uid_t uid, Error *e) {
        uint64_t max = m->config.user_disk_max, used;

        if (uid == 0 || max == 0)
                return 0;
        used = disk_usage(m, uid);
        if (used < max)
                return 0;
        return error_set(e, EDQUOT, "quota",
                         "User %u has %llu bytes on disk, user-disk-max allows %llu", uid,
                         (unsigned long long)used, (unsigned long long)max);
}

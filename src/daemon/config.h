/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The daemon's settings: directories from the command line, the rest from daemon.json. */

#include <stdbool.h>
#include <stdint.h>

#include "shared/error.h"

typedef struct Config {
        char *state_dir;
        char *runtime_dir;
        char *libexec_dir;

        char *cgroup_parent; /* for a supervisor that the daemon starts */
        uint64_t id_range_start;
        uint64_t id_range_count;
        uint64_t log_max_size; /* bytes */

        /* What a container of a user other than root may have without asking for more; 0 is no bound. */
        uint64_t ceiling_memory; /* bytes */
        double ceiling_cpus;
        uint64_t ceiling_pids;
        uint64_t default_memory; /* gets who asks for none; it is the ceiling with the others */

        /* For each user other than root. */
        uint64_t user_containers_max;
        uint64_t user_jobs_max;
        uint64_t user_memory_max; /* bytes, of containers that run, together */
        double user_cpus_max;
        uint64_t user_pids_max;
        uint64_t user_disk_max; /* bytes */
        uint64_t user_streams_max;
        uint64_t user_checks_max;     /* answers of polkit that are waited for */
        uint64_t user_calls_max;      /* calls that wait until something ends */
        uint64_t disk_check_interval; /* seconds */
} Config;

void config_done(Config *config);

/* The defaults, with the directories of an installation. Return: 0 or -ENOMEM. */
int config_init(Config *config);

/* Reads a configuration over what is set. Without the file nothing changes if it is `optional`.
 * Return: 0 or a negative errno; the error names the key. */
int config_read(Config *config, const char *path, bool optional, Error *e);

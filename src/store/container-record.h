/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is kept of a container, containers/ID/config.json. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/spec.h"
#include "shared/json.h"
#include "store/health-check.h"
#include "store/restart-policy.h"

/* SIGTERM. */
#define STOP_SIGNAL_DEFAULT 15

#define ENTRYPOINT_WORDS_UNKNOWN UINT32_MAX

/* What survives in the record of a container's state; the finer states are the daemon's. */
typedef enum RecordState {
        RECORD_CREATED, /* never started */
        RECORD_RUNNING, /* started; if nobody knows of it any more, it ended unseen */
        RECORD_EXITED,
        _RECORD_STATE_MAX,
} RecordState;

typedef struct ContainerRecord {
        ContainerSpec *spec;
        uid_t owner;
        char *name;
        char *image; /* as it was named */
        char image_id[ID_LENGTH + 1];
        Json *labels; /* strings; never NULL */
        /* How many words of the command line are the entry point, the rest is the command; older records do not say. */
        uint32_t entrypoint_words;
        int stop_signal;
        unsigned stop_timeout; /* s */
        bool auto_remove;
        bool paused; /* somebody asked for it */
        RestartPolicy restart;
        uint32_t restart_count; /* by the policy, since somebody started it */
        bool restarting;        /* it will be started again soon */
        bool stopped;           /* somebody asked for it, after it was started */
        HealthCheck health_check;
        HealthStatus health_status;
        uint32_t health_failures; /* in a row */
        RecordState state;
        uint64_t created_at, started_at, finished_at; /* µs, realtime; 0: never */
        int exit_code;                                /* -1: none, or nobody saw it */
        bool oom_killed;
        char *error; /* why the last start failed; NULL if it did not */
} ContainerRecord;

/* Return: an empty record, or NULL when out of memory. */
ContainerRecord *container_record_new(void);
ContainerRecord *container_record_free(ContainerRecord *record);
DEFINE_CLEANUP(ContainerRecord *, container_record_free)

/* Return: 0, -ENOMEM or, for what is not such a record, -EBADMSG. */
int container_record_to_json(const ContainerRecord *record, Json **ret);
int container_record_from_json(Json *json, ContainerRecord **ret);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The arguments of Run and Create, as the caller gave them. */

#include "daemon/health-options.h"
#include "daemon/limit-options.h"
#include "daemon/options.h"
#include "store/restart-policy.h"

typedef struct RunOptions {
        char *image;
        char **command;

        char *name, *hostname;
        Json *labels;
        char **entrypoint, **env;
        char *workdir, *user;
        int stop_signal;       /* 0: not given */
        uint32_t stop_timeout; /* s */
        char *restart;         /* NULL: "no" */
        bool auto_remove;

        bool tty;
        uint16_t rows, columns;
        bool open_stdin, stdin_once;
        int streams[3]; /* -EBADF: not given */
        int attach[2];  /* pipes for a copy of standard output and standard error */
        char *log_driver, *log_tag;
        uint64_t log_max_size; /* UINT64_MAX: not given */

        VolumeOptions volumes;
        VolumeOptions devices;
        char **tmpfs;
        bool read_only;

        LimitOptions limits;
        char **ulimits;

        bool init;
        HealthOptions health;
        char *network, *userns;
        char **cap_add, **cap_drop;
        char *seccomp;
        bool no_new_privileges;
} RunOptions;

#define RUN_OPTIONS_INIT                                                                           \
        ((RunOptions){.streams = {-EBADF, -EBADF, -EBADF}, .attach = {-EBADF, -EBADF}})

void run_options_done(RunOptions *options);

/* Reads and checks the message's arguments, as far as that is possible without looking anything up.
 * Return: 0 or a negative errno with `error` set. */
int run_options_read(sd_bus_message *message, bool create, RunOptions *ret, sd_bus_error *error);

/* Whether the options leave the safe profile: what root in the container could do on the host then is
 * more than its caller may. */
bool run_options_privileged(const RunOptions *options);

/* Reads a restart policy, which cannot be had together with `auto_remove`. Return: 0 or a negative errno with
 * `error` set. */
int restart_option_parse(const char *value, bool auto_remove, RestartPolicy *ret,
                         sd_bus_error *error);

/* Checks `env`, `workdir`, `user`, and sizes given without a terminal, for Exec too. */
int process_options_check(char *const *env, const char *workdir, const char *user, bool tty,
                          uint16_t rows, uint16_t columns, const int streams[static 3],
                          bool open_stdin, sd_bus_error *error);

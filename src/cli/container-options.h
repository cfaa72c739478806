/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The options that describe a new container, which run and create share. */

#include "cli/client.h"

typedef struct ContainerOptions {
        bool interactive, tty, remove;
        const char *name, *cidfile, *detach_keys;
        char **env, **env_files, **labels, **label_files, **volumes, **tmpfs, **cap_add, **cap_drop,
                **security, **log_options, **ulimits, **devices;
        const char *hostname, *user, *workdir, *entrypoint, *cpuset, *network, *userns, *restart,
                *log_driver;
        bool read_only, init, no_health_check, privileged;
        uint64_t memory, memory_swap, cpu_shares, cpu_percent, pids, stop_timeout;
        double cpus;
        int stop_signal;
        const char *health_command, *pull;
        uint64_t health_interval, health_timeout, health_start_period, health_start_interval,
                health_retries;
} ContainerOptions;

extern ContainerOptions container_options;
extern const Option container_option_table[];

/* A number of processors, as "1.5" [double]; a limit of which -1 means none [uint64_t]: 0. */
int option_cpus(const char *value, void *target);
int option_limit(const char *value, void *target);
int option_size_limit(const char *value, void *target);

/* Begins a call of Run or Create for `operands` (image, command): all but what concerns the streams. The options
 * are still open. */
int container_options_call(Client *client, const char *member, char **operands,
                           sd_bus_message **ret);

/* Adds that standard input is kept open for whoever attaches; `once`: until the first one has closed it. Return: 0 or a
 * negative errno. */
int container_options_open_stdin(sd_bus_message *call, bool once);

/* Closes the options and sends the call. The new container's path ends up in *ret, and its id in --cidfile. */
int container_options_send(Client *client, sd_bus_message *call, char **operands, char **ret);

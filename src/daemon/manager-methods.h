/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Methods of org.mydocker.Manager that have files of their own; their userdata is the Manager. */

#include <systemd/sd-bus.h>

/* run.c */
int manager_method_run(sd_bus_message *message, void *userdata, sd_bus_error *error);
int manager_method_create(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* import.c */
int manager_method_import(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* prune.c */
int manager_method_prune(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* disk-usage.c */
int manager_method_get_disk_usage(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* permissions.c */
int manager_method_get_permissions(sd_bus_message *message, void *userdata, sd_bus_error *error);

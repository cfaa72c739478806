/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The methods of org.mydocker.Container, by what they are about; container-dbus.c puts them into the
 * vtable. All are sd_bus_message_handler_t, their userdata is the Container. */

#include "daemon/call.h"

/* container-lifecycle-dbus.c */
int container_method_start(sd_bus_message *message, void *userdata, sd_bus_error *error);
int container_method_stop(sd_bus_message *message, void *userdata, sd_bus_error *error);
int container_method_kill(sd_bus_message *message, void *userdata, sd_bus_error *error);
int container_method_restart(sd_bus_message *message, void *userdata, sd_bus_error *error);
int container_method_wait(sd_bus_message *message, void *userdata, sd_bus_error *error);
int container_method_remove(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* container-change-dbus.c */
int container_method_pause(sd_bus_message *message, void *userdata, sd_bus_error *error);
int container_method_resume(sd_bus_message *message, void *userdata, sd_bus_error *error);
int container_method_rename(sd_bus_message *message, void *userdata, sd_bus_error *error);
int container_method_update(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* container-exec-dbus.c */
int container_method_exec(sd_bus_message *message, void *userdata, sd_bus_error *error);
int container_method_exec_collect(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* container-attach-dbus.c */
int container_method_attach(sd_bus_message *message, void *userdata, sd_bus_error *error);
int container_method_resize(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* container-logs-dbus.c */
int container_method_open_logs(sd_bus_message *message, void *userdata, sd_bus_error *error);
int container_method_read_logs(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* container-inspect-dbus.c */
int container_method_get_stats(sd_bus_message *message, void *userdata, sd_bus_error *error);
int container_method_get_processes(sd_bus_message *message, void *userdata, sd_bus_error *error);
int container_method_get_config(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* container-view-dbus.c */
int container_method_mount(sd_bus_message *message, void *userdata, sd_bus_error *error);
int container_method_unmount(sd_bus_message *message, void *userdata, sd_bus_error *error);
int container_method_export(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* container-copy-dbus.c */
int container_method_copy_out(sd_bus_message *message, void *userdata, sd_bus_error *error);
int container_method_copy_in(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* container-changes-dbus.c */
int container_method_get_changes(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* commit-dbus.c */
int container_method_commit(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* Checks that the container is up and, unless `paused_too`, not paused. Return: 0 or a negative errno
 * with `error` set. */
int container_check_up(const Container *c, bool paused_too, sd_bus_error *error);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What stands in a container's /dev: bind mounts of the host's devices, and links. Called by the process that becomes
 * the container's, before it gives up the host's tree. */

#include "protocol/spec.h"
#include "runtime/terminal.h"

#define N_DEVICES 6

/* Opens the host's devices, checks that they are what their names say, and makes a detached mount of each.
 * Error stage "mount". Return: 0 or a negative errno. */
int devices_open(int ret[static N_DEVICES], Error *e);

/* Attaches the devices in `dev`, the root directory of the container's own /dev, and makes the links there. */
int devices_attach(int dev, const int devices[static N_DEVICES], Error *e);

/* In the supervisor: makes a file system with a node for each device of the spec, "0", "1"…, as `sources` (O_PATH) are
 * on the host, but for the owner: that is the container's root, `owner` on the host, since the host's users are nobody in
 * there. Error stage "device". Return: a detached mount or a negative errno. */
int device_nodes_make(const ContainerSpec *spec, const int *sources, uid_t owner, Error *e);

/* In the process: attaches that at `name` in `dir`, and makes a detached mount of each node. */
int device_nodes_clone(const ContainerSpec *spec, int nodes, int dir, const char *name, int *ret,
                       Error *e);

/* Attaches the terminal of the container's devpts as `dev`/console. */
int device_attach_console(int dev, int devpts, const Terminal *terminal, Error *e);

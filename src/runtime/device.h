/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What stands in a container's /dev: bind mounts of the host's devices, and links. Called by the process that becomes
 * the container's, before it gives up the host's tree. */

#include "runtime/terminal.h"

#define N_DEVICES 6

/* Opens the host's devices, checks that they are what their names say, and makes a detached mount of each.
 * Error stage "mount". Return: 0 or a negative errno. */
int devices_open(int ret[static N_DEVICES], Error *e);

/* Attaches the devices in `dev`, the root directory of the container's own /dev, and makes the links there. */
int devices_attach(int dev, const int devices[static N_DEVICES], Error *e);

/* Attaches the terminal of the container's devpts as `dev`/console. */
int device_attach_console(int dev, int devpts, const Terminal *terminal, Error *e);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* User namespaces: their id maps, and namespaces that exist only to describe an idmapped mount. */

#include <stdint.h>
#include <sys/types.h>

#include "runtime/runtime.h"

/* `count` ids from `inside` on, as they are called in the namespace, are those from `outside` on in the
 * supervisor's. */
typedef struct IdMap {
        uint32_t inside;
        uint32_t outside;
        uint32_t count;
} IdMap;

/* Writes the maps of a process that has just been made in a new user namespace. Return: 0 or a negative errno. */
int userns_write_maps(const Runtime *runtime, pid_t pid, IdMap uids, IdMap gids);

/* Opens a process's user namespace. The caller holds the process: it is its unreaped child, or has checked its
 * pidfd afterwards. Return: a descriptor or a negative errno. */
int userns_open(const Runtime *runtime, pid_t pid);

/* Makes a user namespace with these maps and nothing in it. Return: a descriptor or a negative errno. */
int userns_make(const Runtime *runtime, IdMap uids, IdMap gids);

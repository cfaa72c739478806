/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The file descriptor based mount interface of Linux 5.2 and later: a mount is made detached, gets its attributes,
 * and is moved to where it belongs; no path is resolved twice. All return 0 or a descriptor (CLOEXEC, the
 * caller's), or a negative errno. */

#include <stdbool.h>
#include <stdint.h>

#include "shared/error.h"

/* A mount option; a NULL value makes it a flag. An array ends with a NULL key. */
typedef struct MountOption {
        const char *key;
        const char *value;
} MountOption;

/* A new instance of a file system, mounted nowhere. `attributes`: MOUNT_ATTR_…; `options` may be NULL. */
int mount_new(const char *type, const MountOption *options, uint64_t attributes);

/* A bind mount of what `fd` refers to, mounted nowhere; `fd` has to lie in the current mount namespace. */
int mount_clone(int fd, bool recursive);

/* Sets MOUNT_ATTR_… attributes on a mount (and, `recursive`, on all below it) and makes it private. With
 * `userns` ≥ 0 it is also idmapped with that user namespace. */
int mount_set_attributes(int mount, uint64_t attributes, int userns, bool recursive);

/* Attaches a mount on `name` in `dir` ("" for `dir` itself, which may then be a file). No link is followed. */
int mount_attach(int mount, int dir, const char *name);

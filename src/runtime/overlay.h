/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The root file system of a container: an overlay of its image's layers and its own upper directory, mounted
 * nowhere. With a user namespace all layers are idmapped into it, so that ids on disk are the container's. */

#include <stdbool.h>
#include <stdint.h>

#include "runtime/runtime.h"

typedef struct OverlaySpec {
        const char
                *container; /* id; its upper/ and work/ are used. NULL: none, a read-only overlay */
        bool may_be_read_only; /* rather than an error, when the kernel can't write to upper/ */
        char *const *layers;   /* ids, the lowest first, at least one */
        int userns;            /* the container's, or -EBADF: ids as they are on disk */
        uint32_t id_base;      /* host's id of root in `userns` */
} OverlaySpec;

/* Mounts it. Return: a descriptor of the mount or a negative errno, error stage "overlay". */
int overlay_mount(Runtime *runtime, const OverlaySpec *spec, Error *e);

/* Finds out, by trying in a temporary directory below the state directory, what overlay can do here. An overlay
 * that doesn't work at all is an error. When the disk is full, what was found the last time with this kernel is
 * taken instead. */
int overlay_probe(Runtime *runtime, Features *ret, Error *e);

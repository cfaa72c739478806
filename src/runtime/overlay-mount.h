/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The two ways to make an overlay, behind overlay.h. */

#include "runtime/overlay.h"

/* Where the layers are: two mounts that are attached nowhere, idmapped already. */
typedef struct OverlaySource {
        int layers;    /* the directory "layers"; layer ID is ID/diff in it */
        int container; /* the container's directory with upper/ and work/, or -EBADF */
        char *const *ids;
        uint32_t id_base; /* root's id in the maps of the mounts; 0: not idmapped */
} OverlaySource;

/* By descriptors, detached mounts as layers; from kernel 6.15 on. EINVAL below. */
int overlay_mount_fds(const OverlaySource *source, Error *e);

/* By paths and mount(2), for older kernels: the mounts are attached for a moment, on the directory `staging` of the
 * private mount namespace. */
int overlay_mount_paths(const OverlaySource *source, int staging, Error *e);

/* Sets the file system ids that overlay has to be made with: its work directory is made with them, and when the
 * idmapped mount doesn't map them, overlay turns read-only without a word. Capabilities are kept.
 * overlay_ids_leave() undoes it, and doesn't return when it can't. */
int overlay_ids_enter(uint32_t id);
void overlay_ids_leave(void);

/* The options that make a layer stand alone, so that it can become part of any image. */
#define OVERLAY_OPTIONS "index=off,metacopy=off,redirect_dir=nofollow,xino=auto"

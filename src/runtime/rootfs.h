/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The mounts of a container, in the order in which its first process makes them: what needs no root file system yet
 * is made detached while the supervisor still mounts the overlay, then all is attached, then the host's tree goes.
 * Each function sets the error of stage "mount" (volumes: "volume"); returns 0 or a negative errno. Nothing is closed
 * or undone on failure: the process ends. */

#include "protocol/spec.h"
#include "runtime/device.h"

enum {
        FS_STAGING, /* in the host's tree, away with it: source of /etc files and empty directories */
        FS_PROC,
        FS_SYS,
        FS_DEV,
        FS_PTS,
        FS_SHM,
        FS_MQUEUE,
        _FS_MAX,
};

typedef struct Rootfs {
        int root; /* directory at the top of the container's tree */
        int fs[_FS_MAX];
        int devices[N_DEVICES];
        int null; /* the container's null device, opened once that is attached; also masks files */
} Rootfs;

/* How many mounts the supervisor makes: the root file system, the volumes, and, if there are devices, one for all of them. */
size_t rootfs_count_mounts(const ContainerSpec *spec);

/* Makes the kernel's file systems and the device mounts, attached nowhere but the staging one. */
int rootfs_prepare(Rootfs *rootfs, const ContainerSpec *spec, Error *e);

/* Attaches the overlay `root` above the host's tree, and everything prepared in it. */
int rootfs_attach(Rootfs *rootfs, int root, Error *e);

/* Masks what no container should read and makes read-only what it should not write in /proc and /sys. */
int rootfs_mask(const Rootfs *rootfs, Error *e);

/* Mounts the container's own cgroup at /sys/fs/cgroup, read-only; with cgroup v1 an empty directory. */
int rootfs_attach_cgroup(const Rootfs *rootfs, bool unified, Error *e);

/* Attaches the spec's tmpfs, its volumes and its devices: `volumes` are the mounts that the supervisor made after the
 * root file system. */
int rootfs_attach_volumes(const Rootfs *rootfs, const ContainerSpec *spec, const int *volumes,
                          Error *e);

/* Makes the container's tree the only one there is. */
int rootfs_pivot(const Rootfs *rootfs, bool read_only, Error *e);

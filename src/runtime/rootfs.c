/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <sys/stat.h>

#include "runtime/mount.h"
#include "runtime/place.h"
#include "runtime/rootfs.h"
#include "shared/fd.h"
#include "shared/strutil.h"
#include "shared/syscalls.h"

#define SAFE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* In the order of attaching. */
static const struct {
        const char *type;
        const char *name; /* in the parent */
        int parent;       /* an earlier one, or -1: the root file system */
        uint64_t attributes;
        MountOption options[5];
} filesystems[_FS_MAX] = {
        [FS_STAGING] = {"tmpfs", NULL, -1, SAFE, {{"mode", "0755"}, {"size", "1m"}}},
        [FS_PROC] = {"proc", "proc", -1, SAFE},
        [FS_SYS] = {"sysfs", "sys", -1, SAFE | MOUNT_ATTR_RDONLY},
        [FS_DEV] = {"tmpfs",
                    "dev",
                    -1,
                    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                    {{"mode", "0755"}, {"size", "64k"}}},
        [FS_PTS] = {"devpts",
                    "pts",
                    FS_DEV,
                    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                    {{"newinstance"}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}}},
        [FS_SHM] = {"tmpfs", "shm", FS_DEV, SAFE, {{"mode", "1777"}, {"size", "64m"}}},
        [FS_MQUEUE] = {"mqueue", "mqueue", FS_DEV, SAFE},
};

/* The same lists as podman's. Those that a kernel doesn't have are skipped. */
static const struct {
        int fs;
        const char *path;
} masked[] = {
        {FS_PROC, "acpi"},        {FS_PROC, "asound"},    {FS_PROC, "interrupts"},
        {FS_PROC, "kcore"},       {FS_PROC, "keys"},      {FS_PROC, "latency_stats"},
        {FS_PROC, "sched_debug"}, {FS_PROC, "scsi"},      {FS_PROC, "timer_list"},
        {FS_PROC, "timer_stats"}, {FS_SYS, "dev/block"},  {FS_SYS, "devices/virtual/powercap"},
        {FS_SYS, "firmware"},     {FS_SYS, "fs/selinux"},
};

static const char *const proc_read_only[] = {"bus", "fs", "irq", "sys", "sysrq-trigger"};

/* Below a kernel file system of our own; no link is followed, no mount is crossed. */
static int open_inside(int fs, const char *path) {
        int fd = sys_openat2(fs, path, O_PATH | O_NOFOLLOW, 0,
                             RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);

        return fd < 0 ? -errno : fd;
}

/* A sysfs of its own belongs to a network namespace; a container in the host's network sees the host's, read-only with
 * all that is mounted in it. */
static int clone_host_sys(void) {
        _cleanup_close_ int fd = open("/sys", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        _cleanup_close_ int mount = -EBADF;

        if (fd < 0)
                return -errno;
        mount = mount_clone(fd, true);
        if (mount < 0)
                return mount;
        TRY(mount_set_attributes(mount, SAFE | MOUNT_ATTR_RDONLY, -EBADF, true));
        return TAKE_FD(mount);
}

int rootfs_prepare(Rootfs *rootfs, const ContainerSpec *spec, Error *e) {
        int r;

        TRY(devices_open(rootfs->devices, e));
        for (int i = 0; i < _FS_MAX; i++) {
                r = rootfs->fs[i] = i == FS_SYS && spec->host_network ?
                                            clone_host_sys() :
                                            mount_new(filesystems[i].type, filesystems[i].options,
                                                      filesystems[i].attributes);
                if (r < 0)
                        return error_set(e, r, "mount", "making a %s", filesystems[i].type);
        }
        /* Attached, since older kernels clone only what is; where nothing is looked up any more, in a tree that
         * goes as a whole. */
        r = mount_attach(rootfs->fs[FS_STAGING], AT_FDCWD, "/dev");
        if (r < 0)
                return error_set(e, r, "mount", "attaching the staging directory");
        if (mkdirat(rootfs->fs[FS_STAGING], "empty", 0555) < 0)
                return error_set(e, errno, "mount", "making an empty directory");
        return 0;
}

int rootfs_attach(Rootfs *rootfs, int root, Error *e) {
        int r = mount_attach(root, AT_FDCWD, "/");

        if (r < 0)
                return error_set(e, r, "mount", "attaching the root file system");
        rootfs->root = root;
        for (int i = FS_PROC; i < _FS_MAX; i++) {
                const char *name = filesystems[i].name;

                if (filesystems[i].parent < 0) {
                        TRY(place_at_top(root, name, rootfs->fs[i], e));
                        continue;
                }
                r = mkdirat(rootfs->fs[filesystems[i].parent], name, 0755) < 0 ?
                            -errno :
                            mount_attach(rootfs->fs[i], rootfs->fs[filesystems[i].parent], name);
                if (r < 0)
                        return error_set(e, r, "mount", "mounting /dev/%s", name);
        }
        TRY(devices_attach(rootfs->fs[FS_DEV], rootfs->devices, e));
        rootfs->null = openat(rootfs->fs[FS_DEV], "null", O_RDWR | O_CLOEXEC | O_NOCTTY);
        return rootfs->null < 0 ? error_set(e, errno, "mount", "opening /dev/null") : 0;
}

/* A detached, read-only, empty directory. */
static int clone_empty(const Rootfs *rootfs) {
        _cleanup_close_ int fd = open_inside(rootfs->fs[FS_STAGING], "empty"), mount = -EBADF;

        if (fd < 0)
                return fd;
        mount = mount_clone(fd, false);
        if (mount < 0)
                return mount;
        TRY(mount_set_attributes(mount, SAFE | MOUNT_ATTR_RDONLY, -EBADF, false));
        return TAKE_FD(mount);
}

static int mask(const Rootfs *rootfs, int fs, const char *path) {
        _cleanup_close_ int fd = open_inside(rootfs->fs[fs], path), mount = -EBADF;
        struct stat st;

        /* ENOENT: not in this kernel. EXDEV, ELOOP: only in the host's /sys, where something else covers it. */
        if (fd < 0)
                return fd == -ENOENT || fd == -EXDEV ? 0 : fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        mount = S_ISDIR(st.st_mode) ? clone_empty(rootfs) : mount_clone(rootfs->null, false);
        return mount < 0 ? mount : mount_attach(mount, fd, "");
}

static int make_read_only(int fs, const char *path) {
        _cleanup_close_ int fd = open_inside(fs, path), mount = -EBADF;

        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        mount = mount_clone(fd, false);
        if (mount < 0)
                return mount;
        TRY(mount_set_attributes(mount, SAFE | MOUNT_ATTR_RDONLY, -EBADF, false));
        return mount_attach(mount, fd, "");
}

int rootfs_mask(const Rootfs *rootfs, Error *e) {
        int r;

        for (size_t i = 0; i < ELEMENTSOF(masked); i++) {
                r = mask(rootfs, masked[i].fs, masked[i].path);
                if (r < 0)
                        return error_set(e, r, "mount", "masking %s in /%s", masked[i].path,
                                         filesystems[masked[i].fs].name);
        }
        for (size_t i = 0; i < ELEMENTSOF(proc_read_only); i++) {
                r = make_read_only(rootfs->fs[FS_PROC], proc_read_only[i]);
                if (r < 0)
                        return error_set(e, r, "mount", "making /proc/%s read-only",
                                         proc_read_only[i]);
        }
        return 0;
}

int rootfs_attach_cgroup(const Rootfs *rootfs, bool unified, Error *e) {
        _cleanup_close_ int fd = -EBADF, mount = -EBADF;
        int r;

        /* The host's may have something mounted there, which must be covered. */
        fd = sys_openat2(rootfs->fs[FS_SYS], "fs/cgroup", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0,
                         RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
        if (fd < 0 && errno == ENOENT)
                return 0;
        if (fd < 0)
                return error_set(e, errno, "mount", "opening /sys/fs/cgroup");
        mount = unified ? mount_new("cgroup2", NULL, SAFE | MOUNT_ATTR_RDONLY) :
                          clone_empty(rootfs);
        r = mount < 0 ? mount : mount_attach(mount, fd, "");
        if (r < 0)
                return error_set(e, r, "mount", "mounting /sys/fs/cgroup");
        return 0;
}

static int make_tmpfs(const char *target, Placement *ret, Error *e) {
        static const MountOption options[] = {{"mode", "1777"}, {}};
        int fd = mount_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);

        if (fd < 0)
                return error_set(e, fd, "mount", "making a tmpfs for %s", target);
        *ret = (Placement){target, fd};
        return 0;
}

size_t rootfs_count_mounts(const ContainerSpec *spec) {
        return 1 + spec->n_volumes + (spec->n_devices > 0);
}

static int place_devices(const Rootfs *rootfs, const ContainerSpec *spec, int nodes,
                         Placement *placements, Error *e) {
        _cleanup_free_ int *mounts = calloc(spec->n_devices, sizeof(int));

        if (!mounts)
                return error_oom(e);
        TRY(device_nodes_clone(spec, nodes, rootfs->fs[FS_STAGING], "devices", mounts, e));
        for (size_t i = 0; i < spec->n_devices; i++)
                placements[i] = (Placement){spec->devices[i].target, mounts[i]};
        return 0;
}

int rootfs_attach_volumes(const Rootfs *rootfs, const ContainerSpec *spec, const int *volumes,
                          Error *e) {
        size_t n_tmpfs = strv_length(spec->tmpfs), n = n_tmpfs + spec->n_volumes + spec->n_devices;
        _cleanup_free_ Placement *placements = NULL;
        struct stat dev;

        if (n == 0)
                return 0;
        if (fstat(rootfs->fs[FS_DEV], &dev) < 0)
                return error_set(e, errno, "mount", "checking /dev");
        placements = calloc(n, sizeof(Placement));
        if (!placements)
                return error_oom(e);
        for (size_t i = 0; i < n_tmpfs; i++)
                TRY(make_tmpfs(spec->tmpfs[i], &placements[i], e));
        for (size_t i = 0; i < spec->n_volumes; i++)
                placements[n_tmpfs + i] = (Placement){spec->volumes[i].target, volumes[i]};
        if (spec->n_devices > 0)
                TRY(place_devices(rootfs, spec, volumes[spec->n_volumes],
                                  placements + n - spec->n_devices, e));
        return place_mounts(rootfs->root, placements, n, 0, dev.st_dev, e);
}

int rootfs_pivot(const Rootfs *rootfs, bool read_only, Error *e) {
        int r;

        if (read_only) {
                r = mount_set_attributes(rootfs->root, MOUNT_ATTR_RDONLY, -EBADF, false);
                if (r < 0)
                        return error_set(e, r, "mount", "making the root file system read-only");
        }
        /* The old root lands on top of the new one, without a directory for it, and is taken off. */
        if (fchdir(rootfs->root) < 0 || sys_pivot_root(".", ".") < 0)
                return error_set(e, errno, "mount", "changing the root");
        if (umount2(".", MNT_DETACH) < 0)
                return error_set(e, errno, "mount", "detaching the host's tree");
        if (chdir("/") < 0)
                return error_set(e, errno, "mount", "entering the root");
        return 0;
}

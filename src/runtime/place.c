/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "runtime/mount.h"
#include "runtime/place.h"
#include "shared/fd.h"
#include "shared/strutil.h"
#include "shared/syscalls.h"

/* An O_PATH descriptor of the file, made empty when missing. */
static int open_or_make_file(int root, const char *target, uid_t owner) {
        _cleanup_free_ char *directory = strdup(target);
        _cleanup_close_ int fd = -EBADF, parent = -EBADF;

        if (!directory)
                return -ENOMEM;
        fd = fd_open_in_root(root, target, O_PATH, 0);
        if (fd != -ENOENT)
                return TAKE_FD(fd);
        *strrchr(directory, '/') = '\0';
        parent = fd_mkdir_in_root(root, *directory ? directory : "/", owner, owner);
        if (parent < 0)
                return parent;
        /* Follows a dangling link too, inside the root, as its owner means it. */
        fd = fd_open_in_root(root, target, O_WRONLY | O_CREAT | O_NOCTTY | O_NONBLOCK, 0644);
        if (fd >= 0 && fchown(fd, owner, owner) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static bool is_kernel_fs(const struct statfs *fs) {
        static const unsigned long kernel_fs[] = {
                PROC_SUPER_MAGIC,   SYSFS_MAGIC,      CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
                DEVPTS_SUPER_MAGIC, SECURITYFS_MAGIC, DEBUGFS_MAGIC,      BPF_FS_MAGIC,
        };

        for (size_t i = 0; i < ELEMENTSOF(kernel_fs); i++)
                if ((unsigned long)fs->f_type == kernel_fs[i])
                        return true;
        return false;
}

static int check_target(int fd, const char *target, dev_t dev, Error *e) {
        struct statfs fs;
        struct stat st;

        if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
                return error_set(e, errno, "volume", "checking %s in the container", target);
        if (is_kernel_fs(&fs) || (st.st_dev == dev && !startswith(target, "/dev/")))
                return error_set(e, EPERM, "volume",
                                 "%s in the container leads into /proc, /sys or /dev", target);
        return 0;
}

int place_mount(int root, const char *target, int mount, uid_t owner, dev_t dev, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        if (fstat(mount, &st) < 0)
                return error_set(e, errno, "volume", "checking the source of %s", target);
        fd = S_ISDIR(st.st_mode) ? fd_mkdir_in_root(root, target, owner, owner) :
                                   open_or_make_file(root, target, owner);
        if (fd < 0)
                return error_set(e, fd, "volume", "making %s in the container", target);
        TRY(check_target(fd, target, dev, e));
        r = mount_attach(mount, fd, "");
        if (r < 0)
                return error_set(e, r, "volume", "mounting on %s in the container", target);
        return 0;
}

static int compare_placements(const void *a, const void *b) {
        return strcmp(((const Placement *)a)->target, ((const Placement *)b)->target);
}

int place_mounts(int root, Placement *placements, size_t n, uid_t owner, dev_t dev, Error *e) {
        qsort(placements, n, sizeof(Placement), compare_placements);
        for (size_t i = 0; i < n; i++)
                TRY(place_mount(root, placements[i].target, placements[i].mount, owner, dev, e));
        return 0;
}

int place_at_top(int root, const char *name, int mount, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (mkdirat(root, name, 0755) < 0 && errno != EEXIST)
                return error_set(e, errno, "mount", "making /%s in the container", name);
        fd = sys_openat2(root, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0,
                         RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
        if (fd < 0)
                return error_set(e, errno, "mount", "/%s in the image is not a directory", name);
        r = mount_attach(mount, fd, "");
        if (r < 0)
                return error_set(e, r, "mount", "mounting /%s in the container", name);
        return 0;
}

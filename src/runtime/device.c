/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/device.h"
#include "runtime/mount.h"
#include "shared/syscalls.h"

static const struct {
        const char *name;
        unsigned major, minor;
} devices[N_DEVICES] = {
        {"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
        {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
};

static const struct {
        const char *name;
        const char *target;
} links[] = {
        {"ptmx", "pts/ptmx"},          {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"},
        {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
};

/* A detached mount of the host's /dev/NAME once it is known to be that device (CVE-2025-31133). */
static int clone_device(const char *name, dev_t number) {
        char path[32];
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        snprintf(path, sizeof(path), "/dev/%s", name);
        fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISCHR(st.st_mode) || st.st_rdev != number)
                return -ENODEV;
        return mount_clone(fd, false);
}

int devices_open(int ret[static N_DEVICES], Error *e) {
        for (size_t i = 0; i < N_DEVICES; i++) {
                ret[i] = clone_device(devices[i].name, makedev(devices[i].major, devices[i].minor));
                if (ret[i] < 0)
                        return error_set(e, ret[i], "mount", "cloning the host's /dev/%s",
                                         devices[i].name);
        }
        return 0;
}

/* Attaches a device mount on a new empty file. */
static int attach_device(int dev, const char *name, int mount, Error *e) {
        int r = mknodat(dev, name, S_IFREG | 0666, 0) < 0 ? -errno : mount_attach(mount, dev, name);

        if (r < 0)
                return error_set(e, r, "mount", "making /dev/%s", name);
        return 0;
}

int devices_attach(int dev, const int mounts[static N_DEVICES], Error *e) {
        for (size_t i = 0; i < N_DEVICES; i++)
                TRY(attach_device(dev, devices[i].name, mounts[i], e));
        for (size_t i = 0; i < ELEMENTSOF(links); i++)
                if (symlinkat(links[i].target, dev, links[i].name) < 0)
                        return error_set(e, errno, "mount", "making /dev/%s", links[i].name);
        return 0;
}

static int make_node(int dir, const char *name, const char *source, int fd, uid_t owner, Error *e) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return error_set(e, errno, "device", "checking %s", source);
        if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
                return error_set(e, ENODEV, "device", "%s is no device", source);
        /* The mode by itself: the umask is not the host's wish. */
        if (mknodat(dir, name, st.st_mode & S_IFMT, st.st_rdev) < 0 ||
            fchownat(dir, name, owner, owner, AT_SYMLINK_NOFOLLOW) < 0 ||
            fchmodat(dir, name, st.st_mode & 0777, 0) < 0)
                return error_set(e, errno, "device", "making a node for %s", source);
        return 0;
}

int device_nodes_make(const ContainerSpec *spec, const int *sources, uid_t owner, Error *e) {
        static const MountOption options[] = {{"mode", "0755"}, {"size", "64k"}, {}};
        _cleanup_close_ int mount =
                mount_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);

        if (mount < 0)
                return error_set(e, mount, "device", "making a tmpfs");
        for (size_t i = 0; i < spec->n_devices; i++) {
                char name[24];

                snprintf(name, sizeof(name), "%zu", i);
                TRY(make_node(mount, name, spec->devices[i].source, sources[i], owner, e));
        }
        return TAKE_FD(mount);
}

int device_nodes_clone(const ContainerSpec *spec, int nodes, int dir, const char *name, int *ret,
                       Error *e) {
        int r;

        /* Older kernels clone only what is attached. */
        r = mkdirat(dir, name, 0700) < 0 ? -errno : mount_attach(nodes, dir, name);
        if (r < 0)
                return error_set(e, r, "device", "attaching the devices");
        for (size_t i = 0; i < spec->n_devices; i++) {
                _cleanup_close_ int fd = -EBADF;
                char number[24];

                snprintf(number, sizeof(number), "%zu", i);
                fd = openat(nodes, number, O_PATH | O_NOFOLLOW | O_CLOEXEC);
                r = ret[i] = fd < 0 ? -errno : mount_clone(fd, false);
                if (r < 0)
                        return error_set(e, r, "device", "cloning the mount of %s",
                                         spec->devices[i].source);
        }
        return 0;
}

int device_attach_console(int dev, int devpts, const Terminal *terminal, Error *e) {
        _cleanup_close_ int fd = -EBADF, mount = -EBADF;
        struct stat slave, named;
        char name[16];

        snprintf(name, sizeof(name), "%u", terminal->number);
        fd = openat(devpts, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return error_set(e, errno, "terminal", "opening /dev/pts/%s", name);
        /* The mount has to be of the terminal that was made, not of something of its name (CVE-2025-52565). */
        if (fstat(fd, &named) < 0 || fstat(terminal->slave, &slave) < 0)
                return error_set(e, errno, "terminal", "checking /dev/pts/%s", name);
        if (!S_ISCHR(named.st_mode) || named.st_rdev != slave.st_rdev)
                return error_set(e, ENODEV, "terminal", "/dev/pts/%s is not the new terminal",
                                 name);
        mount = mount_clone(fd, false);
        if (mount < 0)
                return error_set(e, mount, "terminal", "cloning the terminal's mount");
        return attach_device(dev, "console", mount, e);
}

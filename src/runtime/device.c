/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/device.h"
#include "runtime/mount.h"

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

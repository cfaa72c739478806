/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/mount.h"
#include "shared/syscalls.h"

int mount_new(const char *type, const MountOption *options, uint64_t attributes) {
        _cleanup_close_ int context = fsopen(type, FSOPEN_CLOEXEC);
        int fd;

        if (context < 0)
                return -errno;
        if (fsconfig(context, FSCONFIG_SET_STRING, "source", type, 0) < 0)
                return -errno;
        for (const MountOption *o = options; o && o->key; o++)
                if (fsconfig(context, o->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, o->key,
                             o->value, 0) < 0)
                        return -errno;
        if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return -errno;
        fd = fsmount(context, FSMOUNT_CLOEXEC, attributes);
        return fd < 0 ? -errno : fd;
}

int mount_clone(int fd, bool recursive) {
        int tree = open_tree(fd, "",
                             OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
                                     (recursive ? AT_RECURSIVE : 0));

        return tree < 0 ? -errno : tree;
}

int mount_set_attributes(int mount, uint64_t attributes, int userns, bool recursive) {
        struct mount_attr attr = {
                .attr_set = attributes | (userns >= 0 ? MOUNT_ATTR_IDMAP : 0),
                .propagation = MS_PRIVATE,
                .userns_fd = userns >= 0 ? userns : 0,
        };

        if (mount_setattr(mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
                          sizeof(attr)) < 0)
                return -errno;
        return 0;
}

int mount_attach(int mount, int dir, const char *name) {
        if (move_mount(mount, "", dir, name,
                       MOVE_MOUNT_F_EMPTY_PATH | (*name ? 0 : MOVE_MOUNT_T_EMPTY_PATH)) < 0)
                return -errno;
        return 0;
}

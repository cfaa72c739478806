/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "shared/fd.h"
#include "shared/strutil.h"
#include "worker/whiteout.h"
#include "worker/xattr.h"

static int hide(int root, const char *name) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        if (fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                if (errno != ENOENT || mknodat(root, name, S_IFCHR, makedev(0, 0)) < 0)
                        return -errno;
                return 0;
        }
        if (!S_ISDIR(st.st_mode))
                return 0;
        fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : overlay_set_opaque(fd);
}

static int hide_all_of(int root, int lower) {
        _cleanup_closedir_ DIR *dir = NULL;
        int copy;

        copy = openat(lower, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (copy < 0)
                return -errno;
        dir = fdopendir(copy);
        if (!dir) {
                safe_close(copy);
                return -ENOMEM;
        }
        for (;;) {
                struct dirent *entry;

                errno = 0;
                entry = readdir(dir);
                if (!entry)
                        return -errno;
                if (!streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
                        TRY(hide(root, entry->d_name));
        }
}

int whiteout_all(int root, const int *lowers, size_t n) {
        for (size_t i = 0; i < n; i++)
                TRY(hide_all_of(root, lowers[i]));
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>

#include "worker/part.h"

int part_open(int staging, size_t n, Error *e) {
        char name[24];
        int fd;

        snprintf(name, sizeof(name), "%zu", n);
        fd = openat(staging, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? error_set(e, errno, "write", "opening a layer's directory") : fd;
}

int part_make(int staging, size_t n, Error *e) {
        char name[24];

        snprintf(name, sizeof(name), "%zu", n);
        if (mkdirat(staging, name, 0755) < 0)
                return error_set(e, errno, "write", "making a layer's directory");
        return part_open(staging, n, e);
}

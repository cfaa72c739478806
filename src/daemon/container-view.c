/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A container's file system, shown on the host at containers/ID/merged. Whether it is shown the kernel knows, and
 * only the kernel: a supervisor can have died between doing it and saying so. */

#include <fcntl.h>
#include <sys/stat.h>

#include "daemon/container.h"
#include "daemon/supervisor-client.h"

bool container_is_mounted(const Container *c) {
        _cleanup_free_ char *path = strf("%s/merged", c->record->spec->id);
        struct statx st;

        return path &&
               statx(c->manager->store->containers, path, AT_SYMLINK_NOFOLLOW, 0, &st) >= 0 &&
               (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

int container_end_mount(Container *c, Error *e) {
        return container_is_mounted(c) ?
                       supervisor_call_simple(c->manager->supervisor, REQUEST_UNMOUNT,
                                              c->record->spec->id, NULL, NULL, e) :
                       0;
}

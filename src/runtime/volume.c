/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/volume.h"
#include "runtime/context.h"
#include "runtime/mount.h"
#include "runtime/userns.h"
#include "shared/fd.h"
#include "shared/syscalls.h"

/* The copies are made in the host's mount namespace, to which the descriptors belong. */
static int clone_all(Runtime *runtime, const ContainerSpec *spec, const int *sources, int *ret,
                     Error *e) {
        int r = runtime_enter_mounts(runtime, runtime->host_namespace);

        if (r < 0)
                return error_set(e, r, "volume", "entering the host's mount namespace");
        for (size_t i = 0; r >= 0 && i < spec->n_volumes; i++) {
                r = ret[i] = mount_clone(sources[i], true);
                if (r < 0)
                        error_set(e, r, "volume",
                                  r == -EINVAL ? "%s is not in the host's mount namespace" :
                                                 "cloning the mount of %s",
                                  spec->volumes[i].source);
        }
        runtime_leave_mounts(runtime);
        return MIN(r, 0);
}

static int set_up_volume(Runtime *runtime, const Volume *volume, int mount, int userns,
                         uint32_t id_base, Error *e) {
        _cleanup_close_ int own = -EBADF;
        uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
        int r;

        if (volume->read_only)
                attributes |= MOUNT_ATTR_RDONLY;
        if (volume->uid != 0) {
                own = userns_make(runtime, (IdMap){volume->uid, id_base, 1},
                                  (IdMap){volume->gid, id_base, 1});
                if (own < 0)
                        return error_set(e, own, "volume", "making an id map for %s",
                                         volume->source);
                userns = own;
        }
        r = mount_set_attributes(mount, attributes, userns, true);
        if ((r == -EINVAL || r == -EPERM) && userns >= 0)
                return error_set(
                        e, EOPNOTSUPP, "volume",
                        "%s, or something mounted below it, can't be mounted with other ids",
                        volume->source);
        if (r < 0)
                return error_set(e, r, "volume", "setting up the mount of %s", volume->source);
        return 0;
}

int volumes_open(Runtime *runtime, const ContainerSpec *spec, const int *sources, int userns,
                 uint32_t id_base, int *ret, Error *e) {
        int r;

        if (spec->n_volumes == 0)
                return 0;
        for (size_t i = 0; i < spec->n_volumes; i++)
                ret[i] = -EBADF;
        r = clone_all(runtime, spec, sources, ret, e);
        for (size_t i = 0; r >= 0 && i < spec->n_volumes; i++)
                r = set_up_volume(runtime, &spec->volumes[i], ret[i], userns, id_base, e);
        if (r < 0)
                fd_close_many(ret, spec->n_volumes);
        return r;
}

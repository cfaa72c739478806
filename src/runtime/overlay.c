/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "runtime/context.h"
#include "runtime/mount.h"
#include "runtime/overlay-mount.h"
#include "runtime/userns.h"
#include "shared/fd.h"
#include "shared/log.h"
#include "shared/process.h"
#include "shared/strutil.h"
#include "shared/syscalls.h"

/* Names in the temporary directory of the probe. */
#define PROBE_DIR ".probe"
#define PROBE_LAYER "0000000000000000000000000000000000000000000000000000000000000000"
#define PROBE_LAYER_DIR "layers/" PROBE_LAYER
#define PROBE_ID_BASE 1000000

int overlay_ids_enter(uint32_t id) {
        int r = id != 0 ? process_set_fs_ids(id) : 0;

        if (r < 0)
                overlay_ids_leave();
        return r;
}

void overlay_ids_leave(void) {
        setfsuid(0);
        setfsgid(0);
        if (setfsuid((uid_t)-1) != 0 || setfsgid((gid_t)-1) != 0 ||
            prctl(PR_SET_SECUREBITS, 0) < 0) {
                log_error("Can't take the supervisor's own ids back");
                abort();
        }
}

/* A detached bind mount of a directory, idmapped when there is a user namespace. */
static int clone_layers(int dir, int userns, const char *what, Error *e) {
        _cleanup_close_ int fd = mount_clone(dir, false);
        int r;

        if (fd < 0)
                return error_set(e, fd, "overlay", "cloning the mount of %s", what);
        r = mount_set_attributes(fd, 0, userns, false);
        if (r == -EINVAL && userns >= 0)
                return error_set(e, EOPNOTSUPP, "overlay",
                                 "the file system of %s can't be mounted with other ids", what);
        if (r < 0)
                return error_set(e, r, "overlay", "mapping the ids of %s", what);
        return TAKE_FD(fd);
}

static int open_source(int state, int container, const OverlaySpec *spec, OverlaySource *ret,
                       Error *e) {
        _cleanup_close_ int layers = -EBADF;

        layers = openat(state, "layers", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (layers < 0)
                return error_set(e, errno, "overlay", "opening the layers");
        ret->layers = clone_layers(layers, spec->userns, "the layers", e);
        if (ret->layers < 0)
                return ret->layers;
        if (container < 0)
                return 0;
        ret->container = clone_layers(container, spec->userns, "the container's directory", e);
        return MIN(ret->container, 0);
}

/* Overlay answers some problems with its upper directory by becoming read-only instead of failing. */
static int check_writable(int fd, Error *e) {
        struct statvfs fs;

        if (fstatvfs(fd, &fs) < 0)
                return error_set(e, errno, "overlay", "checking the overlay");
        if (fs.f_flag & ST_RDONLY)
                return error_set(e, EROFS, "overlay", "the kernel can't write to the upper layer");
        return 0;
}

/* `container` is the container's open directory or -EBADF. */
static int mount_overlay(int state, int container, bool by_fds, const OverlaySpec *spec, Error *e) {
        OverlaySource source = {
                .layers = -EBADF,
                .container = -EBADF,
                .ids = spec->layers,
                .id_base = spec->userns >= 0 ? spec->id_base : 0,
        };
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = open_source(state, container, spec, &source, e);
        if (r >= 0 && by_fds)
                r = fd = overlay_mount_fds(&source, e);
        else if (r >= 0) {
                _cleanup_close_ int staging = fd_open_or_make_dir(state, "staging", 0700);

                if (staging < 0)
                        r = error_set(e, staging, "overlay", "making the staging directory");
                else
                        r = fd = overlay_mount_paths(&source, staging, e);
        }
        safe_close(source.layers);
        safe_close(source.container);
        if (r >= 0 && container >= 0)
                r = check_writable(fd, e);
        return r < 0 ? r : TAKE_FD(fd);
}

int overlay_mount(Runtime *runtime, const OverlaySpec *spec, Error *e) {
        _cleanup_close_ int container = -EBADF;

        if (spec->container) {
                container = runtime_open_container(runtime, spec->container);
                if (container < 0)
                        return error_set(e, container, "overlay",
                                         "opening the container's directory");
        }
        return mount_overlay(runtime->state, container, runtime->features.overlay_fd_layers, spec,
                             e);
}

/* layers/PROBE_LAYER/diff, upper, work */
static int make_probe_tree(int probe) {
        static const char *const dirs[] = {"layers", PROBE_LAYER_DIR, PROBE_LAYER_DIR "/diff",
                                           "upper", "work"};

        for (size_t i = 0; i < ELEMENTSOF(dirs); i++)
                if (mkdirat(probe, dirs[i], 0755) < 0 && errno != EEXIST)
                        return -errno;
        return 0;
}

static void remove_probe_tree(int state, int probe) {
        static const char *const dirs[] = {PROBE_LAYER_DIR "/diff",
                                           PROBE_LAYER_DIR,
                                           "layers",
                                           "upper",
                                           "work/work",
                                           "work/index",
                                           "work",
                                           "staging"};

        for (size_t i = 0; i < ELEMENTSOF(dirs); i++)
                (void)unlinkat(probe, dirs[i], AT_REMOVEDIR);
        if (unlinkat(state, PROBE_DIR, AT_REMOVEDIR) < 0)
                log_errno(LOG_WARNING, errno, "Removing %s in the state directory", PROBE_DIR);
}

/* Whether one way works; an overlay once mounted is also unmounted here. */
static bool probe_one(int probe, bool by_fds, int userns, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        const OverlaySpec spec = {
                .layers = (char *[]){(char *)PROBE_LAYER, NULL},
                .userns = userns,
                .id_base = PROBE_ID_BASE,
        };

        fd = mount_overlay(probe, probe, by_fds, &spec, e);
        return fd >= 0;
}

int overlay_probe(Runtime *runtime, Features *ret, Error *e) {
        const IdMap map = {.outside = PROBE_ID_BASE, .count = 65536};
        _cleanup_close_ int userns = -EBADF, probe = -EBADF;
        Error ignored = {};
        int r;

        userns = userns_make(runtime, map, map);
        if (userns < 0)
                log_errno(LOG_WARNING, userns, "The kernel makes no user namespaces");
        probe = fd_open_or_make_dir(runtime->state, PROBE_DIR, 0700);
        if (probe < 0)
                return error_set(e, probe, "runtime", "making a directory in the state directory");
        r = make_probe_tree(probe);
        if (r < 0)
                r = error_set(e, r, "runtime", "making a tree in the state directory");
        else {
                ret->overlay_fd_layers = probe_one(probe, true, -EBADF, &ignored);
                ret->idmapped_overlay =
                        userns >= 0 && probe_one(probe, ret->overlay_fd_layers, userns, &ignored);
                if (!ret->overlay_fd_layers && !ret->idmapped_overlay &&
                    !probe_one(probe, false, -EBADF, e))
                        r = -e->number;
        }
        remove_probe_tree(runtime->state, probe);
        return r;
}

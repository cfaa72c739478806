/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/mount.h"
#include "runtime/overlay-mount.h"
#include "shared/fd.h"
#include "shared/strutil.h"
#include "shared/syscalls.h"

/* mount(2) takes at most a page of options, and kernels before 6.8 at most 255 bytes for one with fsconfig(2):
 * layers are named by one-number links in the staging directory, which is the working directory meanwhile. */
#define OPTIONS_MAX 4095

/* The staging directory becomes a small tmpfs: l/ and c/ for the mounts, m/ for the result, links 0, 1, … */
static int make_staging(const OverlaySource *source, int staging, int *ret, Error *e) {
        _cleanup_close_ int fs = -EBADF;
        int r;

        fs = mount_new("tmpfs", (const MountOption[]){{"mode", "0700"}, {}}, 0);
        if (fs < 0)
                return error_set(e, fs, "overlay", "making a staging directory");
        r = mount_attach(fs, staging, "");
        if (r < 0)
                return error_set(e, r, "overlay", "attaching the staging directory");
        *ret = TAKE_FD(fs); /* from here on the caller detaches it */
        if (mkdirat(*ret, "l", 0700) < 0 || mkdirat(*ret, "c", 0700) < 0 ||
            mkdirat(*ret, "m", 0700) < 0)
                return error_set(e, errno, "overlay", "filling the staging directory");
        r = mount_attach(source->layers, *ret, "l");
        if (r >= 0 && source->container >= 0)
                r = mount_attach(source->container, *ret, "c");
        if (r < 0)
                return error_set(e, r, "overlay", "attaching the layers");
        return 0;
}

static int make_options(const OverlaySource *source, int fs, char options[static OPTIONS_MAX + 1],
                        Error *e) {
        size_t n = snprintf(options, OPTIONS_MAX, OVERLAY_OPTIONS "%s,lowerdir=",
                            source->container >= 0 ? ",upperdir=c/upper,workdir=c/work" : "");

        for (size_t i = strv_length(source->ids); i-- > 0;) {
                char target[ID_LENGTH + sizeof("l//diff")], name[24];

                snprintf(target, sizeof(target), "l/%s/diff", source->ids[i]);
                snprintf(name, sizeof(name), "%zu", i);
                if (symlinkat(target, fs, name) < 0)
                        return error_set(e, errno, "overlay", "linking a layer");
                n += snprintf(options + n, OPTIONS_MAX - n, "%s%s", name, i > 0 ? ":" : "");
                if (n >= OPTIONS_MAX)
                        return error_set(e, E2BIG, "overlay",
                                         "the image has more layers than this kernel takes");
        }
        return 0;
}

static int mount_in_staging(const OverlaySource *source, int fs, Error *e) {
        char options[OPTIONS_MAX + 1];
        _cleanup_close_ int dir = -EBADF;
        int r, fd;

        TRY(make_options(source, fs, options, e));
        if (fchdir(fs) < 0)
                return error_set(e, errno, "overlay", "entering the staging directory");
        r = overlay_ids_enter(source->id_base);
        if (r < 0)
                return error_set(e, r, "overlay", "taking the container's ids");
        r = mount("mydocker", "m", "overlay", MS_NODEV, options) < 0 ? -errno : 0;
        overlay_ids_leave();
        if (r < 0)
                return error_set(e, r, "overlay", "mounting the layers");
        dir = openat(fs, "m", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return error_set(e, errno, "overlay", "opening the overlay");
        fd = mount_clone(dir, false);
        return fd < 0 ? error_set(e, fd, "overlay", "detaching the overlay") : fd;
}

int overlay_mount_paths(const OverlaySource *source, int staging, Error *e) {
        _cleanup_close_ int fs = -EBADF;
        int r;

        r = make_staging(source, staging, &fs, e);
        if (r >= 0)
                r = mount_in_staging(source, fs, e);
        /* All that was attached goes with the staging directory; what the clone needs stays. */
        if (fs >= 0 && (fchdir(fs) < 0 || umount2(".", MNT_DETACH) < 0) && r >= 0) {
                safe_close(r);
                r = error_set(e, errno, "overlay", "detaching the staging directory");
        }
        if (chdir("/") < 0 && r >= 0) {
                safe_close(r);
                r = error_set(e, errno, "overlay", "leaving the staging directory");
        }
        return r;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "runtime/overlay-mount.h"
#include "shared/fd.h"
#include "shared/strutil.h"
#include "shared/syscalls.h"

/* The kernel's own words about a failed step, which it keeps in the context ("e text"). */
static const char *kernel_words(int context, char *buffer, size_t size) {
        ssize_t n = read(context, buffer, size - 1);

        if (n < 2)
                return "no reason given";
        buffer[n] = '\0';
        return buffer + 2;
}

static int fail(int context, int number, const char *what, Error *e) {
        char words[256];

        return error_set(e, number, "overlay", "%s (%s)", what,
                         kernel_words(context, words, sizeof(words)));
}

/* Not O_PATH: kernels before 6.15 refuse such descriptors here. */
static int add_layer(int context, const char *key, int dir, const char *path, Error *e) {
        _cleanup_close_ int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
                return error_set(e, errno, "overlay", "opening %s", path);
        if (fsconfig(context, FSCONFIG_SET_FD, key, NULL, fd) < 0)
                return fail(context, errno, "adding a layer", e);
        return 0;
}

static int add_layers(int context, const OverlaySource *source, Error *e) {
        for (size_t i = strv_length(source->ids); i-- > 0;) {
                char path[ID_LENGTH + sizeof("/diff")];

                snprintf(path, sizeof(path), "%s/diff", source->ids[i]);
                TRY(add_layer(context, "lowerdir+", source->layers, path, e));
        }
        if (source->container < 0)
                return 0;
        TRY(add_layer(context, "upperdir", source->container, "upper", e));
        return add_layer(context, "workdir", source->container, "work", e);
}

static int set_options(int context, Error *e) {
        char options[] = OVERLAY_OPTIONS, *state = NULL;

        for (char *key = strtok_r(options, ",", &state); key; key = strtok_r(NULL, ",", &state)) {
                char *value = strchr(key, '=');

                *value++ = '\0';
                if (fsconfig(context, FSCONFIG_SET_STRING, key, value, 0) < 0)
                        return fail(context, errno, key, e);
        }
        return 0;
}

int overlay_mount_fds(const OverlaySource *source, Error *e) {
        _cleanup_close_ int context = fsopen("overlay", FSOPEN_CLOEXEC);
        int r, fd;

        if (context < 0)
                return error_set(e, errno, "overlay", "the kernel has no overlay file system");
        (void)fsconfig(context, FSCONFIG_SET_STRING, "source", "mydocker",
                       0); /* a name for people */
        TRY(set_options(context, e));
        TRY(add_layers(context, source, e));

        r = overlay_ids_enter(source->id_base);
        if (r < 0)
                return error_set(e, r, "overlay", "taking the container's ids");
        r = fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -errno : 0;
        overlay_ids_leave();
        if (r < 0)
                return fail(context, r, "mounting the layers", e);
        /* No device node of an image is one: a container's are bind mounts in its own /dev. */
        fd = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
        return fd < 0 ? error_set(e, errno, "overlay", "mounting the layers") : fd;
}

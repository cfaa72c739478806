/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/context.h"
#include "runtime/mount.h"
#include "runtime/overlay-mount.h"
#include "runtime/overlay.h"
#include "runtime/place.h"
#include "runtime/userns.h"
#include "runtime/view.h"
#include "runtime/volume.h"
#include "shared/fd.h"
#include "shared/strutil.h"
#include "shared/syscalls.h"

/* The layers alone. Overlay without an upper directory wants two, so that one is shown as it is. */
static int view_layers(Runtime *runtime, const ContainerSpec *spec, Error *e) {
        const OverlaySpec overlay = {.layers = spec->layers, .userns = -EBADF};
        _cleanup_close_ int fd = -EBADF, directory = -EBADF;
        char path[sizeof("layers//diff") + ID_LENGTH];
        int r;

        if (strv_length(spec->layers) > 1)
                fd = overlay_mount(runtime, &overlay, e);
        else {
                snprintf(path, sizeof(path), "layers/%s/diff", spec->layers[0]);
                directory =
                        openat(runtime->state, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                fd = directory < 0 ? -errno : mount_clone(directory, false);
                if (fd < 0)
                        error_set(e, fd, "overlay", "opening the image's layer");
        }
        if (fd < 0)
                return fd;
        r = mount_set_attributes(fd, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
                                 -EBADF, false);
        return r < 0 ? error_set(e, r, "overlay", "making the view read-only") : TAKE_FD(fd);
}

/* The container's root file system itself, without what is mounted in it. */
static int clone_root(Runtime *runtime, int main_pidfd, Error *e) {
        _cleanup_close_ int fd = -EBADF, root = -EBADF;
        int r;

        r = runtime_enter_mounts(runtime, main_pidfd);
        if (r < 0)
                return error_set(e, r, "namespace", "entering the container's mount namespace");
        root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        fd = root < 0 ? -errno : mount_clone(root, false);
        runtime_leave_mounts(runtime);
        if (fd >= 0)
                r = mount_set_attributes(fd, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, -EBADF, false);
        else
                r = fd;
        return r < 0 ? error_set(e, r, "mount", "cloning the root file system") : TAKE_FD(fd);
}

/* The user namespace of the process behind a pidfd. */
static int open_userns(const Runtime *runtime, int pidfd) {
        _cleanup_free_ char *info = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *line;
        char path[40];
        int pid;

        snprintf(path, sizeof(path), "self/fdinfo/%d", pidfd);
        TRY(fd_read_file_at(runtime->proc, path, 4096, &info, NULL));
        line = strstr(info, "Pid:");
        if (!line || sscanf(line, "Pid: %d", &pid) != 1 || pid <= 0)
                return -ESRCH;
        fd = userns_open(runtime, pid);
        if (fd < 0)
                return fd;
        /* Still the same process, so the number was its own when the namespace was opened. */
        if (sys_pidfd_send_signal(pidfd, 0) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* Attaches `root` for a moment in the supervisor's own namespace, where mounts can be attached in it. */
static int assemble(Runtime *runtime, const ContainerSpec *spec, int root, const int *volumes,
                    uint32_t id_base, Error *e) {
        _cleanup_close_ int container = -EBADF, merged = -EBADF, tree = -EBADF;
        _cleanup_free_ Placement *placements = calloc(spec->n_volumes, sizeof(Placement));
        int r;

        if (!placements)
                return error_oom(e);
        for (size_t i = 0; i < spec->n_volumes; i++)
                placements[i] = (Placement){spec->volumes[i].target, volumes[i]};
        container = runtime_open_container(runtime, spec->id);
        merged = container < 0 ? container : fd_open_or_make_dir(container, "merged", 0700);
        r = merged < 0 ? merged : mount_attach(root, merged, "");
        if (r < 0)
                return error_set(e, r, "mount", "attaching the view");

        /* A target that is gone is made again, by the container's root. */
        r = overlay_ids_enter(id_base);
        if (r < 0)
                error_set(e, r, "mount", "taking the container's ids");
        else {
                r = place_mounts(root, placements, spec->n_volumes, id_base, 0, e);
                overlay_ids_leave();
        }
        if (r >= 0) {
                tree = mount_clone(root, true);
                if (tree < 0)
                        r = error_set(e, tree, "mount", "cloning the view");
        }
        if ((fchdir(root) < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) && r >= 0)
                r = error_set(e, errno, "mount", "detaching the view");
        return r < 0 ? r : TAKE_FD(tree);
}

/* The user namespace by which the view's ids are shifted. Return: a descriptor, -EBADF when they are not (and then
 * nothing is set), or another negative errno. */
static int choose_userns(const Runtime *runtime, const ContainerSpec *spec, int main_pidfd,
                         Error *e) {
        const IdMap map = {.outside = spec->id_base, .count = ID_RANGE};
        bool running = main_pidfd >= 0;
        int fd;

        if (spec->host_userns || spec->id_base == 0)
                return -EBADF;
        fd = running ? open_userns(runtime, main_pidfd) : userns_make(runtime, map, map);
        return fd >= 0 ? fd :
                         error_set(e, fd, "namespace",
                                   running ? "opening the container's user namespace" :
                                             "making a user namespace for its ids");
}

static int add_volumes(Runtime *runtime, const ContainerSpec *spec, int root, const int *volumes,
                       int userns, uint32_t id_base, Error *e) {
        _cleanup_free_ int *mounts = malloc(spec->n_volumes * sizeof(int));
        int r;

        if (!mounts)
                return error_oom(e);
        TRY(volumes_open(runtime, spec, volumes, userns, id_base, mounts, e));
        r = assemble(runtime, spec, root, mounts, id_base, e);
        fd_close_many(mounts, spec->n_volumes);
        return r;
}

int container_view(Runtime *runtime, const ContainerSpec *spec, const int *volumes, int main_pidfd,
                   bool no_upper, Error *e) {
        _cleanup_close_ int root = -EBADF, tree = -EBADF, userns = -EBADF;
        OverlaySpec overlay = {
                .container = spec->id,
                .may_be_read_only = true, /* what is on a full disk can be read all the same */
                .layers = spec->layers,
                .id_base = spec->host_userns ? 0 : spec->id_base,
        };
        bool running = main_pidfd >= 0;
        int r;

        if (no_upper)
                return view_layers(runtime, spec, e);
        userns = choose_userns(runtime, spec, main_pidfd, e);
        if (userns < 0 && userns != -EBADF)
                return userns;
        overlay.userns = userns;
        root = running ? clone_root(runtime, main_pidfd, e) : overlay_mount(runtime, &overlay, e);
        if (root < 0)
                return root;
        if (spec->n_volumes > 0)
                tree = add_volumes(runtime, spec, root, volumes, userns, overlay.id_base, e);
        else
                tree = TAKE_FD(root);
        if (tree < 0 || running || !spec->read_only)
                return TAKE_FD(tree);
        r = mount_set_attributes(tree, MOUNT_ATTR_RDONLY, -EBADF, false);
        return r < 0 ? error_set(e, r, "mount", "making the view read-only") : TAKE_FD(tree);
}

/* Enters the host's mount namespace and there the container's directory. */
static int enter_container_dir(Runtime *runtime, const char *id, Error *e) {
        _cleanup_free_ char *path = strf("%s/containers/%s", runtime->state_path, id);
        int r;

        if (!path)
                return error_oom(e);
        r = runtime_enter_mounts(runtime, runtime->host_namespace);
        if (r < 0)
                return error_set(e, r, "mount", "entering the host's mount namespace");
        if (chdir(path) < 0) {
                r = -errno;
                runtime_leave_mounts(runtime);
                return error_set(e, r, "mount", "entering %s", path);
        }
        return 0;
}

/* Return: 0 or a negative errno. */
static int detach_all(void) {
        while (umount2("merged", MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
                ;
        return errno == EINVAL || errno == ENOENT ? 0 : -errno;
}

int container_view_attach(Runtime *runtime, const char *id, int view, Error *e) {
        _cleanup_close_ int merged = -EBADF;
        int r;

        TRY(enter_container_dir(runtime, id, e));
        r = detach_all();
        if (r >= 0) {
                merged = open("merged", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                r = merged < 0 ? -errno : mount_attach(view, merged, "");
        }
        if (r >= 0)
                r = mount_set_attributes(view, 0, -EBADF, true);
        runtime_leave_mounts(runtime);
        return r < 0 ? error_set(e, r, "mount", "attaching the view at containers/%s/merged", id) :
                       0;
}

int container_view_detach(Runtime *runtime, const char *id, Error *e) {
        int r = enter_container_dir(runtime, id, e);

        if (r == -ENOENT) {
                if (e)
                        *e = ERROR_INIT;
                return 0;
        }
        if (r < 0)
                return r;
        r = detach_all();
        runtime_leave_mounts(runtime);
        return r < 0 ? error_set(e, r, "mount", "detaching containers/%s/merged", id) : 0;
}

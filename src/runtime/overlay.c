/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include "runtime/context.h"
#include "runtime/mount.h"
#include "runtime/overlay-mount.h"
#include "runtime/start.h"
#include "runtime/userns.h"
#include "shared/fd.h"
#include "shared/json.h"
#include "shared/log.h"
#include "shared/process.h"
#include "shared/strutil.h"
#include "shared/syscalls.h"

/* Names in the temporary directory of the probe. */
#define PROBE_DIR ".probe"
#define PROBE_LAYER "0000000000000000000000000000000000000000000000000000000000000000"
#define PROBE_LAYER_DIR "layers/" PROBE_LAYER
#define PROBE_ID_BASE 1000000

/* What the last probe found, for when there is no room for one. */
#define FEATURES_FILE "features.json"
#define FEATURES_SIZE_MAX 4096

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

/* Overlay answers some problems with its upper directory by becoming read-only instead of failing. It starts with making
 * work/work anew, so that says why, most often that the disk is full. */
static int check_writable(int fd, int container, Error *e) {
        struct statvfs fs;
        int number = EROFS;

        if (fstatvfs(fd, &fs) < 0)
                return error_set(e, errno, "overlay", "checking the overlay");
        if (!(fs.f_flag & ST_RDONLY))
                return 0;
        if (mkdirat(container, "work/work", 0) >= 0)
                (void)unlinkat(container, "work/work", AT_REMOVEDIR);
        else if (errno != EEXIST)
                number = errno;
        return error_set(e, number, "overlay", "the kernel can't write to the upper layer");
}

/* `container` is the container's open directory or -EBADF. What *source is given is the caller's, also on failure. */
static int mount_overlay(int state, int container, bool by_fds, const OverlaySpec *spec,
                         OverlaySource *source, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        *source = (OverlaySource){
                .layers = -EBADF,
                .container = -EBADF,
                .ids = spec->layers,
                .id_base = spec->userns >= 0 ? spec->id_base : 0,
        };
        TRY(open_source(state, container, spec, source, e));
        if (by_fds)
                r = fd = overlay_mount_fds(source, e);
        else {
                _cleanup_close_ int staging = fd_open_or_make_dir(state, "staging", 0700);

                if (staging < 0)
                        r = error_set(e, staging, "overlay", "making the staging directory");
                else
                        r = fd = overlay_mount_paths(source, staging, e);
        }
        if (r >= 0 && container >= 0 && !spec->may_be_read_only)
                r = check_writable(fd, container, e);
        return r < 0 ? r : TAKE_FD(fd);
}

int overlay_mount(Runtime *runtime, const OverlaySpec *spec, Error *e) {
        _cleanup_close_ int container = -EBADF;
        OverlaySource source;
        int r;

        if (spec->container) {
                container = runtime_open_container(runtime, spec->container);
                if (container < 0)
                        return error_set(e, container, "overlay",
                                         "opening the container's directory");
        }
        r = mount_overlay(runtime->state, container, runtime->features.overlay_fd_layers, spec,
                          &source, e);
        safe_close(mount_release(runtime, source.layers));
        safe_close(mount_release(runtime, source.container));
        return r;
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

/* Whether one way works; an overlay once mounted is also unmounted here. If not, *e says why. */
static bool probe_one(int probe, bool by_fds, int userns, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        const OverlaySpec spec = {
                .layers = (char *[]){(char *)PROBE_LAYER, NULL},
                .userns = userns,
                .id_base = PROBE_ID_BASE,
        };
        OverlaySource source;

        fd = mount_overlay(probe, probe, by_fds, &spec, &source, e);
        safe_close(source.layers);
        safe_close(source.container);
        return fd >= 0;
}

/* What runs out says nothing about what the kernel and the file system can do. */
static bool is_shortage(int number) {
        return number == EMFILE || number == ENFILE || number == ENOMEM || number == ENOSPC ||
               number == EDQUOT;
}

static int probe_tree(int probe, int userns, Features *ret, Error *e) {
        Error by_fds = ERROR_INIT, mapped = ERROR_INIT;
        int r;

        r = make_probe_tree(probe);
        if (r < 0)
                return error_set(e, r, "runtime", "making a tree in the state directory");
        ret->overlay_fd_layers = probe_one(probe, true, -EBADF, &by_fds);
        ret->idmapped_overlay =
                userns >= 0 && probe_one(probe, ret->overlay_fd_layers, userns, &mapped);
        if (is_shortage(by_fds.number) || is_shortage(mapped.number))
                return error_set(e, is_shortage(by_fds.number) ? by_fds.number : mapped.number,
                                 "runtime", "trying an overlay in the state directory");
        if (!ret->overlay_fd_layers && !ret->idmapped_overlay &&
            !probe_one(probe, false, -EBADF, e))
                return -e->number;
        return 0;
}

static int probe(Runtime *runtime, Features *ret, Error *e) {
        const IdMap map = {.outside = PROBE_ID_BASE, .count = 65536};
        _cleanup_close_ int userns = -EBADF, directory = -EBADF;
        int r;

        userns = userns_make(runtime, map, map);
        /* ENOSPC is sysctl user.max_user_namespaces here; see user_namespaces(7). */
        if (userns < 0 && userns != -ENOSPC && is_shortage(-userns))
                return error_set(e, userns, "runtime", "making a user namespace");
        if (userns < 0)
                log_errno(LOG_WARNING, userns, "The kernel makes no user namespaces");
        directory = fd_open_or_make_dir(runtime->state, PROBE_DIR, 0700);
        if (directory < 0)
                return error_set(e, directory, "runtime",
                                 "making a directory in the state directory");
        r = probe_tree(directory, userns, ret, e);
        remove_probe_tree(runtime->state, directory);
        return r;
}

static int remember(int state, const Features *features, const char *kernel) {
        _cleanup_json_ Json *json = json_object_new_object();

        if (!json)
                return -ENOMEM;
        TRY(json_add_string(json, "kernel", kernel));
        TRY(json_add_bool(json, "idmapped-overlay", features->idmapped_overlay));
        TRY(json_add_bool(json, "overlay-fd-layers", features->overlay_fd_layers));
        return json_replace_file_at(state, FEATURES_FILE, json);
}

/* Return: 0, or a negative errno when this kernel has not been tried in this state directory. */
static int recall(int state, Features *ret, const char *kernel) {
        _cleanup_json_ Json *json = NULL;
        const char *of = "";

        TRY(json_read_file_at(state, FEATURES_FILE, FEATURES_SIZE_MAX, &json));
        TRY(json_peek_string(json, "kernel", &of));
        if (!streq(of, kernel))
                return -ESTALE;
        TRY(json_get_bool(json, "idmapped-overlay", &ret->idmapped_overlay));
        TRY(json_get_bool(json, "overlay-fd-layers", &ret->overlay_fd_layers));
        return 0;
}

int overlay_probe(Runtime *runtime, Features *ret, Error *e) {
        struct utsname name;
        char kernel[sizeof(name.release) + sizeof(name.version)];
        int r;

        if (uname(&name) < 0)
                return error_set(e, errno, "runtime", "reading the kernel's version");
        snprintf(kernel, sizeof(kernel), "%s %s", name.release, name.version);
        r = probe(runtime, ret, e);
        if (r >= 0) {
                r = remember(runtime->state, ret, kernel);
                if (r < 0)
                        log_errno(LOG_WARNING, r, "Can't note what overlay can do");
                return 0;
        }
        if (is_shortage(e->number) && recall(runtime->state, ret, kernel) >= 0) {
                *e = ERROR_INIT;
                return 0;
        }
        return r;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/magic.h>
#include <sys/prctl.h>
#include <sys/vfs.h>

#include "runtime/context.h"
#include "runtime/init.h"
#include "runtime/mount.h"
#include "runtime/overlay.h"
#include "shared/fd.h"
#include "shared/strutil.h"
#include "shared/syscalls.h"

/* A procfs of our own, which nobody can have mounted something over. */
static int open_proc(Runtime *runtime, Error *e) {
        struct statfs fs;

        runtime->proc =
                mount_new("proc", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
        if (runtime->proc < 0)
                return error_set(e, runtime->proc, "runtime", "mounting a procfs");
        if (fstatfs(runtime->proc, &fs) < 0)
                return error_set(e, errno, "runtime", "checking the procfs");
        if (fs.f_type != PROC_SUPER_MAGIC)
                return error_set(e, EINVAL, "runtime", "what was mounted as procfs is none");
        return 0;
}

static int open_namespace(const Runtime *runtime, const char *name, int *ret, Error *e) {
        char path[32];

        snprintf(path, sizeof(path), "self/ns/%s", name);
        *ret = openat(runtime->proc, path, O_RDONLY | O_CLOEXEC);
        if (*ret < 0)
                return error_set(e, errno, "runtime", "opening the %s namespace", name);
        return 0;
}

/* Moves the process into a mount namespace of its own, from which containers are made: what is mounted on the host
 * later doesn't come in, and nothing of ours goes out. */
static int make_private_namespace(Runtime *runtime, Error *e) {
        TRY(open_namespace(runtime, "mnt", &runtime->host_namespace, e));
        if (unshare(CLONE_NEWNS) < 0)
                return error_set(e, errno, "runtime", "making a mount namespace");
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return error_set(e, errno, "runtime", "making the mounts private");
        return 0;
}

static int read_oom_score(Runtime *runtime, Error *e) {
        _cleanup_free_ char *text = NULL;
        int r = fd_read_file_at(runtime->proc, "self/oom_score_adj", 64, &text, NULL);

        if (r < 0)
                return error_set(e, r, "runtime", "reading /proc/self/oom_score_adj");
        runtime->oom_adjusted = atoi(text) != 0;
        return 0;
}

int runtime_new(const char *state_dir, Runtime **ret, Error *e) {
        _cleanup_(runtime_freep) Runtime *runtime = malloc(sizeof(Runtime));

        if (!runtime)
                return error_oom(e);
        *runtime = (Runtime){
                .state = -EBADF,
                .host_namespace = -EBADF,
                .own_namespace = -EBADF,
                .own_pids = -EBADF,
                .proc = -EBADF,
                .init = -EBADF,
                .closer = -EBADF,
        };
        runtime->state_path = strdup(state_dir);
        if (!runtime->state_path)
                return error_oom(e);
        if (prctl(PR_SET_DUMPABLE, 0) < 0)
                return error_set(e, errno, "runtime", "making the process non-dumpable");
        TRY(open_proc(runtime, e));
        TRY(make_private_namespace(runtime, e));
        TRY(open_namespace(runtime, "mnt", &runtime->own_namespace, e));
        TRY(open_namespace(runtime, "pid", &runtime->own_pids, e));
        TRY(read_oom_score(runtime, e));
        runtime->init = init_open();
        if (runtime->init < 0)
                return error_set(e, runtime->init, "runtime", "making the containers' init");
        /* Opened only now: it has to belong to the private mount namespace. */
        runtime->state = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (runtime->state < 0)
                return error_set(e, errno, "runtime", "opening %s", state_dir);
        TRY(overlay_probe(runtime, &runtime->features, e));
        *ret = TAKE_PTR(runtime);
        return 0;
}

Runtime *runtime_free(Runtime *runtime) {
        if (!runtime)
                return NULL;
        safe_close(runtime->state);
        safe_close(runtime->host_namespace);
        safe_close(runtime->own_namespace);
        safe_close(runtime->own_pids);
        safe_close(runtime->proc);
        safe_close(runtime->init);
        safe_close(runtime->closer);
        free(runtime->state_path);
        free(runtime);
        return NULL;
}

int runtime_leave(Runtime *runtime) {
        return runtime_enter_mounts(runtime, runtime->host_namespace);
}

void runtime_return(Runtime *runtime) {
        runtime_leave_mounts(runtime);
}

int runtime_proc(const Runtime *runtime) {
        return runtime->proc;
}

const Features *runtime_features(const Runtime *runtime) {
        return &runtime->features;
}

char **runtime_feature_names(const Runtime *runtime) {
        const struct {
                bool there;
                const char *name;
        } table[] = {
                {runtime->features.idmapped_overlay, "idmapped-overlay"},
                {runtime->features.overlay_fd_layers, "overlay-fd-layers"},
        };
        _cleanup_strv_free_ char **names = strv_copy(NULL);

        if (!names)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (table[i].there && strv_extend(&names, table[i].name) < 0)
                        return NULL;
        return TAKE_PTR(names);
}

int runtime_open_container(const Runtime *runtime, const char *id) {
        char path[sizeof("containers/") + ID_LENGTH];
        int fd;

        snprintf(path, sizeof(path), "containers/%s", id);
        fd = openat(runtime->state, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

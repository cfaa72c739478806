/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The layer that holds what lies in a container's volumes, so that a commit can include it. */

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "shared/strutil.h"
#include "worker/copy.h"
#include "worker/job.h"
#include "worker/part.h"
#include "worker/target.h"
#include "worker/xattr.h"

/* The way down to a target in the view and the same in the layer. */
typedef struct Step {
        int from, to;
        struct stat st;
} Step;

typedef struct Way {
        Step steps[PATH_MAX / 2];
        size_t n;
} Way;

static void way_freep(Way **way) {
        if (!*way)
                return;
        for (size_t i = 0; i < (*way)->n; i++) {
                safe_close((*way)->steps[i].from);
                safe_close((*way)->steps[i].to);
        }
        free(*way);
}

/* Opens `name` in the last step as the next one; in the layer it is made. */
static int descend(Way *way, Copy *copy, const char *name, const char *path, Error *e) {
        const Step *last = &way->steps[way->n - 1];
        Step *next = &way->steps[way->n];
        bool made;

        *next = (Step){.from = -EBADF, .to = -EBADF};
        way->n++;
        next->from = openat(last->from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next->from < 0 || fstat(next->from, &next->st) < 0)
                return error_set(e, errno, "read", "opening /%s", path);
        made = mkdirat(last->to, name, 0700) >= 0;
        if (!made && errno != EEXIST)
                return error_set(e, errno, "write", "making /%s", path);
        next->to = openat(last->to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next->to < 0)
                return error_set(e, errno, "write", "opening the new /%s", path);
        return made ? copy_directory_metadata(copy, next->from, &next->st, next->to, path, e) : 0;
}

/* The last component of a target: a directory with what is in it, or a file. */
static int copy_target(Way *way, Copy *copy, const char *name, const char *path, Error *e) {
        const Step *parent = &way->steps[way->n - 1];
        const Step *last;
        struct stat st;
        int r;

        if (fstatat(parent->from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return error_set(e, errno, "read", "examining /%s", path);
        if (!S_ISDIR(st.st_mode))
                return copy_file(copy, parent->from, parent->to, name, path, e);
        TRY(descend(way, copy, name, path, e));
        last = &way->steps[way->n - 1];
        TRY(copy_tree(copy, last->from, last->to, e));
        r = overlay_set_opaque(last->to);
        if (r < 0)
                return error_set(e, r, "write", "marking /%s as opaque", path);
        way->n--;
        safe_close(last->from);
        safe_close(last->to);
        return 0;
}

static int finish_directories(const Way *way, Copy *copy, const char *path, Error *e) {
        for (size_t i = way->n; i-- > 0;)
                TRY(copy_directory_finish(copy, way->steps[i].from, &way->steps[i].st,
                                          way->steps[i].to, path, e));
        return 0;
}

static int copy_volume(int view, int layer, Copy *copy, const char *path, Error *e) {
        _cleanup_(way_freep) Way *way = calloc(1, sizeof(*way));
        _cleanup_strv_free_ char **names = strv_split(path, '/');
        size_t i = 0;

        if (!way || !names)
                return error_oom(e);
        way->n = 1;
        way->steps[0].from = openat(view, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        way->steps[0].to = openat(layer, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (way->steps[0].from < 0 || way->steps[0].to < 0 ||
            fstat(way->steps[0].from, &way->steps[0].st) < 0)
                return error_set(e, errno, "read", "opening the view");
        TRY(copy_directory_metadata(copy, way->steps[0].from, &way->steps[0].st, way->steps[0].to,
                                    "", e));
        for (; names[i + 1]; i++)
                TRY(descend(way, copy, names[i], path, e));
        TRY(copy_target(way, copy, names[i], path, e));
        return finish_directories(way, copy, path, e);
}

static int compare(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Whether one of the `n` paths is, or is above, the one after them. */
static bool is_covered(char *const *paths, size_t n) {
        for (size_t i = 0; i < n; i++) {
                const char *rest = startswith(paths[n], paths[i]);

                if (rest && (*rest == '\0' || *rest == '/'))
                        return true;
        }
        return false;
}

static int resolve_targets(int view, char *const *targets, char ***ret, Error *e) {
        for (size_t i = 0; i < strv_length(targets); i++) {
                char *real = NULL;
                int r;

                /* The view does not change meanwhile: its container is frozen or does not run. */
                r = path_resolve(view, targets[i], &real);
                if (r >= 0 && isempty(real)) {
                        free(real);
                        r = -EINVAL;
                }
                if (r < 0)
                        return error_set(e, r, "read", "finding the volume %s", targets[i]);
                if (strv_consume(ret, real) < 0)
                        return error_oom(e);
        }
        return 0;
}

int work_volumes(Job *job, Json *done, Error *e) {
        _cleanup_strv_free_ char **paths = NULL;
        _cleanup_close_ int layer = -EBADF;
        Copy copy = {.id_base = job->order.id_base};

        TRY(resolve_targets(job->fds[1], job->order.targets, &paths, e));
        layer = part_make(job->fds[0], 0, e);
        if (layer < 0)
                return layer;
        if (paths)
                qsort(paths, strv_length(paths), sizeof(*paths), compare);
        for (size_t i = 0; paths && paths[i]; i++) {
                /* What is mounted inside of a volume has come along with it. */
                if (!is_covered(paths, i))
                        TRY(copy_volume(job->fds[1], layer, &copy, paths[i], e));
        }
        return json_add_u64(done, "size", copy.bytes) < 0 ? error_oom(e) : 0;
}

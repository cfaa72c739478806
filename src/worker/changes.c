/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a container has changed of its image's files: its upper directory compared with the layers below.
 * A directory counts as modified also when something in it has changed. */

#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#include "shared/strutil.h"
#include "shared/syscalls.h"
#include "worker/dirs.h"
#include "worker/job.h"
#include "worker/walk.h"
#include "worker/xattr.h"

enum { MODIFIED = '0', ADDED = '1', DELETED = '2' };

/* A directory on the way down. */
typedef struct Level {
        size_t path_length;
        bool reported;
        /* The layers that have a part of this directory, as indices of Changes.layers. */
        uint8_t layers[FD_PASS_MAX];
        size_t n;
} Level;

typedef struct Changes {
        const int *layers; /* the highest first */
        size_t n_layers;
        Level *levels; /* by depth */
        size_t n_levels;
        char **list; /* each a kind and a path */
        size_t n, allocated, size;
} Changes;

static void changes_done(Changes *changes) {
        for (size_t i = 0; i < changes->n; i++)
                free(changes->list[i]);
        free(changes->list);
        free(changes->levels);
}

static int add(Changes *changes, char kind, const char *path, size_t length, Error *e) {
        char *text;

        changes->size += length + 3;
        if (changes->size > CHANGES_SIZE_MAX)
                return error_set(e, E2BIG, "changes", "There are too many changes to list");
        if (changes->n == changes->allocated) {
                size_t larger = MAX(changes->allocated * 2, (size_t)256);
                char **grown = reallocarray(changes->list, larger, sizeof(char *));

                if (!grown)
                        return error_oom(e);
                changes->list = grown;
                changes->allocated = larger;
        }
        text = strf("%c/%.*s", kind, (int)length, path);
        if (!text)
                return error_oom(e);
        changes->list[changes->n++] = text;
        return 0;
}

/* Notes a change, and before it the directories above, down to `depth`, that have none yet. */
static int report(Changes *changes, size_t depth, char kind, const char *path, Error *e) {
        for (size_t i = 1; i < depth; i++) {
                Level *level = &changes->levels[i];

                if (!level->reported)
                        TRY(add(changes, MODIFIED, path, level->path_length, e));
                level->reported = true;
        }
        return add(changes, kind, path, strlen(path), e);
}

static int open_in_layer(int layer, const char *path, int flags) {
        int fd = sys_openat2(layer, path, (uint64_t)flags | O_NOFOLLOW, 0,
                             RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);

        return fd < 0 ? -errno : fd;
}

static bool hides_below(int layer, const char *path) {
        _cleanup_close_ int fd = open_in_layer(layer, path, O_RDONLY | O_DIRECTORY);

        return fd >= 0 && overlay_is_opaque(fd);
}

/* Looks a path up in the layers that have its directory, as overlay does. `ret` becomes the layers that have a
 * part of it, if it is a directory. Return: the index of the layer that shows it, or -1: the image does not
 * have it; or -errno - 1. */
static int look_up(const Changes *changes, const Level *parent, const char *path, struct stat *st,
                   Level *ret) {
        int found = -1;

        ret->n = 0;
        for (size_t i = 0; i < parent->n; i++) {
                int layer = changes->layers[parent->layers[i]];
                struct stat here;

                if (fstatat(layer, path, &here, AT_SYMLINK_NOFOLLOW) < 0) {
                        if (errno != ENOENT)
                                return -errno - 1;
                        continue;
                }
                if (is_whiteout(&here) || (found >= 0 && !S_ISDIR(here.st_mode)))
                        break;
                if (found < 0) {
                        found = parent->layers[i];
                        *st = here;
                }
                if (!S_ISDIR(here.st_mode))
                        break;
                ret->layers[ret->n++] = parent->layers[i];
                if (hides_below(layer, path))
                        break;
        }
        return found;
}

/* Whether a file has another file capability, which nothing else of it shows. */
static bool capability_differs(int layer, const WalkEntry *entry) {
        _cleanup_close_ int a = -EBADF, b = -EBADF;
        char one[64], other[64];
        ssize_t n, m;

        a = open_in_layer(layer, entry->path, O_RDONLY | O_NONBLOCK);
        b = openat(entry->dir_fd, entry->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (a < 0 || b < 0)
                return false;
        n = fgetxattr(a, "security.capability", one, sizeof(one));
        m = fgetxattr(b, "security.capability", other, sizeof(other));
        return n != m || (n > 0 && memcmp(one, other, (size_t)n) != 0);
}

/* What was copied up need not have changed. A directory's time and size say nothing of itself. */
static bool differs(int layer, const WalkEntry *entry, const struct stat *st) {
        const struct stat *now = &entry->st;

        if (now->st_mode != st->st_mode || now->st_uid != st->st_uid || now->st_gid != st->st_gid ||
            now->st_rdev != st->st_rdev)
                return true;
        if (S_ISDIR(now->st_mode))
                return false;
        return now->st_size != st->st_size || now->st_mtim.tv_sec != st->st_mtim.tv_sec ||
               now->st_mtim.tv_nsec != st->st_mtim.tv_nsec ||
               (S_ISREG(now->st_mode) && capability_differs(layer, entry));
}

/* One name that a layer has in a directory which hides the layers. */
static int report_hidden(Changes *changes, const WalkEntry *directory, const char *name, Error *e) {
        _cleanup_free_ char *path = strf("%s/%s", directory->path, name);
        Level ignored;
        struct stat st;
        int found;

        if (!path)
                return error_oom(e);
        if (fstatat(directory->fd, name, &st, AT_SYMLINK_NOFOLLOW) >= 0)
                return 0;
        found = look_up(changes, &changes->levels[directory->depth], path, &st, &ignored);
        if (found < -1)
                return error_set(e, found + 1, "read", "examining /%s", path);
        return found < 0 ? 0 : report(changes, directory->depth + 1, DELETED, path, e);
}

typedef struct Hidden {
        Changes *changes;
        const WalkEntry *directory;
        char **names; /* seen in a higher layer */
} Hidden;

static int on_hidden(void *userdata, const WalkEntry *entry, Error *e) {
        Hidden *hidden = userdata;

        if (entry->depth == 0)
                return 0;
        if (!strv_contains(hidden->names, entry->name)) {
                TRY(report_hidden(hidden->changes, hidden->directory, entry->name, e));
                if (strv_extend(&hidden->names, entry->name) < 0)
                        return error_oom(e);
        }
        return WALK_SKIP;
}

/* An opaque directory: what the layers have there and it has not was deleted with the directory it replaced. */
static int report_all_hidden(Changes *changes, const WalkEntry *directory, Error *e) {
        const Level *level = &changes->levels[directory->depth];
        Hidden hidden = {.changes = changes, .directory = directory};
        const WalkHandler handler = {.enter = on_hidden, .userdata = &hidden};
        int r = 0;

        for (size_t i = 0; r >= 0 && i < level->n; i++) {
                _cleanup_close_ int fd = open_in_layer(changes->layers[level->layers[i]],
                                                       directory->path, O_RDONLY | O_DIRECTORY);

                r = fd < 0 ? error_set(e, fd, "read", "opening /%s", directory->path) :
                             walk(fd, &handler, e);
        }
        strv_free(hidden.names);
        return r;
}

static Level *level_at(Changes *changes, size_t depth, Error *e) {
        Level *grown;

        if (depth < changes->n_levels)
                return &changes->levels[depth];
        grown = reallocarray(changes->levels, depth + 32, sizeof(*grown));
        if (!grown) {
                error_oom(e);
                return NULL;
        }
        changes->levels = grown;
        changes->n_levels = depth + 32;
        return &grown[depth];
}

static int enter_root(Changes *changes, Error *e) {
        Level *root = level_at(changes, 0, e);

        if (!root)
                return -e->number;
        *root = (Level){.reported = true, .n = changes->n_layers};
        for (size_t i = 0; i < changes->n_layers; i++)
                root->layers[i] = (uint8_t)i;
        return 0;
}

/* Where a container's own file systems and files are mounted, if the image had no such place. */
static bool is_mount_point(const WalkEntry *entry) {
        static const char *const directories[] = {"dev", "proc", "sys"};
        static const char *const files[] = {"etc/hostname", "etc/hosts", "etc/resolv.conf"};

        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                if (S_ISDIR(entry->st.st_mode) && streq(entry->path, directories[i]))
                        return true;
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                if (S_ISREG(entry->st.st_mode) && entry->st.st_size == 0 &&
                    streq(entry->path, files[i]))
                        return true;
        return false;
}

static int on_entry(void *userdata, const WalkEntry *entry, Error *e) {
        Changes *changes = userdata;
        Level *level = level_at(changes, entry->depth, e);
        struct stat st;
        char kind = 0;
        int found;

        if (!level)
                return -e->number;
        if (entry->depth == 0)
                return enter_root(changes, e);
        found = look_up(changes, level - 1, entry->path, &st, level);
        if (found < -1)
                return error_set(e, found + 1, "read", "examining /%s", entry->path);
        if (is_whiteout(&entry->st))
                kind = found >= 0 ? DELETED : 0;
        else if (found < 0)
                kind = is_mount_point(entry) ? 0 : ADDED;
        else if (differs(changes->layers[found], entry, &st))
                kind = MODIFIED;
        if (kind != 0)
                TRY(report(changes, entry->depth, kind, entry->path, e));
        level->path_length = strlen(entry->path);
        level->reported = kind != 0;
        if (S_ISDIR(entry->st.st_mode) && level->n > 0 && overlay_is_opaque(entry->fd))
                return report_all_hidden(changes, entry, e);
        return 0;
}

/* By path, the kind left out. */
static int compare(const void *a, const void *b) {
        return strcmp(*(char *const *)a + 1, *(char *const *)b + 1);
}

int work_changes(Job *job, Json *done, Error *e) {
        _cleanup_(changes_done)
                Changes changes = {.layers = job->fds + 2, .n_layers = job->n_fds - 2};
        const WalkHandler handler = {.enter = on_entry, .userdata = &changes};

        TRY(walk(job->fds[1], &handler, e));
        if (changes.n > 0)
                qsort(changes.list, changes.n, sizeof(char *), compare);
        for (size_t i = 0; i < changes.n; i++) {
                int r = fd_write_all(job->fds[0], changes.list[i], strlen(changes.list[i]) + 1);

                if (r < 0)
                        return error_set(e, r, "write", "writing the list");
        }
        return 0;
}

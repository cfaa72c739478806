/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "shared/strutil.h"
#include "shared/syscalls.h"
#include "worker/walk.h"

/* So many directories on the way down stay open; deeper ones are opened again through "..". */
#define OPEN_MAX_LEVELS 256

/* Not in linux/magic.h. */
#ifndef MQUEUE_MAGIC
#define MQUEUE_MAGIC 0x19800202
#endif

typedef struct Level {
        int fd;
        struct stat st;
        size_t path_length; /* of this directory in Walk.path */
        /* The names in it, one after the other, and pointers to them in order, NULL at the end. */
        char *text, **names;
        size_t n, next;
} Level;

typedef struct Walk {
        const WalkHandler *handler;
        Level *levels;
        size_t n_levels, allocated_levels;
        char *path;
        size_t allocated_path;
} Walk;

static void level_done(Level *level) {
        safe_close(level->fd);
        free(level->text);
        free(level->names);
}

static void walk_done(Walk *walk) {
        while (walk->n_levels > 0)
                level_done(&walk->levels[--walk->n_levels]);
        free(walk->levels);
        free(walk->path);
}

static int compare(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_name(char **text, size_t *size, size_t *allocated, const char *name) {
        size_t length = strlen(name) + 1;

        if (*allocated - *size < length) {
                size_t larger = MAX(*allocated * 2, 1024);
                char *grown = realloc(*text, larger);

                if (!grown)
                        return -ENOMEM;
                *text = grown;
                *allocated = larger;
        }
        memcpy(*text + *size, name, length);
        *size += length;
        return 0;
}

/* Reads all names of the level's directory and sorts them. */
static int read_names(Level *level) {
        _cleanup_closedir_ DIR *dir = NULL;
        _cleanup_close_ int copy = -EBADF;
        size_t size = 0, allocated = 0, i = 0;

        copy = openat(level->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (copy < 0)
                return -errno;
        dir = fdopendir(copy);
        if (!dir)
                return -errno;
        (void)TAKE_FD(copy);
        for (;;) {
                struct dirent *entry;

                errno = 0;
                entry = readdir(dir);
                if (!entry)
                        break;
                if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
                        continue;
                TRY(add_name(&level->text, &size, &allocated, entry->d_name));
                level->n++;
        }
        if (errno != 0)
                return -errno;
        level->names = reallocarray(NULL, level->n + 1, sizeof(*level->names));
        if (!level->names)
                return -ENOMEM;
        for (char *name = level->text; i < level->n; name += strlen(name) + 1)
                level->names[i++] = name;
        level->names[i] = NULL;
        qsort(level->names, level->n, sizeof(*level->names), compare);
        return 0;
}

/* Appends "/name" to the path of the directory that is `length` long. */
static int extend_path(Walk *walk, size_t length, const char *name) {
        size_t needed = length + 1 + strlen(name) + 1;

        if (needed > walk->allocated_path) {
                char *grown = realloc(walk->path, needed * 2);

                if (!grown)
                        return -ENOMEM;
                walk->path = grown;
                walk->allocated_path = needed * 2;
        }
        if (length > 0)
                walk->path[length++] = '/';
        memcpy(walk->path + length, name, strlen(name) + 1);
        return 0;
}

static bool is_kernel_file_system(int fd) {
        static const unsigned long magics[] = {
                PROC_SUPER_MAGIC,   SYSFS_MAGIC,  CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
                DEVPTS_SUPER_MAGIC, MQUEUE_MAGIC, DEBUGFS_MAGIC,      TRACEFS_MAGIC,
                SECURITYFS_MAGIC,   BPF_FS_MAGIC, NSFS_MAGIC,         BINFMTFS_MAGIC,
        };
        struct statfs fs;

        if (fstatfs(fd, &fs) < 0)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(magics); i++)
                if ((unsigned long)fs.f_type == magics[i])
                        return true;
        return false;
}

static WalkEntry entry_of(const Walk *walk, const Level *level, int dir_fd, const char *name) {
        return (WalkEntry){
                .dir_fd = dir_fd,
                .name = name,
                .path = walk->path,
                .depth = walk->n_levels,
                .st = level->st,
                .fd = level->fd,
        };
}

/* Enters a directory; takes `fd`. Return: as the handler's enter. */
static int push(Walk *walk, int fd, const struct stat *st, int dir_fd, const char *name, Error *e) {
        Level level = {.fd = fd, .st = *st, .path_length = strlen(walk->path)};
        WalkEntry entry = entry_of(walk, &level, dir_fd, name);
        const Level *above = walk->n_levels > 0 ? &walk->levels[walk->n_levels - 1] : NULL;
        Level *levels;
        int r;

        r = walk->handler->enter(walk->handler->userdata, &entry, e);
        if (r == 0 && !(above && above->st.st_dev != st->st_dev && is_kernel_file_system(fd))) {
                r = read_names(&level);
                if (r < 0)
                        error_set(e, r, "read", "reading the directory /%s", walk->path);
        }
        if (r == 0 && (!walk->levels || walk->n_levels == walk->allocated_levels)) {
                size_t larger = MAX(walk->allocated_levels * 2, 64u);

                levels = reallocarray(walk->levels, larger, sizeof(*levels));
                if (levels) {
                        walk->levels = levels;
                        walk->allocated_levels = larger;
                } else {
                        error_oom(e);
                        r = -ENOMEM;
                }
        }
        if (r != 0) {
                level_done(&level);
                return r;
        }
        if (walk->n_levels >= OPEN_MAX_LEVELS)
                walk->levels[walk->n_levels - 1].fd =
                        safe_close(walk->levels[walk->n_levels - 1].fd);
        walk->levels[walk->n_levels++] = level;
        return 0;
}

/* Opens again the directory above the last level, if it was closed. */
static int reopen_above(Walk *walk, Error *e) {
        Level *level = &walk->levels[walk->n_levels - 1], *above = level - 1;
        struct stat st;

        if (above->fd >= 0)
                return 0;
        above->fd = openat(level->fd, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (above->fd < 0 || fstat(above->fd, &st) < 0)
                return error_set(e, errno, "read", "going back from /%s", walk->path);
        if (st.st_dev != above->st.st_dev || st.st_ino != above->st.st_ino)
                return error_set(e, EBUSY, "read", "/%s was moved", walk->path);
        return 0;
}

static int pop(Walk *walk, Error *e) {
        Level *level = &walk->levels[walk->n_levels - 1];

        walk->path[level->path_length] = '\0';
        if (walk->n_levels > 1)
                TRY(reopen_above(walk, e));
        if (walk->handler->leave) {
                const char *name = strrchr(walk->path, '/');
                bool root = walk->n_levels == 1;
                WalkEntry entry;

                name = root ? "." : name ? name + 1 : walk->path;
                walk->n_levels--;
                entry = entry_of(walk, level, root ? level->fd : level[-1].fd, name);
                walk->n_levels++;
                TRY(walk->handler->leave(walk->handler->userdata, &entry, e));
        }
        level_done(level);
        walk->n_levels--;
        return 0;
}

/* Return: 0 or a negative errno. */
static int visit(Walk *walk, int dir_fd, const char *name, Error *e) {
        WalkEntry entry = {
                .dir_fd = dir_fd,
                .name = name,
                .path = walk->path,
                .depth = walk->n_levels,
                .fd = -EBADF,
        };
        int fd;

        if (fstatat(dir_fd, name, &entry.st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 :
                                         error_set(e, errno, "read", "examining /%s", walk->path);
        if (!S_ISDIR(entry.st.st_mode))
                return MIN(walk->handler->enter(walk->handler->userdata, &entry, e), 0);
        fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : error_set(e, errno, "read", "opening /%s", walk->path);
        /* What was opened counts, not what had this name before; and a mount point shows its
         * mount. */
        if (fstat(fd, &entry.st) < 0) {
                safe_close(fd);
                return error_set(e, errno, "read", "examining /%s", walk->path);
        }
        return MIN(push(walk, fd, &entry.st, dir_fd, name, e), 0);
}

int walk(int root_fd, const WalkHandler *handler, Error *e) {
        return walk_as(root_fd, "", handler, e);
}

int walk_as(int root_fd, const char *path, const WalkHandler *handler, Error *e) {
        _cleanup_(walk_done) Walk w = {.handler = handler};
        struct stat st;
        int fd, r;

        r = extend_path(&w, 0, path);
        if (r < 0)
                return error_oom(e);
        fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0) {
                safe_close(fd);
                return error_set(e, errno, "read", "opening the directory");
        }
        r = push(&w, fd, &st, root_fd, ".", e);
        if (r != 0)
                return MIN(r, 0);
        while (w.n_levels > 0) {
                Level *level = &w.levels[w.n_levels - 1];

                if (level->names && level->names[level->next]) {
                        const char *name = level->names[level->next++];

                        r = extend_path(&w, level->path_length, name);
                        r = r < 0 ? error_oom(e) : visit(&w, level->fd, name, e);
                } else
                        r = pop(&w, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

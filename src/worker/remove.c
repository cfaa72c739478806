/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "shared/fault.h"
#include "shared/strutil.h"
#include "shared/syscalls.h"
#include "worker/job.h"
#include "worker/tree.h"

/* So many directories are open at a time. A deeper one is first moved up to the top, so that a
 * tree may be deeper than descriptors, stack or PATH_MAX allow. */
#define DEPTH_MAX 128

typedef struct Level {
        DIR *dir;
        char name[NAME_MAX + 1]; /* in the level above */
        unsigned rescans;
} Level;

typedef struct Removal {
        Level levels[DEPTH_MAX];
        size_t n_levels;
        unsigned n_moved;
        bool moved; /* something was moved to the top since it was last read */
} Removal;

static int level_fd(const Removal *removal, size_t i) {
        return dirfd(removal->levels[i].dir);
}

/* Takes the immutable and append-only flags off what is `fd`. */
static void clear_flags(int fd) {
        int flags;

        if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || !(flags & (FS_IMMUTABLE_FL | FS_APPEND_FL)))
                return;
        flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
        (void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

/* unlinkat(2), through the flags that chattr(1) sets. */
static int unlink_stubbornly(int dir_fd, const char *name, int flags) {
        _cleanup_close_ int fd = -EBADF;

        if (FAULT("remove.file") < 0)
                return -errno;
        if (unlinkat(dir_fd, name, flags) >= 0 || errno == ENOENT)
                return 0;
        if (errno != EPERM)
                return -errno;
        clear_flags(dir_fd);
        fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0)
                clear_flags(fd);
        return unlinkat(dir_fd, name, flags) < 0 && errno != ENOENT ? -errno : 0;
}

/* Opens a directory that is on the same mount. Return: 0 or a negative errno. */
static int push(Removal *removal, int dir_fd, const char *name, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        Level *level = &removal->levels[removal->n_levels];

        fd = sys_openat2(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
                         RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);
        if (fd < 0)
                return error_set(e, errno, "remove", "opening the directory %s", name);
        *level = (Level){.dir = fdopendir(fd)};
        if (!level->dir)
                return error_set(e, errno, "remove", "reading the directory %s", name);
        (void)TAKE_FD(fd);
        snprintf(level->name, sizeof(level->name), "%s", name);
        removal->n_levels++;
        return 0;
}

static int enter(Removal *removal, const char *name, Error *e) {
        int dir_fd = level_fd(removal, removal->n_levels - 1);
        char moved[32];

        if (removal->n_levels < DEPTH_MAX)
                return push(removal, dir_fd, name, e);
        for (;;) {
                snprintf(moved, sizeof(moved), ".deep-%u", removal->n_moved++);
                if (renameat2(dir_fd, name, level_fd(removal, 0), moved, RENAME_NOREPLACE) >= 0)
                        break;
                if (errno != EEXIST)
                        return error_set(e, errno, "remove", "moving the deep directory %s up",
                                         name);
        }
        removal->moved = true;
        return 0;
}

static int remove_entry(Removal *removal, const struct dirent *entry, Error *e) {
        int r;

        if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
                return 0;
        if (entry->d_type == DT_DIR)
                return enter(removal, entry->d_name, e);
        r = unlink_stubbornly(level_fd(removal, removal->n_levels - 1), entry->d_name, 0);
        if (r == -EISDIR)
                return enter(removal, entry->d_name, e);
        return r < 0 ? error_set(e, r, "remove", "deleting %s", entry->d_name) : 0;
}

/* The last level has been read to its end. Return: 1 when all is done, 0 to go on, or a negative
 * errno. */
static int leave(Removal *removal, Error *e) {
        Level *level = &removal->levels[removal->n_levels - 1];
        int r;

        if (removal->n_levels == 1) {
                if (!removal->moved)
                        return 1;
                removal->moved = false;
                rewinddir(level->dir);
                return 0;
        }
        r = unlink_stubbornly(level_fd(removal, removal->n_levels - 2), level->name, AT_REMOVEDIR);
        /* Some file systems skip entries when others are deleted during the reading. */
        if (r == -ENOTEMPTY && level->rescans++ < 3) {
                rewinddir(level->dir);
                return 0;
        }
        if (r < 0)
                return error_set(e, r, "remove", "deleting the directory %s", level->name);
        closedir(level->dir);
        removal->n_levels--;
        return 0;
}

static void removal_freep(Removal **p) {
        if (*p)
                while ((*p)->n_levels > 0)
                        closedir((*p)->levels[--(*p)->n_levels].dir);
        free(*p);
}

int tree_empty(int dir_fd, Error *e) {
        _cleanup_(removal_freep) Removal *removal = calloc(1, sizeof(*removal));
        int r;

        if (!removal)
                return error_oom(e);
        r = push(removal, dir_fd, ".", e);
        while (r == 0 && removal->n_levels > 0) {
                struct dirent *entry;

                errno = 0;
                entry = readdir(removal->levels[removal->n_levels - 1].dir);
                if (entry)
                        r = remove_entry(removal, entry, e);
                else if (errno != 0)
                        r = error_set(e, errno, "remove", "reading a directory");
                else
                        r = leave(removal, e);
        }
        return MIN(r, 0);
}

int tree_remove(int dir_fd, const char *name, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = unlink_stubbornly(dir_fd, name, 0);
        if (r == -EISDIR) {
                fd = sys_openat2(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
                                 RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);
                if (fd < 0)
                        return error_set(e, errno, "remove", "opening the directory %s", name);
                TRY(tree_empty(fd, e));
                r = unlink_stubbornly(dir_fd, name, AT_REMOVEDIR);
        }
        return r < 0 ? error_set(e, r, "remove", "deleting %s", name) : 0;
}

int work_remove(Job *job, Json *done, Error *e) {
        return tree_empty(job->fds[0], e);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "shared/fd.h"
#include "shared/strutil.h"
#include "shared/syscalls.h"
#include "worker/dirs.h"
#include "worker/xattr.h"

bool is_whiteout(const struct stat *st) {
        return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

Dir *dirs_last(Dirs *dirs) {
        return &dirs->items[dirs->n - 1];
}

void dirs_done(Dirs *dirs) {
        for (size_t i = 0; i < dirs->n; i++) {
                safe_close(dirs->items[i].fd);
                free(dirs->items[i].name);
                free(dirs->items[i].acl);
        }
        free(dirs->items);
        *dirs = DIRS_INIT;
}

int dirs_set_acl(Dirs *dirs, const void *value, size_t size) {
        Dir *dir = dirs_last(dirs);
        void *copy = malloc(size);

        if (!copy)
                return -ENOMEM;
        memcpy(copy, value, size);
        free(dir->acl);
        dir->acl = copy;
        dir->acl_size = size;
        dirs->acls = true;
        return 0;
}

/* From a directory that was left before and is entered again. */
static int take_acl(Dirs *dirs) {
        _cleanup_(xattrs_done) Xattrs xattrs = XATTRS_INIT;
        int fd = dirs_last(dirs)->fd;
        const Xattr *acl;

        TRY(xattrs_read(fd, 0, &xattrs));
        acl = xattrs_find(&xattrs, XATTR_ACL_DEFAULT);
        if (!acl)
                return 0;
        TRY(dirs_set_acl(dirs, acl->value, acl->size));
        return xattr_remove(fd, XATTR_ACL_DEFAULT);
}

/* Takes `fd`. A directory that was there keeps its time whatever is made in it, in a tree of our own. */
static int append(Dirs *dirs, int fd, const char *name, Error *e) {
        struct stat st;
        Dir dir = {.fd = fd};
        int r;

        if (fstat(fd, &st) < 0) {
                safe_close(fd);
                return error_set(e, errno, "write", "examining the directory %s", name);
        }
        dir.name = strdup(name);
        if (dir.name && dirs->n == dirs->allocated) {
                size_t larger = MAX(dirs->allocated * 2, (size_t)32);
                Dir *items = reallocarray(dirs->items, larger, sizeof(*items));

                if (items) {
                        dirs->items = items;
                        dirs->allocated = larger;
                }
        }
        if (!dir.name || dirs->n == dirs->allocated) {
                safe_close(fd);
                free(dir.name);
                return error_oom(e);
        }
        dir.set_time = !dirs->shared;
        dir.time = st.st_mtim;
        dir.setgid = st.st_mode & S_ISGID;
        dirs->items[dirs->n++] = dir;
        r = dirs->acls ? take_acl(dirs) : 0;
        return r < 0 ? error_set(e, r, "write", "taking the ACL of the directory %s", name) : 0;
}

int dirs_init(Dirs *dirs, int root_fd, bool layer, const int *lowers, size_t n_lowers, Error *e) {
        int fd;

        *dirs = (Dirs){.layer = layer, .lowers = lowers, .n_lowers = n_lowers};
        fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return error_set(e, errno, "write", "opening the directory to unpack into");
        return append(dirs, fd, ".", e);
}

int dirs_push(Dirs *dirs, const char *name, Error *e) {
        int fd = openat(dirs_last(dirs)->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
                return error_set(e, errno, "write", "opening the directory %s", name);
        return append(dirs, fd, name, e);
}

int dirs_leave(Dirs *dirs, size_t n, Error *e) {
        int r = 0;

        while (dirs->n > n) {
                Dir *dir = &dirs->items[--dirs->n];
                const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, dir->time};

                if (r >= 0 && dir->acl) {
                        r = xattr_write(dir->fd, XATTR_ACL_DEFAULT, dir->acl, dir->acl_size);
                        if (r < 0)
                                error_set(e, r, r == -EINVAL ? "archive" : "write",
                                          "setting the default ACL of the directory %s", dir->name);
                }
                if (r >= 0 && dir->set_time && futimens(dir->fd, times) < 0)
                        r = error_set(e, errno, "write", "setting the time of the directory %s",
                                      dir->name);
                safe_close(dir->fd);
                free(dir->name);
                free(dir->acl);
        }
        return r;
}

int dirs_make(Dirs *dirs, const char *name, mode_t mode) {
        int dir_fd = dirs_last(dirs)->fd, fd, r;
        struct stat st;

        if (mkdirat(dir_fd, name, mode) >= 0)
                return 1;
        if (errno != EEXIST)
                return -errno;
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return 0;
        if (!dirs->layer || !is_whiteout(&st))
                return -EEXIST;
        if (unlinkat(dir_fd, name, 0) < 0 || mkdirat(dir_fd, name, mode) < 0)
                return -errno;
        /* What it stood for in the layers below stays hidden. */
        fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = overlay_set_opaque(fd);
        safe_close(fd);
        return r < 0 ? r : 1;
}

/* Gives the last directory what the uppermost layer below has under this path. */
static int copy_from_below(Dirs *dirs, const char *path, Error *e) {
        Dir *dir = dirs_last(dirs);

        for (size_t i = dirs->n_lowers; i-- > 0;) {
                _cleanup_(xattrs_done) Xattrs xattrs = XATTRS_INIT;
                _cleanup_close_ int fd = -EBADF;
                struct stat st;
                int r;

                fd = sys_openat2(dirs->lowers[i], path, O_RDONLY | O_DIRECTORY, 0,
                                 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
                if (fd < 0)
                        continue;
                r = fstat(fd, &st) < 0 ? -errno : xattrs_read(fd, 0, &xattrs);
                if (r >= 0 && (fchown(dir->fd, st.st_uid, st.st_gid) < 0 ||
                               fchmod(dir->fd, st.st_mode & 07777) < 0))
                        r = -errno;
                if (r >= 0)
                        r = xattrs_write(dir->fd, &xattrs);
                if (r >= 0 && xattrs_find(&xattrs, XATTR_ACL_DEFAULT))
                        r = take_acl(dirs);
                if (r < 0)
                        return error_set(e, r, "write", "copying the directory %s", path);
                dir->set_time = true;
                dir->time = st.st_mtim;
                dir->setgid = st.st_mode & S_ISGID;
                return 0;
        }
        return 0;
}

static char *join(char *const *components, size_t n) {
        size_t size = 1;
        char *path, *p;

        for (size_t i = 0; i < n; i++)
                size += strlen(components[i]) + 1;
        p = path = malloc(size);
        if (!path)
                return NULL;
        for (size_t i = 0; i < n; i++) {
                if (i > 0)
                        *p++ = '/';
                p = stpcpy(p, components[i]);
        }
        *p = '\0';
        return path;
}

/* Makes and enters the last of these components, which no entry has named. */
static int make_implied(Dirs *dirs, char *const *components, size_t n, Error *e) {
        const char *name = components[n - 1];
        bool setgid = dirs_last(dirs)->setgid;
        _cleanup_free_ char *path = NULL;
        int r;

        r = dirs_make(dirs, name, 0755);
        if (r < 0)
                return error_set(e, r, "write", "making the directory %s", name);
        TRY(dirs_push(dirs, name, e));
        if (setgid &&
            (fchown(dirs_last(dirs)->fd, 0, 0) < 0 || fchmod(dirs_last(dirs)->fd, 0755) < 0))
                return error_set(e, errno, "write", "setting the owner of %s", name);
        dirs_last(dirs)->set_time = false;
        dirs_last(dirs)->setgid = false;
        if (dirs->n_lowers == 0)
                return 0;
        path = join(components, n);
        if (!path)
                return error_oom(e);
        return copy_from_below(dirs, path, e);
}

/* Enters what a link stands for, with the root directory of the unpacked tree as its root. */
static int follow(Dirs *dirs, char *const *components, size_t n, const char *path, Error *e) {
        _cleanup_free_ char *way = join(components, n);
        int fd;

        if (!way)
                return error_oom(e);
        fd = fd_open_in_root(dirs->items[0].fd, way, O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0)
                return error_set(e, fd, "archive", "%s: what is above it is no directory", path);
        return append(dirs, fd, components[n - 1], e);
}

/* Enters the last of the components from the one before. */
static int enter_one(Dirs *dirs, char *const *components, size_t n, const char *path, Error *e) {
        const char *name = components[n - 1];
        int dir_fd = dirs_last(dirs)->fd, fd;
        struct stat st;

        fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0)
                return append(dirs, fd, name, e);
        if (errno == ENOENT)
                return make_implied(dirs, components, n, e);
        if (errno != ENOTDIR && errno != ELOOP)
                return error_set(e, errno, "write", "opening the directory %s", name);
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return error_set(e, errno, "write", "examining %s", name);
        if (dirs->layer && is_whiteout(&st))
                return make_implied(dirs, components, n, e);
        return follow(dirs, components, n, path, e);
}

int dirs_enter(Dirs *dirs, char *const *components, size_t n, const char *path, Error *e) {
        size_t common = 0;

        while (common < n && common + 1 < dirs->n &&
               streq(dirs->items[common + 1].name, components[common]))
                common++;
        TRY(dirs_leave(dirs, common + 1, e));
        for (size_t i = common; i < n; i++)
                TRY(enter_one(dirs, components, i + 1, path, e));
        return 0;
}

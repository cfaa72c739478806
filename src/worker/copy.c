/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/sysmacros.h>

#include "protocol/spec.h"
#include "shared/fault.h"
#include "worker/copy.h"
#include "worker/dirs.h"
#include "worker/job.h"
#include "worker/links.h"
#include "worker/part.h"
#include "worker/tree.h"
#include "worker/walk.h"
#include "worker/xattr.h"

/* Each level of the copy holds a descriptor. */
#define DEPTH_MAX 2048
/* Up to this size reading and writing is cheaper than having the kernel copy. */
#define SMALL_MAX ((size_t)64 * 1024)

typedef struct TreeCopy {
        Copy *copy;
        Links links;
        int to[DEPTH_MAX]; /* the directories on the way down */
} TreeCopy;

static int write_failed(int number, const char *path, Error *e) {
        return error_set(e, number, "write", "copying /%s", path);
}

/* The part of a file from `offset` to `end`, which has no holes. */
static int copy_range(int from, int to, off_t offset, off_t end) {
        bool by_range = true;

        if (lseek(to, offset, SEEK_SET) < 0)
                return -errno;
        while (offset < end) {
                size_t size = (size_t)MIN(end - offset, (off_t)(1 << 30));
                ssize_t n;

                if (by_range)
                        n = copy_file_range(from, &offset, to, NULL, size, 0);
                else
                        n = sendfile(to, from, &offset, size);
                if (n == 0)
                        return 0; /* it has become shorter */
                if (n > 0 || errno == EINTR)
                        continue;
                /* Between file systems, or of a kind that only knows the older call. */
                if (!by_range ||
                    (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS))
                        return -errno;
                by_range = false;
        }
        return 0;
}

/* Not more than there was at first, or whoever keeps writing could keep us here. */
static int copy_small(Copy *copy, int from, int to, size_t size) {
        char buffer[SMALL_MAX];

        while (size > 0) {
                ssize_t n = read(from, buffer, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : 0;
                TRY(fd_write_all(to, buffer, (size_t)n));
                copy->bytes += (uint64_t)n;
                size -= (size_t)n;
        }
        return 0;
}

static int copy_data(Copy *copy, int from, int to, const struct stat *st) {
        off_t offset = 0, size = st->st_size;

        if (!copy->no_clone) {
                if (ioctl(to, FICLONE, from) >= 0) {
                        copy->bytes += (uint64_t)size;
                        return 0;
                }
                copy->no_clone = true;
        }
        /* Without holes, as far as can be seen from here. */
        if (size <= (off_t)SMALL_MAX && (off_t)st->st_blocks * 512 >= size)
                return copy_small(copy, from, to, (size_t)size);
        while (offset < size) {
                off_t data = lseek(from, offset, SEEK_DATA), hole;

                if (data < 0 && errno == ENXIO)
                        break; /* nothing but a hole to its end */
                if (data < 0)
                        return -errno;
                hole = lseek(from, data, SEEK_HOLE);
                if (hole < 0)
                        return -errno;
                hole = MIN(hole, size);
                if (data >= hole)
                        break;
                TRY(copy_range(from, to, data, hole));
                copy->bytes += (uint64_t)(hole - data);
                offset = hole;
        }
        return ftruncate(to, size) < 0 ? -errno : 0;
}

/* Owner, mode and attributes, in the order in which none takes another away. */
static int copy_metadata(Copy *copy, int from, const struct stat *st, int to) {
        _cleanup_(xattrs_done) Xattrs xattrs = XATTRS_INIT;

        TRY(xattrs_read(from, copy->id_base, &xattrs));
        if (fchown(to, id_unshift(st->st_uid, copy->id_base),
                   id_unshift(st->st_gid, copy->id_base)) < 0 ||
            fchmod(to, st->st_mode & 07777) < 0)
                return -errno;
        return xattrs_write(to, &xattrs);
}

int copy_directory_metadata(Copy *copy, int from, const struct stat *st, int to, const char *path,
                            Error *e) {
        int r;

        r = copy_metadata(copy, from, st, to);
        /* Entries that are made in it would get it. */
        if (r >= 0)
                r = xattr_remove(to, XATTR_ACL_DEFAULT);
        if (r >= 0 && copy->layer && !copy->merge && overlay_is_opaque(from))
                r = overlay_set_opaque(to);
        return r < 0 ? write_failed(r, path, e) : 0;
}

int copy_directory_finish(Copy *copy, int from, const struct stat *st, int to, const char *path,
                          Error *e) {
        const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st->st_mtim};
        _cleanup_(xattrs_done) Xattrs xattrs = XATTRS_INIT;
        const Xattr *acl;
        int r;

        r = xattrs_read(from, copy->id_base, &xattrs);
        acl = xattrs_find(&xattrs, XATTR_ACL_DEFAULT);
        if (r >= 0 && acl)
                r = xattr_write(to, acl->name, acl->value, acl->size);
        if (r >= 0 && futimens(to, times) < 0)
                r = -errno;
        return r < 0 ? write_failed(r, path, e) : 0;
}

int copy_file(Copy *copy, int from_dir, int to_dir, const char *name, const char *path, Error *e) {
        _cleanup_close_ int from = -EBADF, to = -EBADF;
        struct timespec times[2];
        struct stat st;
        int r;

        /* O_NONBLOCK: it may have become a FIFO since it was examined. */
        from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (from < 0)
                return errno == ENOENT || errno == ELOOP ?
                               0 :
                               error_set(e, errno, "read", "opening /%s", path);
        if (fstat(from, &st) < 0)
                return error_set(e, errno, "read", "examining /%s", path);
        if (!S_ISREG(st.st_mode))
                return 0;
        to = FAULT("copy.file") < 0 ?
                     -1 :
                     openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                            0600);
        if (to < 0)
                return write_failed(errno, path, e);
        r = st.st_size > 0 ? copy_data(copy, from, to, &st) : 0;
        if (r >= 0)
                r = copy_metadata(copy, from, &st, to);
        times[0] = (struct timespec){.tv_nsec = UTIME_OMIT};
        times[1] = st.st_mtim;
        if (r >= 0 && futimens(to, times) < 0)
                r = -errno;
        return r < 0 ? write_failed(r, path, e) : 0;
}

/* Owner and time of what can't be opened, and its mode where it has one. */
static int finish_special(Copy *copy, const WalkEntry *entry, int to_dir, Error *e) {
        const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, entry->st.st_mtim};

        if (fchownat(to_dir, entry->name, id_unshift(entry->st.st_uid, copy->id_base),
                     id_unshift(entry->st.st_gid, copy->id_base), AT_SYMLINK_NOFOLLOW) < 0 ||
            (S_ISFIFO(entry->st.st_mode) &&
             fchmodat(to_dir, entry->name, entry->st.st_mode & 07777, 0) < 0) ||
            utimensat(to_dir, entry->name, times, AT_SYMLINK_NOFOLLOW) < 0)
                return write_failed(errno, entry->path, e);
        return 0;
}

static int copy_symlink(Copy *copy, const WalkEntry *entry, int to_dir, Error *e) {
        char target[PATH_MAX];
        ssize_t n;

        n = readlinkat(entry->dir_fd, entry->name, target, sizeof(target) - 1);
        if (n < 0)
                return errno == ENOENT || errno == EINVAL ?
                               0 :
                               error_set(e, errno, "read", "reading the link /%s", entry->path);
        target[n] = '\0';
        if (symlinkat(target, to_dir, entry->name) < 0)
                return write_failed(errno, entry->path, e);
        return finish_special(copy, entry, to_dir, e);
}

static int copy_special(Copy *copy, const WalkEntry *entry, int to_dir, Error *e) {
        bool whiteout = copy->layer && !copy->merge && is_whiteout(&entry->st);

        if (!whiteout && !S_ISFIFO(entry->st.st_mode))
                return 0;
        if (mknodat(to_dir, entry->name, whiteout ? S_IFCHR : S_IFIFO | 0600, makedev(0, 0)) < 0)
                return write_failed(errno, entry->path, e);
        return whiteout ? 0 : finish_special(copy, entry, to_dir, e);
}

/* Clears the place of an entry in the target. Return: 1 when a directory is there and goes on, else 0 or a negative
 * errno. */
static int make_room(const WalkEntry *entry, int parent, Error *e) {
        struct stat st;

        if (fstatat(parent, entry->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : write_failed(errno, entry->path, e);
        if (S_ISDIR(entry->st.st_mode) && S_ISDIR(st.st_mode) && !overlay_is_opaque(entry->fd))
                return 1;
        return tree_remove(parent, entry->name, e);
}

static int enter_directory(TreeCopy *tree, const WalkEntry *entry, Error *e) {
        int parent, fd, r = 0;

        if (entry->depth >= DEPTH_MAX)
                return error_set(e, ENAMETOOLONG, "read", "%.80s… lies too deep", entry->path);
        if (entry->depth > 0) {
                parent = tree->to[entry->depth - 1];
                if (tree->copy->merge)
                        TRY(r = make_room(entry, parent, e));
                if (r == 0 && mkdirat(parent, entry->name, 0700) < 0)
                        return write_failed(errno, entry->path, e);
                fd = openat(parent, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (fd < 0)
                        return write_failed(errno, entry->path, e);
                tree->to[entry->depth] = fd;
        }
        r = tree->copy->merge ? xattrs_remove(tree->to[entry->depth]) : 0;
        if (r < 0)
                return write_failed(r, entry->path, e);
        return copy_directory_metadata(tree->copy, entry->fd, &entry->st, tree->to[entry->depth],
                                       entry->path, e);
}

static int leave_directory(void *userdata, const WalkEntry *entry, Error *e) {
        TreeCopy *tree = userdata;

        TRY(copy_directory_finish(tree->copy, entry->fd, &entry->st, tree->to[entry->depth],
                                  entry->path, e));
        if (entry->depth > 0)
                tree->to[entry->depth] = safe_close(tree->to[entry->depth]);
        return 0;
}

static int copy_entry(void *userdata, const WalkEntry *entry, Error *e) {
        TreeCopy *tree = userdata;
        const char *first;
        int to_dir, r;

        if (S_ISDIR(entry->st.st_mode))
                return enter_directory(tree, entry, e);
        to_dir = tree->to[entry->depth - 1];
        if (tree->copy->merge)
                TRY(make_room(entry, to_dir, e));
        if (S_ISSOCK(entry->st.st_mode))
                return 0;
        /* Whiteouts may be hard links of each other; they are made anew. */
        if (entry->st.st_nlink > 1 && !S_ISCHR(entry->st.st_mode)) {
                r = links_seen(&tree->links, &entry->st, entry->path, &first);
                if (r < 0)
                        return error_oom(e);
                if (r > 0)
                        return linkat(tree->to[0], first, to_dir, entry->name, 0) < 0 ?
                                       write_failed(errno, entry->path, e) :
                                       0;
        }
        if (S_ISREG(entry->st.st_mode))
                return copy_file(tree->copy, entry->dir_fd, to_dir, entry->name, entry->path, e);
        if (S_ISLNK(entry->st.st_mode))
                return copy_symlink(tree->copy, entry, to_dir, e);
        return copy_special(tree->copy, entry, to_dir, e);
}

int copy_tree(Copy *copy, int from, int to, Error *e) {
        _cleanup_free_ TreeCopy *tree = calloc(1, sizeof(*tree));
        const WalkHandler handler = {
                .enter = copy_entry, .leave = leave_directory, .userdata = tree};
        int r;

        if (!tree)
                return error_oom(e);
        tree->copy = copy;
        for (size_t i = 0; i < DEPTH_MAX; i++)
                tree->to[i] = -EBADF;
        tree->to[0] = to;
        r = walk(from, &handler, e);
        fd_close_many(tree->to + 1, DEPTH_MAX - 1);
        links_done(&tree->links);
        return r;
}

int work_copy(Job *job, Json *done, Error *e) {
        _cleanup_close_ int layer = -EBADF;
        Copy copy = {.layer = true};

        layer = part_make(job->fds[1], 0, e);
        if (layer < 0)
                return layer;
        if (job->order.wait)
                TRY(job_wait(job, e));
        TRY(copy_tree(&copy, job->fds[0], layer, e));
        return json_add_u64(done, "size", copy.bytes) < 0 ? error_oom(e) : 0;
}

int work_flatten(Job *job, Json *done, Error *e) {
        _cleanup_close_ int layer = -EBADF;
        uint64_t size = 0;

        layer = part_make(job->fds[0], 0, e);
        if (layer < 0)
                return layer;
        for (size_t i = 1; i < job->n_fds; i++) {
                Copy copy = {.layer = true, .merge = true};

                TRY(copy_tree(&copy, job->fds[i], layer, e));
                job_progress(job, (double)i / (double)job->n_fds);
        }
        TRY(tree_size(layer, &size, e));
        return json_add_u64(done, "size", size) < 0 ? error_oom(e) : 0;
}

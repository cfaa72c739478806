/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "protocol/spec.h"
#include "shared/fault.h"
#include "shared/fd.h"
#include "shared/strutil.h"
#include "worker/attributes.h"
#include "worker/dirs.h"
#include "worker/extract.h"
#include "worker/tree.h"
#include "worker/whiteout.h"
#include "worker/xattr.h"

#define MAKE_TRIES 16
/* The disk begins with files of this size at once. */
#define WRITE_EARLY_MIN (64 * 1024)
#define WHITEOUT ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define WHITEOUT_META ".wh..wh."

/* How much of a name a message shows. */
#define SHOWN_MAX 200

struct Extractor {
        int root; /* borrowed */
        const _Atomic uint64_t *consumed;
        bool layer;
        Dirs dirs;
        /* The entry at hand: its name as given, and its components in `text`. */
        const char *path;
        char *text;
        size_t allocated_text;
        char *components[EXTRACT_DEPTH_MAX];
        size_t n_components;
        /* The same for the target of a hard link. */
        char *target_text;
        size_t allocated_target_text;
        char *target_components[EXTRACT_DEPTH_MAX];
        uint64_t entries, bytes;
        bool hides_all; /* the root directory is opaque */
        bool replaced;  /* what is open may no longer be what its path names */
        bool shared;    /* the tree is not ours alone */
        uint32_t id_base;
        Attributes attributes;
};

/* What an entry says about its file beyond the contents. */
typedef struct Metadata {
        mode_t mode;
        uid_t uid;
        gid_t gid;
        struct timespec mtime;
} Metadata;

/* For messages: the beginning and the end of a name that would leave no room for anything else. */
static const char *short_path(const Extractor *x, char buffer[static SHOWN_MAX + 8]) {
        size_t length = strlen(x->path);

        if (length <= SHOWN_MAX)
                return x->path;
        snprintf(buffer, SHOWN_MAX + 8, "%.*s…%s", SHOWN_MAX / 2, x->path,
                 x->path + length - SHOWN_MAX / 2);
        return buffer;
}

static int refuse(const Extractor *x, const char *why, Error *e) {
        char shown[SHOWN_MAX + 8];

        return error_set(e, EBADMSG, "archive", "%s: %s", short_path(x, shown), why);
}

/* A step on the entry failed: what the archive asked for may be impossible anywhere. */
static int failed(const Extractor *x, int number, const char *step, Error *e) {
        char shown[SHOWN_MAX + 8];
        const char *path = short_path(x, shown);

        switch (abs(number)) {
        case ENAMETOOLONG:
        case ELOOP:
        case ENOTDIR:
        case EISDIR:
        case EINVAL:
        case EFBIG:
                return error_set(e, number, "archive", "%s: %s", path, step);
        default:
                return error_set(e, number, "write", "%s: %s", path, step);
        }
}

int extractor_new(int dir_fd, const _Atomic uint64_t *consumed, bool layer, const int *lowers,
                  size_t n_lowers, Extractor **ret, Error *e) {
        _cleanup_(extractor_freep) Extractor *x = calloc(1, sizeof(*x));

        if (!x)
                return error_oom(e);
        x->root = dir_fd;
        x->consumed = consumed;
        x->layer = layer;
        TRY(dirs_init(&x->dirs, dir_fd, layer, lowers, n_lowers, e));
        *ret = TAKE_PTR(x);
        return 0;
}

void extractor_set_shared(Extractor *x, uint32_t id_base) {
        x->shared = x->dirs.shared = true;
        dirs_last(&x->dirs)->set_time = false;
        x->id_base = x->attributes.id_base = id_base;
}

Extractor *extractor_free(Extractor *x) {
        dirs_done(&x->dirs);
        attributes_done(&x->attributes);
        free(x->text);
        free(x->target_text);
        free(x);
        return NULL;
}

/* Takes a name apart into components; *text keeps them. */
static int split(const Extractor *x, const char *name, char **text, size_t *allocated,
                 char *components[EXTRACT_DEPTH_MAX], size_t *ret, Error *e) {
        size_t length = strlen(name), n = 0;

        if (length >= PATH_MAX)
                return refuse(x, "the name is too long", e);
        if (length >= *allocated) {
                char *grown = realloc(*text, PATH_MAX);

                if (!grown)
                        return error_oom(e);
                *text = grown;
                *allocated = PATH_MAX;
        }
        memcpy(*text, name, length + 1);
        for (char *p = *text, *end; *p; p = end) {
                while (*p == '/')
                        p++;
                end = strchrnul(p, '/');
                if (*end)
                        *end++ = '\0';
                if (*p == '\0' || streq(p, "."))
                        continue;
                if (streq(p, ".."))
                        return refuse(x, "the name has \"..\" in it", e);
                if (strlen(p) > NAME_MAX)
                        return refuse(x, "a part of the name is too long", e);
                if (n == EXTRACT_DEPTH_MAX)
                        return refuse(x, "it lies too deep", e);
                components[n++] = p;
        }
        *ret = n;
        return 0;
}

static int read_metadata(const Extractor *x, struct archive_entry *entry, Metadata *ret, Error *e) {
        int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
        long nsec = archive_entry_mtime_nsec(entry);

        if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
                return refuse(x, "the owner is no user id", e);
        if (x->id_base != 0 && (uid >= ID_RANGE || gid >= ID_RANGE))
                return refuse(x, "its owner does not exist in the container", e);
        *ret = (Metadata){
                .mode = archive_entry_perm(entry) & 07777,
                .uid = x->id_base + (uid_t)uid,
                .gid = x->id_base + (gid_t)gid,
                .mtime = {.tv_sec = archive_entry_mtime(entry),
                          .tv_nsec = nsec >= 0 && nsec < 1000000000 ? nsec : 0},
        };
        return 0;
}

/* Makes way for the entry, a directory or not, where something stands under its name. */
static int make_room(Extractor *x, const char *name, bool directory, Error *e) {
        int dir_fd = dirs_last(&x->dirs)->fd;
        struct stat st;
        int r;

        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : failed(x, errno, "examining what it replaces", e);
        if (x->shared && directory)
                return error_set(e, ENOTDIR, "path",
                                 "cannot overwrite non-directory %s with directory", x->path);
        if (x->shared && S_ISDIR(st.st_mode))
                return error_set(e, EISDIR, "path",
                                 "cannot overwrite directory %s with non-directory", x->path);
        x->replaced = true;
        TRY(tree_remove(dir_fd, name, e));
        r = attributes_removed(&x->attributes, x->root);
        return r < 0 ? failed(x, r, "replacing it", e) : 0;
}

/* Sets what open(2) or mkdir(2) did not. A change of the owner takes set-id bits and file
 * capabilities away, so these come after it. */
static int set_metadata(Extractor *x, int fd, const Metadata *m, bool inherits, mode_t has,
                        struct archive_entry *entry, Error *e) {
        if ((m->uid != x->id_base || m->gid != x->id_base || inherits) &&
            fchown(fd, m->uid, m->gid) < 0)
                return failed(x, errno, "setting its owner", e);
        if ((m->mode != has || inherits) && fchmod(fd, m->mode) < 0)
                return failed(x, errno, "setting its mode", e);
        return attributes_write(&x->attributes, &x->dirs, fd, x->path, entry, e);
}

static int write_block(const Extractor *x, int fd, const char *data, size_t size, off_t offset,
                       Error *e) {
        while (size > 0) {
                ssize_t n = pwrite(fd, data, size, offset);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return failed(x, errno, "writing it", e);
                }
                data += n;
                offset += n;
                size -= (size_t)n;
        }
        return 0;
}

static int write_data(Extractor *x, Reader *reader, int fd, int64_t size, Error *e) {
        const void *data;
        size_t length;
        int64_t offset, end = 0;
        int r;

        while ((r = archive_read_data_block(reader->archive, &data, &length, &offset)) ==
               ARCHIVE_OK) {
                if (length == 0)
                        continue;
                x->bytes += length;
                if (x->bytes > EXTRACT_BYTES_MAX)
                        return refuse(x, "the archive holds too much", e);
                if (x->bytes > EXTRACT_RATIO_FREE &&
                    (x->bytes - EXTRACT_RATIO_FREE) / EXTRACT_RATIO_MAX > *x->consumed)
                        return refuse(x, "the archive is suspiciously well compressed", e);
                if (offset < end || offset > size || length > (uint64_t)(size - offset))
                        return refuse(x, "its data lie outside of it", e);
                TRY(write_block(x, fd, data, length, offset, e));
                end = offset + (int64_t)length;
        }
        if (r != ARCHIVE_EOF)
                return reader_failed(reader, x->path, e);
        if (end < size && ftruncate(fd, size) < 0)
                return failed(x, errno, "setting its size", e);
        return 0;
}

static int add_file(Extractor *x, const char *name, Reader *reader, struct archive_entry *entry,
                    const Metadata *m, Error *e) {
        const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, m->mtime};
        const Dir *dir = dirs_last(&x->dirs);
        int64_t size = archive_entry_size(entry);
        _cleanup_close_ int fd = -EBADF;
        const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

        if (size < 0 || (uint64_t)size > EXTRACT_BYTES_MAX)
                return refuse(x, "it is too large", e);
        fd = FAULT("extract.file") < 0 ? -1 : openat(dir->fd, name, flags, m->mode & 0777);
        /* Processes of the container may put one there again and again. */
        for (unsigned i = 0; i < MAKE_TRIES && fd < 0 && errno == EEXIST; i++) {
                TRY(make_room(x, name, false, e));
                fd = openat(dir->fd, name, flags, m->mode & 0777);
        }
        if (fd < 0)
                return failed(x, errno, "making it", e);
        if (size > 0)
                TRY(write_data(x, reader, fd, size, e));
        TRY(set_metadata(x, fd, m, dir->setgid, m->mode & 0777, entry, e));
        if (futimens(fd, times) < 0)
                return failed(x, errno, "setting its time", e);
        /* The daemon waits for the disk in the end, and finds errors there. */
        if (!x->shared && size >= WRITE_EARLY_MIN)
                (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
        return 0;
}

static int add_directory(Extractor *x, const char *name, struct archive_entry *entry,
                         const Metadata *m, Error *e) {
        bool inherits = dirs_last(&x->dirs)->setgid;
        Dir *dir;
        int r;

        if (name) {
                r = dirs_make(&x->dirs, name, m->mode & 01777);
                if (r == -EEXIST) {
                        TRY(make_room(x, name, true, e));
                        r = dirs_make(&x->dirs, name, m->mode & 01777);
                }
                if (r < 0)
                        return failed(x, r, "making it", e);
                TRY(dirs_push(&x->dirs, name, e));
                if (r == 0)
                        inherits = true; /* it has its owner and mode from elsewhere */
        } else
                inherits = true;
        dir = dirs_last(&x->dirs);
        TRY(set_metadata(x, dir->fd, m, inherits, m->mode & 01777, entry, e));
        dir->set_time = true;
        dir->time = m->mtime;
        dir->setgid = m->mode & S_ISGID;
        return 0;
}

/* Owner, mode (where it has one) and time of what can't be opened. */
static int set_metadata_at(Extractor *x, const char *name, const Metadata *m, bool has_mode,
                           Error *e) {
        const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, m->mtime};
        const Dir *dir = dirs_last(&x->dirs);

        if ((m->uid != x->id_base || m->gid != x->id_base || dir->setgid) &&
            fchownat(dir->fd, name, m->uid, m->gid, AT_SYMLINK_NOFOLLOW) < 0)
                return failed(x, errno, "setting its owner", e);
        if (has_mode && fchmodat(dir->fd, name, m->mode, 0) < 0)
                return failed(x, errno, "setting its mode", e);
        if (utimensat(dir->fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
                return failed(x, errno, "setting its time", e);
        return 0;
}

static int add_symlink(Extractor *x, const char *name, struct archive_entry *entry,
                       const Metadata *m, Error *e) {
        const char *target = archive_entry_symlink(entry);
        int dir_fd = dirs_last(&x->dirs)->fd;
        int r;

        if (isempty(target))
                return refuse(x, "the link has no target", e);
        r = symlinkat(target, dir_fd, name) < 0 ? -errno : 0;
        if (r == -EEXIST) {
                TRY(make_room(x, name, false, e));
                r = symlinkat(target, dir_fd, name) < 0 ? -errno : 0;
        }
        if (r < 0)
                return failed(x, r, "making the link", e);
        return set_metadata_at(x, name, m, false, e);
}

static int add_fifo(Extractor *x, const char *name, const Metadata *m, Error *e) {
        int dir_fd = dirs_last(&x->dirs)->fd;
        int r;

        r = mknodat(dir_fd, name, S_IFIFO | (m->mode & 0777), 0) < 0 ? -errno : 0;
        if (r == -EEXIST) {
                TRY(make_room(x, name, false, e));
                r = mknodat(dir_fd, name, S_IFIFO | (m->mode & 0777), 0) < 0 ? -errno : 0;
        }
        if (r < 0)
                return failed(x, r, "making the FIFO", e);
        return set_metadata_at(x, name, m, true, e);
}

/* Opens the directory of a hard link's target. Return: a descriptor or a negative errno. */
static int open_target_directory(const Extractor *x, char *const *components, size_t n, Error *e) {
        char way[PATH_MAX] = ".";
        int fd;

        if (n > 1) {
                char *p = way;

                for (size_t i = 0; i + 1 < n; i++)
                        p += sprintf(p, "%s%s", i > 0 ? "/" : "", components[i]);
        }
        fd = fd_open_in_root(x->root, way, O_PATH | O_DIRECTORY, 0);
        return fd < 0 ? error_set(e, EBADMSG, "archive", "%s: a link to what is not there",
                                  x->path) :
                        fd;
}

static int add_hardlink(Extractor *x, const char *name, const char *target, Error *e) {
        int dir_fd = dirs_last(&x->dirs)->fd;
        _cleanup_close_ int target_fd = -EBADF;
        struct stat st, old;
        const char *base;
        size_t n = 0;
        int r;

        TRY(split(x, target, &x->target_text, &x->allocated_target_text, x->target_components, &n,
                  e));
        if (n == 0)
                return refuse(x, "a link to the root directory", e);
        target_fd = open_target_directory(x, x->target_components, n, e);
        if (target_fd < 0)
                return target_fd;
        base = x->target_components[n - 1];
        if (fstatat(target_fd, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return refuse(x, "a link to what is not there", e);
        if (S_ISDIR(st.st_mode) || is_whiteout(&st))
                return refuse(x, "a link to what can't have two names", e);
        if (fstatat(dir_fd, name, &old, AT_SYMLINK_NOFOLLOW) >= 0) {
                if (old.st_dev == st.st_dev && old.st_ino == st.st_ino)
                        return 0;
                TRY(make_room(x, name, false, e));
        }
        r = linkat(target_fd, base, dir_fd, name, 0) < 0 ? -errno : 0;
        return r < 0 ? failed(x, r, "making the link", e) : 0;
}

/* An entry of a layer that is named .wh.…; see the OCI image specification. */
static int add_whiteout(Extractor *x, const char *name, Error *e) {
        int dir_fd = dirs_last(&x->dirs)->fd;
        const char *hidden = name + strlen(WHITEOUT);
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        if (streq(name, WHITEOUT_OPAQUE) && x->n_components == 1) {
                x->hides_all = true;
                return 0;
        }
        if (streq(name, WHITEOUT_OPAQUE)) {
                r = overlay_set_opaque(dir_fd);
                return r < 0 ? failed(x, r, "marking the directory as opaque", e) : 0;
        }
        if (startswith(name, WHITEOUT_META))
                return 0; /* AUFS's own */
        if (isempty(hidden) || streq(hidden, ".") || streq(hidden, ".."))
                return refuse(x, "a whiteout of nothing", e);
        /* It hides only what the layers below have, never what this one has brought. */
        if (fstatat(dir_fd, hidden, &st, AT_SYMLINK_NOFOLLOW) >= 0) {
                if (!S_ISDIR(st.st_mode))
                        return 0;
                fd = openat(dir_fd, hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                r = fd < 0 ? -errno : overlay_set_opaque(fd);
        } else
                r = mknodat(dir_fd, hidden, S_IFCHR, makedev(0, 0)) < 0 ? -errno : 0;
        return r < 0 ? failed(x, r, "making the whiteout", e) : 0;
}

/* Everything but the root directory itself. */
static int add_below(Extractor *x, Reader *reader, struct archive_entry *entry, const Metadata *m,
                     Error *e) {
        const char *name = x->components[x->n_components - 1];
        const char *hardlink = archive_entry_hardlink(entry);

        if (x->layer)
                for (size_t i = 0; i + 1 < x->n_components; i++)
                        if (startswith(x->components[i], WHITEOUT))
                                return refuse(x, "it is below a whiteout", e);
        TRY(dirs_enter(&x->dirs, x->components, x->n_components - 1, x->path, e));
        if (x->layer && startswith(name, WHITEOUT))
                return add_whiteout(x, name, e);
        if (hardlink)
                return add_hardlink(x, name, hardlink, e);
        switch (archive_entry_filetype(entry)) {
        case AE_IFREG:
                return add_file(x, name, reader, entry, m, e);
        case AE_IFDIR:
                return add_directory(x, name, entry, m, e);
        case AE_IFLNK:
                return add_symlink(x, name, entry, m, e);
        case AE_IFIFO:
                return add_fifo(x, name, m, e);
        default:
                return 0; /* devices and sockets are not for images */
        }
}

int extractor_add(Extractor *x, Reader *reader, struct archive_entry *entry, Error *e) {
        Metadata m = {};

        x->path = archive_entry_pathname(entry);
        if (!x->path)
                x->path = "";
        if (++x->entries > EXTRACT_ENTRIES_MAX)
                return refuse(x, "the archive has too many entries", e);
        TRY(split(x, x->path, &x->text, &x->allocated_text, x->components, &x->n_components, e));
        TRY(read_metadata(x, entry, &m, e));
        if (x->replaced)
                TRY(dirs_leave(&x->dirs, 1, e));
        x->replaced = false;
        if (x->n_components > 0)
                return add_below(x, reader, entry, &m, e);
        if (archive_entry_filetype(entry) != AE_IFDIR)
                return refuse(x, "it has no name", e);
        TRY(dirs_leave(&x->dirs, 1, e));
        return add_directory(x, NULL, entry, &m, e);
}

int extractor_finish(Extractor *x, uint64_t *ret_size, Error *e) {
        int r = 0;

        *ret_size = x->bytes;
        TRY(dirs_leave(&x->dirs, 1, e));
        if (x->hides_all)
                r = whiteout_all(x->root, x->dirs.lowers, x->dirs.n_lowers);
        if (r < 0)
                return error_set(e, r, "write", "hiding what lies below");
        TRY(attributes_finish(&x->attributes, &x->dirs, x->root, e));
        return dirs_leave(&x->dirs, 0, e);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "shared/strutil.h"
#include "worker/dirs.h"
#include "worker/links.h"
#include "worker/pack.h"
#include "worker/tar.h"
#include "worker/walk.h"
#include "worker/xattr.h"

typedef struct Pack {
        const PackOptions *options;
        Sink *sink;
        Links links;
        Holes holes;    /* unless the caller keeps them */
        uint64_t start; /* of this tree in the sink */
        char *text;     /* for names that are made up */
        size_t allocated_text;
} Pack;

static TarEntry tar_entry(const Pack *pack, const struct stat *st, TarType type, const char *path) {
        return (TarEntry){
                .type = type,
                .path = path,
                .mode = st->st_mode & 07777,
                .uid = id_unshift(st->st_uid, pack->options->id_base),
                .gid = id_unshift(st->st_gid, pack->options->id_base),
                .mtime = st->st_mtim,
        };
}

/* "DIRECTORY/NAME SUFFIX" in pack->text. */
static int make_text(Pack *pack, const char *directory, size_t length, const char *infix,
                     const char *name, const char *suffix, Error *e) {
        size_t size = length + strlen(infix) + strlen(name) + strlen(suffix) + 1;

        if (size > pack->allocated_text) {
                char *grown = realloc(pack->text, size + PATH_MAX);

                if (!grown)
                        return error_oom(e);
                pack->text = grown;
                pack->allocated_text = size + PATH_MAX;
        }
        memcpy(pack->text, directory, length);
        sprintf(pack->text + length, "%s%s%s", infix, name, suffix);
        return 0;
}

static int put_directory(Pack *pack, const WalkEntry *entry, Error *e) {
        _cleanup_(xattrs_done) Xattrs xattrs = XATTRS_INIT;
        TarEntry tar;
        int r;

        r = xattrs_read(entry->fd, pack->options->id_base, &xattrs);
        if (r < 0)
                return error_set(e, r, "read", "reading the attributes of /%s", entry->path);
        if (isempty(entry->path))
                TRY(make_text(pack, "", 0, "", "./", "", e));
        else
                TRY(make_text(pack, entry->path, strlen(entry->path), "", "", "/", e));
        tar = tar_entry(pack, &entry->st, TAR_DIRECTORY, pack->text);
        tar.xattrs = &xattrs;
        TRY(tar_header(pack->sink, &tar, e));
        if (!pack->options->layer || entry->depth == 0 || !overlay_is_opaque(entry->fd))
                return 0;
        TRY(make_text(pack, entry->path, strlen(entry->path), "/", ".wh..wh..opq", "", e));
        tar = tar_entry(pack, &entry->st, TAR_FILE, pack->text);
        tar.mode = 0;
        return tar_header(pack->sink, &tar, e);
}

/* A hard link to what came before. Return: 1 when it was one, 0, or a negative errno. */
static int put_hardlink(Pack *pack, const WalkEntry *entry, Error *e) {
        const char *first;
        TarEntry tar;
        int r;

        if (entry->st.st_nlink < 2)
                return 0;
        r = links_seen(&pack->links, &entry->st, entry->path, &first);
        if (r <= 0)
                return r < 0 ? error_oom(e) : 0;
        tar = tar_entry(pack, &entry->st, TAR_HARDLINK, entry->path);
        tar.link = first;
        r = tar_header(pack->sink, &tar, e);
        return r < 0 ? r : 1;
}

static int put_data(Pack *pack, const TarEntry *tar, int fd, Error *e) {
        const TarRange whole = {.size = tar->size};
        const TarRange *ranges = tar->map ? tar->map->ranges : &whole;
        size_t n = tar->map ? tar->map->n : 1;
        uint64_t size = 0;

        for (size_t i = 0; i < n; i++) {
                if (ranges[i].size == 0)
                        continue;
                if (ranges[i].offset > 0 && lseek(fd, (off_t)ranges[i].offset, SEEK_SET) < 0)
                        return error_set(e, errno, "read", "reading /%s", tar->path);
                TRY(sink_file(pack->sink, fd, ranges[i].size, tar->path, e));
                size += ranges[i].size;
        }
        return tar_pad(pack->sink, size, e);
}

static int put_file(Pack *pack, const WalkEntry *entry, Error *e) {
        _cleanup_(xattrs_done) Xattrs xattrs = XATTRS_INIT;
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        TarEntry tar;
        int r;

        /* O_NONBLOCK: it may have become a FIFO since it was examined. */
        fd = openat(entry->dir_fd, entry->name,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT || errno == ELOOP ?
                               0 :
                               error_set(e, errno, "read", "opening /%s", entry->path);
        if (fstat(fd, &st) < 0)
                return error_set(e, errno, "read", "examining /%s", entry->path);
        if (!S_ISREG(st.st_mode))
                return 0;
        r = xattrs_read(fd, pack->options->id_base, &xattrs);
        if (r < 0)
                return error_set(e, r, "read", "reading the attributes of /%s", entry->path);
        tar = tar_entry(pack, &st, TAR_FILE, entry->path);
        tar.size = (uint64_t)st.st_size;
        tar.xattrs = &xattrs;
        r = holes_find(pack->options->holes ?: &pack->holes, fd, &st, &tar.map);
        if (r < 0)
                return error_set(e, r, "read", "looking for the holes of /%s", entry->path);
        TRY(tar_header(pack->sink, &tar, e));
        return put_data(pack, &tar, fd, e);
}

static int put_symlink(Pack *pack, const WalkEntry *entry, Error *e) {
        char target[PATH_MAX];
        TarEntry tar;
        ssize_t n;

        n = readlinkat(entry->dir_fd, entry->name, target, sizeof(target) - 1);
        if (n < 0)
                return errno == ENOENT || errno == EINVAL ?
                               0 :
                               error_set(e, errno, "read", "reading the link /%s", entry->path);
        target[n] = '\0';
        tar = tar_entry(pack, &entry->st, TAR_SYMLINK, entry->path);
        tar.mode = 0777;
        tar.link = target;
        return tar_header(pack->sink, &tar, e);
}

static int put_whiteout(Pack *pack, const WalkEntry *entry, Error *e) {
        size_t length = strlen(entry->path) - strlen(entry->name);
        TarEntry tar;

        TRY(make_text(pack, entry->path, length, ".wh.", entry->name, "", e));
        tar = tar_entry(pack, &entry->st, TAR_FILE, pack->text);
        tar.mode = 0;
        return tar_header(pack->sink, &tar, e);
}

static int put_special(Pack *pack, const WalkEntry *entry, TarType type, Error *e) {
        TarEntry tar = tar_entry(pack, &entry->st, type, entry->path);

        tar.device = type == TAR_FIFO ? 0 : entry->st.st_rdev;
        return tar_header(pack->sink, &tar, e);
}

static int put_by_type(Pack *pack, const WalkEntry *entry, Error *e) {
        int r;

        if (S_ISDIR(entry->st.st_mode))
                return put_directory(pack, entry, e);
        if (S_ISSOCK(entry->st.st_mode))
                return 0; /* tar has no form for it */
        if (pack->options->layer && is_whiteout(&entry->st))
                return put_whiteout(pack, entry, e);
        /* In a layer such a name would mean something else. */
        if (pack->options->layer && startswith(entry->name, ".wh."))
                return error_set(e, EINVAL, "read",
                                 "/%s has a name that image archives keep for whiteouts",
                                 entry->path);
        r = put_hardlink(pack, entry, e);
        if (r != 0)
                return MIN(r, 0);
        if (S_ISREG(entry->st.st_mode))
                return put_file(pack, entry, e);
        if (S_ISLNK(entry->st.st_mode))
                return put_symlink(pack, entry, e);
        if (S_ISFIFO(entry->st.st_mode))
                return put_special(pack, entry, TAR_FIFO, e);
        if (pack->options->no_devices)
                return 0;
        return put_special(pack, entry,
                           S_ISCHR(entry->st.st_mode) ? TAR_CHARACTER : TAR_BLOCK_DEVICE, e);
}

static int put_entry(void *userdata, const WalkEntry *entry, Error *e) {
        Pack *pack = userdata;
        const PackOptions *o = pack->options;

        if (o->job && o->expected > 0) {
                double part = (double)(pack->sink->total - pack->start) / (double)o->expected;

                job_progress(o->job, o->before + o->share * MIN(part, 1));
        }
        return put_by_type(pack, entry, e);
}

static int pack_directory(int fd, const char *as, const PackOptions *options, Sink *sink,
                          Error *e) {
        Pack pack = {.options = options, .sink = sink, .start = sink->total};
        const WalkHandler handler = {.enter = put_entry, .userdata = &pack};
        int r;

        r = walk_as(fd, as, &handler, e);
        links_done(&pack.links);
        holes_done(&pack.holes);
        free(pack.text);
        return r < 0 ? r : tar_end(sink, e);
}

int pack_tree(int root_fd, const PackOptions *options, Sink *sink, Error *e) {
        return pack_directory(root_fd, "", options, sink, e);
}

int pack_named(int dir_fd, const char *name, const char *as, const PackOptions *options, Sink *sink,
               Error *e) {
        WalkEntry entry = {.dir_fd = dir_fd, .name = name, .path = as, .depth = 1, .fd = -EBADF};
        Pack pack = {.options = options, .sink = sink, .start = sink->total};
        _cleanup_close_ int fd = -EBADF;

        fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0)
                return pack_directory(fd, as, options, sink, e);
        if (fstatat(dir_fd, name, &entry.st, AT_SYMLINK_NOFOLLOW) < 0)
                return error_set(e, errno, "read", "examining %s", as);
        if (S_ISDIR(entry.st.st_mode))
                return error_set(e, EBUSY, "read", "%s was replaced meanwhile", as);
        /* Its other names are not packed. */
        entry.st.st_nlink = 1;
        TRY(put_entry(&pack, &entry, e));
        return tar_end(sink, e);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Unpacking an archive in a container, running or not. */

#include <fcntl.h>
#include <string.h>

#include "shared/strutil.h"
#include "worker/decompress.h"
#include "worker/extract.h"
#include "worker/import.h"
#include "worker/input.h"
#include "worker/target.h"

/* What the names in the archive become. */
typedef struct Rename {
        char *prefix;   /* goes before them */
        char *first;    /* all must begin with this component, which goes; NULL: any */
        bool keep_root; /* an entry of the archive's root directory is left out */
} Rename;

static void rename_done(Rename *rename) {
        free(rename->prefix);
        free(rename->first);
}

/* The name without slashes and "." at its beginning. */
static const char *skip_root(const char *name) {
        while (name[0] == '/' || (name[0] == '.' && (name[1] == '/' || name[1] == '\0')))
                name++;
        return name;
}

/* What is left of `name` after the component `first`, or NULL when it begins with another one. */
static const char *after_first(const char *name, const char *first) {
        const char *rest = startswith(name, first);

        return rest && (*rest == '\0' || *rest == '/') ? rest : NULL;
}

/* The path in the container for a name in the archive. Return: to be freed, or NULL with *e set. */
static char *translate(const Rename *rename, const char *name, Error *e) {
        const char *rest = skip_root(name);
        char *path;

        if (rename->first) {
                rest = after_first(rest, rename->first);
                if (!rest) {
                        error_set(e, EINVAL, "archive",
                                  "%s: the archive is of more than one file or directory", name);
                        return NULL;
                }
        }
        path = strf("%s/%s", rename->prefix, rest);
        if (!path)
                error_oom(e);
        return path;
}

static bool is_root(struct archive_entry *entry) {
        const char *name = archive_entry_pathname(entry);

        return name && *skip_root(name) == '\0';
}

static int add_entry(Extractor *x, Reader *reader, struct archive_entry *entry,
                     const Rename *rename, Error *e) {
        const char *link = archive_entry_hardlink(entry);
        _cleanup_free_ char *path = NULL, *target = NULL;

        if (rename->keep_root && is_root(entry))
                return 0;
        path = translate(rename, archive_entry_pathname(entry) ?: "", e);
        if (!path)
                return -e->number;
        if (link) {
                target = translate(rename, link, e);
                if (!target)
                        return -e->number;
                archive_entry_set_hardlink(entry, target);
        }
        archive_entry_set_pathname(entry, path);
        return extractor_add(x, reader, entry, e);
}

/* As cp(1): the one thing in the archive becomes the target, or goes into it. */
static int rename_as_cp(const Work *order, const Target *target, struct archive_entry *entry,
                        Rename *ret, Error *e) {
        bool root = is_root(entry), directory = archive_entry_filetype(entry) == AE_IFDIR;
        const char *name = skip_root(archive_entry_pathname(entry) ?: "");
        bool into = !target->name || (target->exists && S_ISDIR(target->st.st_mode));

        if (!root) {
                ret->first = strndup(name, strcspn(name, "/"));
                if (!ret->first)
                        return error_oom(e);
                directory = directory || name[strlen(ret->first)] != '\0';
        }
        if (target->exists && !into && directory)
                return error_set(e, ENOTDIR, "path", "cannot copy a directory to the file %s",
                                 order->path);
        if (!target->exists && target->slash && !directory)
                return error_set(e, ENOENT, "path", "the destination directory %s must exist",
                                 order->path);
        ret->keep_root = root && into;
        if (into && !root)
                ret->prefix = strf("%s/%s/%s", target->directory, target->name ?: "",
                                   order->name ?: ret->first);
        else
                ret->prefix = strf("%s/%s", target->directory, target->name ?: "");
        return ret->prefix ? 0 : error_oom(e);
}

static int choose_names(const Work *order, const Target *target, struct archive_entry *entry,
                        Rename *ret, Error *e) {
        if (order->as_cp)
                return rename_as_cp(order, target, entry, ret, e);
        if (!target->exists)
                return error_set(e, ENOENT, "path", "Could not find the file %s in the container",
                                 order->path);
        if (!S_ISDIR(target->st.st_mode))
                return error_set(e, ENOTDIR, "path", "%s in the container is not a directory",
                                 order->path);
        ret->keep_root = true;
        ret->prefix = strf("%s/%s", target->directory, target->name ?: "");
        return ret->prefix ? 0 : error_oom(e);
}

/* All names are given to the extractor from the container's root on, so that it finds links on the way as the
 * container does. */
static int unpack(Job *job, const Target *target, Reader *reader, const _Atomic uint64_t *consumed,
                  uint64_t *ret_size, Error *e) {
        _cleanup_(extractor_freep) Extractor *x = NULL;
        _cleanup_(rename_done) Rename rename = {};
        struct archive_entry *entry;
        int r;

        r = reader_next(reader, &entry, e);
        if (r < 0)
                return r;
        if (r == 0 && job->order.as_cp)
                return error_set(e, EBADMSG, "archive", "the archive is empty");
        TRY(extractor_new(job->fds[1], consumed, false, NULL, 0, &x, e));
        extractor_set_shared(x, job->order.id_base);
        if (r > 0)
                TRY(choose_names(&job->order, target, entry, &rename, e));
        for (; r > 0; r = reader_next(reader, &entry, e))
                TRY(add_entry(x, reader, entry, &rename, e));
        return r < 0 ? r : extractor_finish(x, ret_size, e);
}

int work_copy_in(Job *job, Json *done, Error *e) {
        _cleanup_(decompressor_freep) Decompressor *d = NULL;
        _cleanup_(reader_done) Reader reader = READER_INIT;
        _cleanup_(target_done) Target target = TARGET_INIT;
        _cleanup_(input_done) Input input = {};
        uint64_t size = 0;

        if (isempty(job->order.path))
                return error_set(e, EINVAL, "order", "no path");
        TRY(target_find(job->fds[1], job->order.path, true, &target, e));
        TRY(input_init(&input, job, job->fds[0], e));
        TRY(decompressor_new(input_source(&input), "the archive", &d, e));
        TRY(reader_open(&reader, READER_TAR, decompressor_source(d), "the archive", e));
        TRY(unpack(job, &target, &reader, &input.consumed, &size, e));
        TRY(import_read_trailer(reader.source, e));
        return json_add_u64(done, "size", size) < 0 ? error_oom(e) : 0;
}

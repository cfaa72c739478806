/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "shared/strutil.h"
#include "worker/ahead.h"
#include "worker/decompress.h"
#include "worker/extract.h"
#include "worker/import.h"
#include "worker/part.h"
#include "worker/sandbox.h"

/* How much may come after the end of an archive. */
#define TRAILER_MAX (16 * 1024 * 1024)

int import_add_layer(Json *layers, size_t part, uint64_t size, const char *diff_id, Error *e) {
        _cleanup_json_ Json *layer = json_object_new_object();

        if (!layer || json_add_u64(layer, "part", part) < 0 ||
            json_add_u64(layer, "size", size) < 0 ||
            json_add_string(layer, "diff-id", diff_id) < 0 ||
            json_object_array_add(layers, layer) < 0)
                return error_oom(e);
        layer = NULL;
        return 0;
}

int import_describe(Json *done, const char *format, Json *images) {
        TRY(json_add(done, "images", images));
        return json_add_string(done, "format", format);
}

static bool ends_with(const char *s, const char *suffix) {
        size_t n = strlen(s), m = strlen(suffix);

        return n >= m && streq(s + n - m, suffix);
}

/* Whether an archive whose first entry has this name may be that of an image. Its manifest
 * usually comes last, so this is a guess; a wrong one only costs time. */
static bool may_be_image(const char *name) {
        static const char *const names[] = {"oci-layout", "repositories", "blobs"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const char *rest = startswith(name, names[i]);

                if (rest && (*rest == '\0' || *rest == '/'))
                        return true;
        }
        if (strspn(name, "0123456789abcdef") == ID_LENGTH || startswith(name, "sha256:"))
                return true;
        return !strchr(name, '/') &&
               (ends_with(name, ".json") || ends_with(name, ".tar") || ends_with(name, ".tar.gz"));
}

/* The entries that were read to find out what the archive is. */
typedef struct Start {
        struct archive_entry *root;  /* a copy: that of the root directory, if it comes first */
        struct archive_entry *entry; /* the first other one, at which the reader stands */
} Start;

static void start_done(Start *start) {
        archive_entry_free(start->root);
}

static const char *entry_name(struct archive_entry *entry) {
        const char *name = archive_entry_pathname(entry);

        if (!name)
                return "";
        while (name[0] == '/' || (name[0] == '.' && name[1] == '/'))
                name++;
        return streq(name, ".") ? "" : name;
}

/* Opens the tar and reads its start. Return: 0 or a negative errno. */
static int open_tar(Reader *reader, Source source, Start *ret, Error *e) {
        int r;

        TRY(reader_open(reader, READER_TAR, source, "the archive", e));
        r = reader_next(reader, &ret->entry, e);
        if (r > 0 && isempty(entry_name(ret->entry)) &&
            archive_entry_filetype(ret->entry) == AE_IFDIR) {
                ret->root = archive_entry_clone(ret->entry);
                if (!ret->root)
                        return error_oom(e);
                r = reader_next(reader, &ret->entry, e);
        }
        if (r == 0)
                return error_set(e, EBADMSG, "archive", "the archive is empty");
        return MIN(r, 0);
}

static int unpack(Reader *reader, const Start *start, int layer, const _Atomic uint64_t *consumed,
                  uint64_t *ret_size, Error *e) {
        _cleanup_(extractor_freep) Extractor *x = NULL;
        struct archive_entry *entry = start->entry;
        int r;

        TRY(extractor_new(layer, consumed, false, NULL, 0, &x, e));
        if (start->root)
                TRY(extractor_add(x, reader, start->root, e));
        do {
                TRY(extractor_add(x, reader, entry, e));
                r = reader_next(reader, &entry, e);
        } while (r > 0);
        return r < 0 ? r : extractor_finish(x, ret_size, e);
}

int import_read_trailer(Source source, Error *e) {
        uint64_t size = 0;
        const void *ignored;
        ssize_t n;

        while ((n = source.read(source.userdata, &ignored, e)) > 0) {
                size += (uint64_t)n;
                if (size > TRAILER_MAX)
                        return error_set(e, EBADMSG, "archive",
                                         "the archive goes on after its end");
        }
        return (int)n;
}

/* Unpacks a plain tar into staging/0. */
static int import_rootfs(Job *job, Reader *reader, const Start *start,
                         const _Atomic uint64_t *consumed, Json *done, Error *e) {
        _cleanup_json_ Json *images = json_object_new_array(), *image = json_object_new_object(),
                            *layers = json_object_new_array();
        _cleanup_close_ int layer = -EBADF;
        uint64_t size = 0;

        if (!images || !image || !layers)
                return error_oom(e);
        TRY(sandbox_drop_admin(e));
        layer = part_make(job->fds[1], 0, e);
        if (layer < 0)
                return layer;
        TRY(unpack(reader, start, layer, consumed, &size, e));
        TRY(import_read_trailer(reader->source, e));
        TRY(import_add_layer(layers, 0, size, NULL, e));
        if (json_add(image, "layers", TAKE_PTR(layers)) < 0 ||
            json_object_array_add(images, image) < 0)
                return error_oom(e);
        image = NULL;
        return import_describe(done, "rootfs", TAKE_PTR(images)) < 0 ? error_oom(e) : 0;
}

/* A tar that looked like an image and has no manifest. */
static int import_file(Job *job, int fd, Json *done, Error *e) {
        _cleanup_(reader_done) Reader reader = READER_INIT;
        _cleanup_(input_done) Input input = {};
        _cleanup_(start_done) Start start = {};

        TRY(input_init(&input, job, fd, e));
        TRY(open_tar(&reader, input_source(&input), &start, e));
        return import_rootfs(job, &reader, &start, &input.consumed, done, e);
}

/* Return: 1, 0 with *ret_file to be imported as a plain tar, or a negative errno. */
static int import_archive(Job *job, Input *input, Json *done, int *ret_file, Error *e) {
        _cleanup_(decompressor_freep) Decompressor *d = NULL;
        _cleanup_(ahead_freep) Ahead *ahead = NULL;
        _cleanup_(reader_done) Reader reader = READER_INIT;
        _cleanup_(start_done) Start start = {};

        input->keep = true;
        TRY(decompressor_new(input_source(input), "the archive", &d, e));
        TRY(ahead_new(decompressor_source(d), &ahead, e));
        TRY(open_tar(&reader, ahead_source(ahead), &start, e));
        if (may_be_image(entry_name(start.entry)))
                return import_image(job, input, decompressor_is_active(d), done, ret_file, e);
        input->keep = false;
        /* The end of a pipe may never come. */
        if (input->start >= 0)
                ahead_begin(ahead);
        TRY(import_rootfs(job, &reader, &start, &input->consumed, done, e));
        return 1;
}

int work_import(Job *job, Json *done, Error *e) {
        _cleanup_(input_done) Input input = {};
        _cleanup_close_ int file = -EBADF;
        int r;

        TRY(input_init(&input, job, job->fds[0], e));
        r = import_archive(job, &input, done, &file, e);
        if (r == 0)
                r = import_file(job, file, done, e);
        return MIN(r, 0);
}

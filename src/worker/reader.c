/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdbool.h>

#include "worker/reader.h"

/* A filter that this libarchive could only run as a program answers with a warning, and is not
 * used. gzip is not among them: libarchive does not check its sums. */
static bool support(struct archive *a, ReaderKind kind) {
        if (kind == READER_TAR)
                return archive_read_support_format_tar(a) == ARCHIVE_OK;
        return archive_read_support_format_raw(a) == ARCHIVE_OK &&
               archive_read_support_filter_bzip2(a) == ARCHIVE_OK &&
               archive_read_support_filter_xz(a) == ARCHIVE_OK &&
               archive_read_support_filter_lzma(a) == ARCHIVE_OK &&
               archive_read_support_filter_lzip(a) == ARCHIVE_OK &&
               archive_read_support_filter_lz4(a) == ARCHIVE_OK &&
               archive_read_support_filter_zstd(a) == ARCHIVE_OK;
}

static la_ssize_t on_read(struct archive *a, void *userdata, const void **ret) {
        Reader *reader = userdata;
        ssize_t n = reader->source.read(reader->source.userdata, ret, &reader->error);

        if (n < 0)
                archive_set_error(a, (int)-n, "%s", reader->error.text);
        return n < 0 ? -1 : n;
}

static la_int64_t on_skip(struct archive *a, void *userdata, la_int64_t size) {
        Reader *reader = userdata;

        return reader->source.skip(reader->source.userdata, size);
}

int reader_open(Reader *reader, ReaderKind kind, Source source, const char *name, Error *e) {
        *reader = (Reader){.archive = archive_read_new(), .source = source, .name = name};
        if (!reader->archive || !support(reader->archive, kind))
                return error_oom(e);
        if (source.skip)
                archive_read_set_skip_callback(reader->archive, on_skip);
        if (archive_read_open(reader->archive, reader, NULL, on_read, NULL) != ARCHIVE_OK)
                return reader_failed(reader, name, e);
        return 0;
}

void reader_done(Reader *reader) {
        archive_read_free(reader->archive);
        *reader = READER_INIT;
}

int reader_failed(Reader *reader, const char *what, Error *e) {
        const char *text = archive_error_string(reader->archive);

        if (reader->error.number != 0) {
                *e = reader->error;
                return -e->number;
        }
        if (archive_errno(reader->archive) == ENOMEM)
                return error_oom(e);
        return error_set(e, EBADMSG, "archive", "%s: %s", what, text ? text : "it is damaged");
}

int reader_next(Reader *reader, struct archive_entry **ret, Error *e) {
        struct archive *a = reader->archive;
        int r = archive_read_next_header(a, ret);

        reader->offset = 0;
        if (r == ARCHIVE_EOF) {
                /* At the end mark the reader has got beyond where that last header was looked
                 * for. */
                if (archive_format(a) != ARCHIVE_FORMAT_RAW &&
                    archive_filter_bytes(a, 0) <= archive_read_header_position(a))
                        return error_set(e, EBADMSG, "archive", "%s ends without its end mark",
                                         reader->name);
                return 0;
        }
        /* A warning is about a name that is no UTF-8 or the like: it is then taken as the bytes
         * it is. */
        if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
                return reader_failed(reader, reader->name, e);
        return 1;
}

ssize_t reader_read(Reader *reader, const void **ret, Error *e) {
        int64_t offset = 0;
        size_t size = 0;

        do {
                int r = archive_read_data_block(reader->archive, ret, &size, &offset);

                if (r == ARCHIVE_EOF)
                        return 0;
                if (r != ARCHIVE_OK)
                        return reader_failed(reader, reader->name, e);
        } while (size == 0);
        if (offset != reader->offset)
                return error_set(e, EBADMSG, "archive", "%s has holes", reader->name);
        reader->offset += (int64_t)size;
        return (ssize_t)size;
}

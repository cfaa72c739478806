/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <zlib.h>

#include "worker/decompress.h"
#include "worker/reader.h"

#define OUTPUT_SIZE (256 * 1024)
/* Window bits for inflateInit2(): the largest window, and the gzip form. */
#define GZIP_ONLY (15 + 16)

struct Decompressor {
        Source source;
        const char *name;
        /* What was read to see the form is given once more. */
        const void *first;
        ssize_t n_first;
        bool gzip;
        /* gzip, in members, each with a sum */
        z_stream stream;
        bool in_member, ended;
        unsigned char *output;
        /* all others, and what is not compressed */
        Reader reader;
};

static ssize_t read_source(void *userdata, const void **ret, Error *e) {
        Decompressor *d = userdata;

        if (d->first) {
                *ret = d->first;
                d->first = NULL;
                return d->n_first;
        }
        return d->source.read(d->source.userdata, ret, e);
}

static int damaged(const Decompressor *d, const char *why, Error *e) {
        return error_set(e, EBADMSG, "archive", "%s: %s", d->name, why);
}

/* Gets more input for inflate(). Return: 1, 0 at the end, or a negative errno. */
static int fill(Decompressor *d, Error *e) {
        const void *data;
        ssize_t n;

        if (d->stream.avail_in > 0)
                return 1;
        n = read_source(d, &data, e);
        if (n <= 0)
                return (int)n;
        d->stream.next_in = (z_const Bytef *)data;
        d->stream.avail_in = (uInt)n;
        return 1;
}

/* After a member: the next one, or the end; zeros may follow it, which gzip(1) allows too. */
static int next_member(Decompressor *d, Error *e) {
        int r;

        while ((r = fill(d, e)) > 0 && *d->stream.next_in == 0) {
                d->stream.next_in++;
                d->stream.avail_in--;
        }
        if (r < 0)
                return r;
        if (r == 0) {
                d->ended = true;
                return 0;
        }
        d->in_member = true;
        return inflateReset(&d->stream) == Z_OK ? 0 : damaged(d, "the gzip data are damaged", e);
}

static ssize_t read_gzip(void *userdata, const void **ret, Error *e) {
        Decompressor *d = userdata;

        d->stream.next_out = d->output;
        d->stream.avail_out = OUTPUT_SIZE;
        while (!d->ended && d->stream.avail_out > 0) {
                int r;

                if (!d->in_member) {
                        TRY(next_member(d, e));
                        continue;
                }
                r = fill(d, e);
                if (r < 0)
                        return r;
                if (r == 0)
                        return damaged(d, "the gzip data end too early", e);
                r = inflate(&d->stream, Z_NO_FLUSH);
                if (r == Z_MEM_ERROR)
                        return error_oom(e);
                if (r == Z_STREAM_END)
                        d->in_member = false;
                else if (r != Z_OK)
                        return damaged(d, d->stream.msg ? d->stream.msg : "damaged gzip data", e);
        }
        *ret = d->output;
        return (ssize_t)(OUTPUT_SIZE - d->stream.avail_out);
}

static ssize_t read_other(void *userdata, const void **ret, Error *e) {
        Decompressor *d = userdata;

        return reader_read(&d->reader, ret, e);
}

static int open_gzip(Decompressor *d, Error *e) {
        d->output = malloc(OUTPUT_SIZE);
        if (!d->output || inflateInit2(&d->stream, GZIP_ONLY) != Z_OK)
                return error_oom(e);
        d->gzip = true;
        d->in_member = true;
        return 0;
}

static int open_other(Decompressor *d, Error *e) {
        const Source source = {.read = read_source, .userdata = d};
        struct archive_entry *entry;
        int r;

        TRY(reader_open(&d->reader, READER_RAW, source, d->name, e));
        r = reader_next(&d->reader, &entry, e);
        if (r <= 0)
                return r < 0 ? r : damaged(d, "it is empty", e);
        /* The first one counted is the stream itself. */
        if (archive_filter_count(d->reader.archive) > 2)
                return damaged(d, "it is compressed more than once", e);
        return 0;
}

int decompressor_new(Source source, const char *name, Decompressor **ret, Error *e) {
        _cleanup_(decompressor_freep) Decompressor *d = calloc(1, sizeof(*d));
        const unsigned char *magic;

        if (!d)
                return error_oom(e);
        d->source = source;
        d->name = name;
        d->n_first = source.read(source.userdata, &d->first, e);
        if (d->n_first < 0)
                return (int)d->n_first;
        if (d->n_first == 0)
                return damaged(d, "it is empty", e);
        magic = d->first;
        if (d->n_first >= 2 && magic[0] == 0x1f && magic[1] == 0x8b)
                TRY(open_gzip(d, e));
        else
                TRY(open_other(d, e));
        *ret = TAKE_PTR(d);
        return 0;
}

Decompressor *decompressor_free(Decompressor *d) {
        if (d->gzip)
                inflateEnd(&d->stream);
        free(d->output);
        reader_done(&d->reader);
        free(d);
        return NULL;
}

bool decompressor_is_active(const Decompressor *d) {
        return d->gzip || archive_filter_count(d->reader.archive) > 1;
}

Source decompressor_source(Decompressor *d) {
        return (Source){.read = d->gzip ? read_gzip : read_other, .userdata = d};
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker/blob.h"
#include "worker/ahead.h"
#include "worker/decompress.h"

/* A stream whose digest is to be another one's. */
typedef struct Checked {
        Source source;
        Digest *digest; /* NULL: it is not checked */
        char expected[ID_LENGTH + 1];
} Checked;

/* The way from the file to the layer's tar. */
struct Blob {
        const char *name; /* borrowed from the members */
        Input input;
        Reader member;
        Checked packed; /* the member's contents */
        Decompressor *decompressor;
        Checked plain; /* the same, decompressed */
        Ahead *ahead;
        Reader tar;
};

Blob *blob_free(Blob *blob) {
        reader_done(&blob->tar);
        if (blob->ahead)
                ahead_free(blob->ahead);
        if (blob->decompressor)
                decompressor_free(blob->decompressor);
        reader_done(&blob->member);
        if (blob->packed.digest)
                digest_free(blob->packed.digest);
        if (blob->plain.digest)
                digest_free(blob->plain.digest);
        input_done(&blob->input);
        free(blob);
        return NULL;
}

Reader *blob_reader(Blob *blob) {
        return &blob->tar;
}

Input *blob_input(Blob *blob) {
        return &blob->input;
}

void blob_read_ahead(Blob *blob) {
        ahead_begin(blob->ahead);
}

static ssize_t read_member(void *userdata, const void **ret, Error *e) {
        return reader_read(userdata, ret, e);
}

static ssize_t read_checked(void *userdata, const void **ret, Error *e) {
        Checked *checked = userdata;
        ssize_t n = checked->source.read(checked->source.userdata, ret, e);

        if (n > 0 && checked->digest)
                TRY(digest_update(checked->digest, *ret, (size_t)n, e));
        return n;
}

static int expect(Checked *checked, Source source, const char *digest, Error *e) {
        checked->source = source;
        if (!digest)
                return 0;
        snprintf(checked->expected, sizeof(checked->expected), "%s", digest);
        return digest_new(&checked->digest, e);
}

int blob_open(const Members *members, const Member *member, const char *digest, const char *diff_id,
              Blob **ret, Error *e) {
        _cleanup_(blob_freep) Blob *blob = calloc(1, sizeof(*blob));
        Source packed, plain;

        if (!blob)
                return error_oom(e);
        blob->name = member->name;
        TRY(members_open(members, member, &blob->input, &blob->member, e));

        /* Of a layer that is not compressed both are the same: one is enough. */
        if (streq_ptr(digest, diff_id))
                digest = NULL;
        TRY(expect(&blob->packed, (Source){.read = read_member, .userdata = &blob->member}, digest,
                   e));
        packed = (Source){.read = read_checked, .userdata = &blob->packed};
        TRY(decompressor_new(packed, blob->name, &blob->decompressor, e));
        TRY(expect(&blob->plain, decompressor_source(blob->decompressor), diff_id, e));
        plain = (Source){.read = read_checked, .userdata = &blob->plain};
        TRY(ahead_new(plain, &blob->ahead, e));
        TRY(reader_open(&blob->tar, READER_TAR, ahead_source(blob->ahead), blob->name, e));
        *ret = TAKE_PTR(blob);
        return 0;
}

static int read_to_end(Source source, Error *e) {
        const void *ignored;
        ssize_t n;

        do
                n = source.read(source.userdata, &ignored, e);
        while (n > 0);
        return (int)n;
}

/* Compares the digest of a stream that was read to its end. */
static int verify(const Blob *blob, const Checked *checked, Error *e) {
        char actual[ID_LENGTH + 1];

        if (!checked->digest)
                return 0;
        TRY(digest_finish(checked->digest, actual, e));
        if (!streq(actual, checked->expected))
                return error_set(e, EBADMSG, "archive",
                                 "%s is damaged: its digest is %s and not %s", blob->name, actual,
                                 checked->expected);
        return 0;
}

int blob_verify(Blob *blob, Error *e) {
        TRY(read_to_end(ahead_source(blob->ahead), e));
        TRY(verify(blob, &blob->plain, e));
        TRY(read_to_end((Source){.read = read_checked, .userdata = &blob->packed}, e));
        return verify(blob, &blob->packed, e);
}

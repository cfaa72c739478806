/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "worker/blob.h"

/* One stage of the way from the file to the layer's tar. */
typedef struct Stage {
        struct archive *archive; /* its entry's contents are the next stage's input */
        int64_t offset;
        Digest *digest; /* of these contents; NULL: not checked */
        char expected[ID_LENGTH + 1];
} Stage;

struct Blob {
        Input input;
        Stage member; /* the member as it lies in the archive */
        Stage plain;  /* decompressed */
        struct archive *tar;
        const char *name; /* borrowed from the members */
        Error error;      /* of a callback, which can't return it */
};

Blob *blob_free(Blob *blob) {
        archive_read_free(blob->tar);
        archive_read_free(blob->plain.archive);
        archive_read_free(blob->member.archive);
        if (blob->plain.digest)
                digest_free(blob->plain.digest);
        if (blob->member.digest)
                digest_free(blob->member.digest);
        input_done(&blob->input);
        free(blob);
        return NULL;
}

struct archive *blob_archive(Blob *blob) {
        return blob->tar;
}

Input *blob_input(Blob *blob) {
        return &blob->input;
}

/* The next piece of a stage's contents. Return: its size, 0 at the end, or a negative errno. */
static ssize_t stage_read(Blob *blob, Stage *stage, const void **ret, Error *e) {
        int64_t offset;
        size_t size = 0;
        int r;

        do {
                r = archive_read_data_block(stage->archive, ret, &size, &offset);
                if (r == ARCHIVE_EOF)
                        return 0;
                if (r != ARCHIVE_OK)
                        return archive_error_set(e, stage->archive, &blob->input, blob->name);
        } while (size == 0);
        if (offset != stage->offset)
                return error_set(e, EBADMSG, "archive", "%s has holes", blob->name);
        stage->offset += (int64_t)size;
        if (stage->digest)
                TRY(digest_update(stage->digest, *ret, size, e));
        return (ssize_t)size;
}

static la_ssize_t read_member(struct archive *a, void *userdata, const void **ret) {
        Blob *blob = userdata;
        ssize_t n = stage_read(blob, &blob->member, ret, &blob->error);

        if (n < 0)
                archive_set_error(a, (int)-n, "%s", blob->error.text);
        return n < 0 ? -1 : n;
}

static la_ssize_t read_plain(struct archive *a, void *userdata, const void **ret) {
        Blob *blob = userdata;
        ssize_t n = stage_read(blob, &blob->plain, ret, &blob->error);

        if (n < 0)
                archive_set_error(a, (int)-n, "%s", blob->error.text);
        return n < 0 ? -1 : n;
}

static int expect(Stage *stage, const char *digest, Error *e) {
        if (!digest)
                return 0;
        snprintf(stage->expected, sizeof(stage->expected), "%s", digest);
        return digest_new(&stage->digest, e);
}

int blob_open(const Members *members, const Member *member, const char *digest, const char *diff_id,
              Blob **ret, Error *e) {
        _cleanup_(blob_freep) Blob *blob = calloc(1, sizeof(*blob));
        struct archive_entry *entry;

        if (!blob)
                return error_oom(e);
        blob->name = member->name;
        /* Of a layer that is not compressed both are the same: one is enough. */
        if (!digest || !streq_ptr(digest, diff_id))
                TRY(expect(&blob->member, digest, e));
        TRY(expect(&blob->plain, diff_id, e));

        TRY(members_open(members, member, &blob->input, &blob->member.archive, e));
        blob->plain.archive = archive_reader_new_raw();
        blob->tar = archive_reader_new_plain();
        if (!blob->plain.archive || !blob->tar)
                return error_oom(e);
        if (archive_read_open(blob->plain.archive, blob, NULL, read_member, NULL) != ARCHIVE_OK ||
            archive_read_next_header(blob->plain.archive, &entry) != ARCHIVE_OK)
                return archive_error_set(e, blob->plain.archive, &blob->input, member->name);
        if (archive_read_open(blob->tar, blob, NULL, read_plain, NULL) != ARCHIVE_OK)
                return archive_error_set(e, blob->tar, &blob->input, member->name);
        *ret = TAKE_PTR(blob);
        return 0;
}

/* Reads a stage to its end. */
static int finish(Blob *blob, Stage *stage, Error *e) {
        char actual[ID_LENGTH + 1];
        const void *ignored;
        ssize_t n;

        do {
                n = stage_read(blob, stage, &ignored, e);
                if (n < 0)
                        return (int)n;
        } while (n > 0);
        if (!stage->digest)
                return 0;
        TRY(digest_finish(stage->digest, actual, e));
        if (!streq(actual, stage->expected))
                return error_set(e, EBADMSG, "archive",
                                 "%s is damaged: its digest is %s and not %s", blob->name, actual,
                                 stage->expected);
        return 0;
}

int blob_verify(Blob *blob, Error *e) {
        TRY(finish(blob, &blob->plain, e));
        return finish(blob, &blob->member, e);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <unistd.h>

#include "worker/blob.h"
#include "worker/decompress.h"
#include "worker/extract.h"
#include "worker/import.h"
#include "worker/manifest.h"

/* How much of an import the spooling is. */
#define SPOOL_SHARE 0.4

/* What was kept of an input, and then the rest of it. */
typedef struct Replay {
        Input *input;
        bool kept_given;
} Replay;

static ssize_t read_again(void *userdata, const void **ret, Error *e) {
        Replay *replay = userdata;
        const Source source = input_source(replay->input);

        if (!replay->kept_given && replay->input->n_kept > 0) {
                replay->kept_given = true;
                *ret = replay->input->kept;
                return (ssize_t)replay->input->n_kept;
        }
        return source.read(source.userdata, ret, e);
}

static int write_spool(Source source, const Input *input, int file, Error *e) {
        uint64_t written = 0;
        const void *data;
        ssize_t n;

        while ((n = source.read(source.userdata, &data, e)) > 0) {
                int r;

                written += (uint64_t)n;
                if (written > EXTRACT_BYTES_MAX ||
                    (written > EXTRACT_RATIO_FREE &&
                     (written - EXTRACT_RATIO_FREE) / EXTRACT_RATIO_MAX > input->consumed))
                        return error_set(e, EBADMSG, "archive",
                                         "the archive is suspiciously well compressed");
                r = fd_write_all(file, data, (size_t)n);
                if (r < 0)
                        return error_set(e, r, "write", "keeping the archive");
        }
        return (int)n;
}

/* Writes the decompressed archive into a file without a name. Return: a descriptor or a negative
 * errno. */
static int spool(Input *input, int staging, Error *e) {
        _cleanup_(decompressor_freep) Decompressor *d = NULL;
        Replay replay = {.input = input};
        _cleanup_close_ int file = -EBADF;

        input->keep = false;
        input->share = SPOOL_SHARE;
        file = openat(staging, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (file < 0)
                return error_set(e, errno, "write", "making a temporary file");
        TRY(decompressor_new((Source){.read = read_again, .userdata = &replay}, "the archive", &d,
                             e));
        TRY(write_spool(decompressor_source(d), input, file, e));
        return TAKE_FD(file);
}

typedef struct Layers {
        int fds[FD_PASS_MAX];
        size_t n;
} Layers;

static void layers_done(Layers *layers) {
        fd_close_many(layers->fds, layers->n);
}

static int unpack(Blob *blob, int dir, const Layers *lowers, uint64_t *ret_size, Error *e) {
        _cleanup_(extractor_freep) Extractor *x = NULL;
        Reader *reader = blob_reader(blob);
        struct archive_entry *entry;
        int r;

        TRY(extractor_new(dir, &blob_input(blob)->consumed, true, lowers->fds, lowers->n, &x, e));
        while ((r = reader_next(reader, &entry, e)) > 0)
                TRY(extractor_add(x, reader, entry, e));
        if (r < 0)
                return r;
        TRY(extractor_finish(x, ret_size, e));
        return blob_verify(blob, e);
}

/* Unpacks layer `i` into staging/i and adds it to both lists. */
static int import_layer(Job *job, const Members *members, const ManifestLayer *layer, size_t i,
                        double before, double share, Layers *layers, Json *list, Error *e) {
        _cleanup_(blob_freep) Blob *blob = NULL;
        _cleanup_close_ int dir = -EBADF;
        uint64_t size;
        Input *input;

        TRY(blob_open(members, layer->member, *layer->digest ? layer->digest : NULL, layer->diff_id,
                      &blob, e));
        input = blob_input(blob);
        input->job = job;
        input->size = layer->member->size;
        input->before = before;
        input->share = share;
        dir = import_make_layer(job->fds[1], i, e);
        if (dir < 0)
                return dir;
        TRY(unpack(blob, dir, layers, &size, e));
        layers->fds[layers->n++] = TAKE_FD(dir);
        return import_add_layer(list, size, layer->diff_id, e);
}

static int import_layers(Job *job, const Members *members, const Manifest *manifest, double before,
                         Json *list, Error *e) {
        _cleanup_(layers_done) Layers layers = {};
        const double part = 1 - before;
        uint64_t all = 1;

        for (size_t i = 0; i < manifest->n_layers; i++)
                all += manifest->layers[i].member->size;
        for (size_t i = 0; i < manifest->n_layers; i++) {
                const ManifestLayer *layer = &manifest->layers[i];
                double share = part * (double)layer->member->size / (double)all;

                TRY(import_layer(job, members, layer, i, before, share, &layers, list, e));
                before += share;
        }
        return 0;
}

static int describe(const Manifest *manifest, Json *done) {
        TRY(json_add_string(done, "format", manifest->format));
        TRY(json_add_strv(done, "names", manifest->names));
        TRY(json_add_string(done, "digest", manifest->config_digest));
        TRY(json_add_u64(done, "created", manifest->created));
        if (manifest->config)
                TRY(json_add(done, "config", json_object_get(manifest->config)));
        if (manifest->history)
                TRY(json_add(done, "history", json_object_get(manifest->history)));
        return 0;
}

static int import_manifest(Job *job, const Members *members, const Manifest *manifest,
                           double before, Json *done, Error *e) {
        _cleanup_json_ Json *list = json_object_new_array();

        if (!list)
                return error_oom(e);
        TRY(import_layers(job, members, manifest, before, list, e));
        if (json_add(done, "layers", TAKE_PTR(list)) < 0)
                return error_oom(e);
        return describe(manifest, done) < 0 ? error_oom(e) : 0;
}

int import_image(Job *job, Input *input, bool compressed, Json *done, int *ret_file, Error *e) {
        _cleanup_(manifest_done) Manifest manifest = MANIFEST_INIT;
        _cleanup_(members_done) Members members = MEMBERS_INIT;
        bool direct = input->start >= 0 && !compressed;
        _cleanup_close_ int spooled = -EBADF;
        int r;

        if (!direct) {
                spooled = spool(input, job->fds[1], e);
                if (spooled < 0)
                        return spooled;
        }
        TRY(members_read(direct ? input->fd : spooled, direct ? input->start : 0, &members, e));
        r = manifest_read(&members, &manifest, e);
        if (r < 0)
                return r;
        if (r > 0) {
                TRY(import_manifest(job, &members, &manifest, direct ? 0 : SPOOL_SHARE, done, e));
                return 1;
        }
        if (direct)
                spooled = fcntl(input->fd, F_DUPFD_CLOEXEC, 3);
        if (spooled < 0 || lseek(spooled, direct ? input->start : 0, SEEK_SET) < 0)
                return error_set(e, errno, "read", "reading the archive again");
        *ret_file = TAKE_FD(spooled);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <unistd.h>

#include "worker/blob.h"
#include "worker/decompress.h"
#include "worker/extract.h"
#include "worker/import.h"
#include "worker/manifest.h"
#include "worker/part.h"

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

        blob_read_ahead(blob);
        TRY(extractor_new(dir, &blob_input(blob)->consumed, true, lowers->fds, lowers->n, &x, e));
        while ((r = reader_next(reader, &entry, e)) > 0)
                TRY(extractor_add(x, reader, entry, e));
        if (r < 0)
                return r;
        TRY(extractor_finish(x, ret_size, e));
        return blob_verify(blob, e);
}

/* What is done with all images of an archive. */
typedef struct Unpacking {
        Job *job;
        const Members *members;
        uint64_t *sizes; /* of the layers, by their parts */
        double before;   /* progress */
        double share;    /* of the whole job, for each byte of the layers */
} Unpacking;

/* Unpacks a layer into staging/PART and adds it to those that are below the next one. */
static int import_layer(Unpacking *u, const ManifestLayer *layer, Layers *layers, Error *e) {
        _cleanup_(blob_freep) Blob *blob = NULL;
        _cleanup_close_ int dir = -EBADF;
        Input *input;

        dir = (layer->shared ? part_open : part_make)(u->job->fds[1], layer->part, e);
        if (dir < 0)
                return dir;
        if (!layer->shared) {
                TRY(blob_open(u->members, layer->member, *layer->digest ? layer->digest : NULL,
                              layer->diff_id, &blob, e));
                input = blob_input(blob);
                input->job = u->job;
                input->size = layer->member->size;
                input->before = u->before;
                input->share = u->share * (double)layer->member->size;
                TRY(unpack(blob, dir, layers, &u->sizes[layer->part], e));
                u->before += input->share;
        }
        layers->fds[layers->n++] = TAKE_FD(dir);
        return 0;
}

static int describe(const Manifest *manifest, Json *image) {
        TRY(json_add_strv(image, "names", manifest->names));
        TRY(json_add_string(image, "digest", manifest->config_digest));
        TRY(json_add_u64(image, "created", manifest->created));
        if (manifest->config)
                TRY(json_add(image, "config", json_object_get(manifest->config)));
        if (manifest->history)
                TRY(json_add(image, "history", json_object_get(manifest->history)));
        return 0;
}

static int import_manifest(Unpacking *u, const Manifest *manifest, Json *images, Error *e) {
        _cleanup_json_ Json *image = json_object_new_object(), *list = json_object_new_array();
        _cleanup_(layers_done) Layers layers = {};

        if (!image || !list)
                return error_oom(e);
        for (size_t i = 0; i < manifest->n_layers; i++) {
                const ManifestLayer *layer = &manifest->layers[i];

                TRY(import_layer(u, layer, &layers, e));
                TRY(import_add_layer(list, layer->part, u->sizes[layer->part], layer->diff_id, e));
        }
        if (json_add(image, "layers", TAKE_PTR(list)) < 0 || describe(manifest, image) < 0 ||
            json_object_array_add(images, image) < 0)
                return error_oom(e);
        image = NULL;
        return 0;
}

static int import_manifests(Job *job, const Members *members, const Manifests *manifests,
                            double before, Json *done, Error *e) {
        _cleanup_free_ uint64_t *sizes = calloc(manifests->n_parts, sizeof(*sizes));
        _cleanup_json_ Json *images = json_object_new_array();
        Unpacking u = {.job = job, .members = members, .sizes = sizes, .before = before};
        uint64_t all = 1;

        if (!sizes || !images)
                return error_oom(e);
        for (size_t i = 0; i < manifests->n; i++)
                for (size_t j = 0; j < manifests->items[i].n_layers; j++) {
                        const ManifestLayer *layer = &manifests->items[i].layers[j];

                        all += layer->shared ? 0 : layer->member->size;
                }
        u.share = (1 - before) / (double)all;
        for (size_t i = 0; i < manifests->n; i++)
                TRY(import_manifest(&u, &manifests->items[i], images, e));
        return import_describe(done, manifests->format, TAKE_PTR(images)) < 0 ? error_oom(e) : 0;
}

int import_image(Job *job, Input *input, bool compressed, Json *done, int *ret_file, Error *e) {
        _cleanup_(manifests_done) Manifests manifests = MANIFESTS_INIT;
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
        r = manifests_read(&members, &manifests, e);
        if (r < 0)
                return r;
        if (r > 0) {
                TRY(import_manifests(job, &members, &manifests, direct ? 0 : SPOOL_SHARE, done, e));
                return 1;
        }
        if (direct)
                spooled = fcntl(input->fd, F_DUPFD_CLOEXEC, 3);
        if (spooled < 0 || lseek(spooled, direct ? input->start : 0, SEEK_SET) < 0)
                return error_set(e, errno, "read", "reading the archive again");
        *ret_file = TAKE_FD(spooled);
        return 0;
}

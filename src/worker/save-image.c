/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <time.h>

#include "shared/strutil.h"
#include "worker/pack.h"
#include "worker/save.h"
#include "worker/tar.h"

#define JSON_FLAGS (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

#define TYPE_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define TYPE_CONFIG "application/vnd.oci.image.config.v1+json"
#define TYPE_LAYER "application/vnd.oci.image.layer.v1.tar"

/* How much of the work it is to learn the layers' digests. */
#define DIGEST_SHARE 0.6

/* A part of the archive that is named by its digest. */
typedef struct Part {
        char digest[ID_LENGTH + 1];
        uint64_t size;
        bool repeated; /* an earlier one is the same */
} Part;

typedef struct Image {
        Job *job;
        Sink sink;
        struct timespec created;
        Part layers[FD_PASS_MAX];
        Holes holes[FD_PASS_MAX]; /* of the files in each layer */
        size_t n_layers;
        Part config;
        Json *config_json;
} Image;

/* A tar names its members, and says how large they are, before they come; an archive's reader
 * need not be able to seek. So each layer is packed twice: for its digest, and into the archive. */
static int measure_layers(Image *image, Error *e) {
        Job *job = image->job;

        image->n_layers = job->n_fds - 1;
        for (size_t i = 0; i < image->n_layers; i++) {
                const PackOptions options = {.layer = true, .holes = &image->holes[i]};
                _cleanup_(digest_freep) Digest *digest = NULL;
                _cleanup_(sink_done) Sink sink = SINK_INIT;
                Part *part = &image->layers[i];

                TRY(digest_new(&digest, e));
                TRY(sink_init(&sink, -EBADF, digest, e));
                TRY(pack_tree(job->fds[1 + i], &options, &sink, e));
                holes_end_walk(&image->holes[i]);
                TRY(sink_flush(&sink, e));
                TRY(digest_finish(digest, part->digest, e));
                part->size = sink.total;
                for (size_t j = 0; j < i; j++)
                        part->repeated |= streq(image->layers[j].digest, part->digest);
                job_progress(job, DIGEST_SHARE * (double)(i + 1) / (double)image->n_layers);
        }
        return 0;
}

static int put_layer(Image *image, size_t i, const char *name, Error *e) {
        const Part *part = &image->layers[i];
        const PackOptions options = {
                .layer = true,
                .holes = &image->holes[i],
                .job = image->job,
                .expected = part->size,
                .before = DIGEST_SHARE + (1 - DIGEST_SHARE) * (double)i / (double)image->n_layers,
                .share = (1 - DIGEST_SHARE) / (double)image->n_layers,
        };
        const TarEntry entry = {
                .type = TAR_FILE,
                .path = name,
                .mode = 0644,
                .size = part->size,
                .mtime = image->created,
        };
        uint64_t start;

        TRY(tar_header(&image->sink, &entry, e));
        start = image->sink.total;
        TRY(pack_tree(image->job->fds[1 + i], &options, &image->sink, e));
        if (image->sink.total - start != part->size)
                return error_set(e, EBUSY, "read", "a layer was changed while it was saved");
        return tar_pad(&image->sink, part->size, e);
}

static int put_directory(Image *image, const char *name, Error *e) {
        const TarEntry entry = {
                .type = TAR_DIRECTORY,
                .path = name,
                .mode = 0755,
                .mtime = image->created,
        };

        return tar_header(&image->sink, &entry, e);
}

/* Puts a JSON text into the archive, under `name`, or with NULL as a blob that is named by its
 * digest, which *ret gets. */
static int put_json(Image *image, const char *name, Json *json, Part *ret, Error *e) {
        const char *text;
        char blob[80];
        size_t size;

        text = json_object_to_json_string_length(json, JSON_FLAGS, &size);
        if (!text)
                return error_oom(e);
        if (!name) {
                TRY(digest_of(text, size, ret->digest, e));
                ret->size = size;
                snprintf(blob, sizeof(blob), "blobs/sha256/%s", ret->digest);
                name = blob;
        }
        return tar_put_file(&image->sink, name, image->created, text, size, e);
}

static char *prefixed(const char *digest) {
        return strf("sha256:%s", digest);
}

static Json *new_string(char *text) {
        Json *json = text ? json_object_new_string(text) : NULL;

        free(text);
        return json;
}

/* {"type":"layers","diff_ids":[…]} */
static int make_rootfs(const Image *image, Json **ret) {
        _cleanup_json_ Json *rootfs = json_object_new_object();
        Json *ids = json_object_new_array();

        if (!rootfs) {
                json_object_put(ids);
                return -ENOMEM;
        }
        TRY(json_add_string(rootfs, "type", "layers"));
        TRY(json_add(rootfs, "diff_ids", ids));
        for (size_t i = 0; i < image->n_layers; i++)
                TRY(json_append(ids, new_string(prefixed(image->layers[i].digest))));
        *ret = TAKE_PTR(rootfs);
        return 0;
}

/* The daemon knows all of the configuration but the layers' digests. */
static int complete_config(Image *image) {
        Json *rootfs = NULL;

        image->config_json = image->job->order.config ? json_object_get(image->job->order.config) :
                                                        json_object_new_object();
        if (!image->config_json)
                return -ENOMEM;
        TRY(make_rootfs(image, &rootfs));
        return json_add(image->config_json, "rootfs", rootfs);
}

static int make_descriptor(const char *type, const Part *part, Json **ret) {
        _cleanup_json_ Json *descriptor = json_object_new_object();

        if (!descriptor)
                return -ENOMEM;
        TRY(json_add_string(descriptor, "mediaType", type));
        TRY(json_add(descriptor, "digest", new_string(prefixed(part->digest))));
        TRY(json_add_u64(descriptor, "size", part->size));
        *ret = TAKE_PTR(descriptor);
        return 0;
}

static int make_manifest(const Image *image, Json **ret) {
        _cleanup_json_ Json *manifest = json_object_new_object();
        Json *layers, *descriptor = NULL;

        if (!manifest)
                return -ENOMEM;
        TRY(json_add_int(manifest, "schemaVersion", 2));
        TRY(json_add_string(manifest, "mediaType", TYPE_MANIFEST));
        TRY(make_descriptor(TYPE_CONFIG, &image->config, &descriptor));
        TRY(json_add(manifest, "config", descriptor));
        layers = json_object_new_array();
        TRY(json_add(manifest, "layers", layers));
        for (size_t i = 0; i < image->n_layers; i++) {
                TRY(make_descriptor(TYPE_LAYER, &image->layers[i], &descriptor));
                TRY(json_append(layers, descriptor));
        }
        *ret = TAKE_PTR(manifest);
        return 0;
}

/* The index leads to the one image under its first name: other tools refuse an archive whose
 * index names it twice. */
static int make_index(const Image *image, const Part *manifest, Json **ret) {
        char *const *names = image->job->order.names;
        _cleanup_json_ Json *index = json_object_new_object();
        Json *list, *descriptor = NULL, *annotations;

        if (!index)
                return -ENOMEM;
        TRY(json_add_int(index, "schemaVersion", 2));
        list = json_object_new_array();
        TRY(json_add(index, "manifests", list));
        TRY(make_descriptor(TYPE_MANIFEST, manifest, &descriptor));
        TRY(json_append(list, descriptor));
        if (names && names[0]) {
                annotations = json_object_new_object();
                TRY(json_add(descriptor, "annotations", annotations));
                TRY(json_add_string(annotations, "io.containerd.image.name", names[0]));
                TRY(json_add_string(annotations, "org.opencontainers.image.ref.name", names[0]));
        }
        *ret = TAKE_PTR(index);
        return 0;
}

static int put_oci(Image *image, Error *e) {
        static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
        _cleanup_json_ Json *manifest = NULL, *index = NULL;
        Part manifest_part = {};
        char name[80];

        TRY(put_directory(image, "blobs/", e));
        TRY(put_directory(image, "blobs/sha256/", e));
        TRY(tar_put_file(&image->sink, "oci-layout", image->created, layout, sizeof(layout) - 1,
                         e));
        for (size_t i = 0; i < image->n_layers; i++) {
                if (image->layers[i].repeated)
                        continue;
                snprintf(name, sizeof(name), "blobs/sha256/%s", image->layers[i].digest);
                TRY(put_layer(image, i, name, e));
        }
        TRY(put_json(image, NULL, image->config_json, &image->config, e));
        if (make_manifest(image, &manifest) < 0)
                return error_oom(e);
        TRY(put_json(image, NULL, manifest, &manifest_part, e));
        if (make_index(image, &manifest_part, &index) < 0)
                return error_oom(e);
        return put_json(image, "index.json", index, NULL, e);
}

static int make_docker_manifest(const Image *image, const char *config, Json **ret) {
        _cleanup_json_ Json *list = json_object_new_array(), *entry = json_object_new_object();
        Json *layers = json_object_new_array(), *tags = NULL;

        if (!list || !entry) {
                json_object_put(layers);
                return -ENOMEM;
        }
        TRY(json_add(entry, "Layers", layers));
        TRY(json_add_string(entry, "Config", config));
        tags = json_object_new_array();
        TRY(json_add(entry, "RepoTags", tags));
        for (char *const *name = image->job->order.names; name && *name; name++)
                TRY(json_append(tags, json_object_new_string(*name)));
        for (size_t i = 0; i < image->n_layers; i++)
                TRY(json_append(layers, new_string(strf("%s.tar", image->layers[i].digest))));
        TRY(json_append(list, json_object_get(entry)));
        *ret = TAKE_PTR(list);
        return 0;
}

static int put_docker(Image *image, Error *e) {
        _cleanup_json_ Json *manifest = NULL;
        char name[ID_LENGTH + 8];
        const char *text;
        size_t size;

        for (size_t i = 0; i < image->n_layers; i++) {
                if (image->layers[i].repeated)
                        continue;
                snprintf(name, sizeof(name), "%s.tar", image->layers[i].digest);
                TRY(put_layer(image, i, name, e));
        }
        text = json_object_to_json_string_length(image->config_json, JSON_FLAGS, &size);
        if (!text)
                return error_oom(e);
        TRY(digest_of(text, size, image->config.digest, e));
        snprintf(name, sizeof(name), "%s.json", image->config.digest);
        TRY(tar_put_file(&image->sink, name, image->created, text, size, e));
        if (make_docker_manifest(image, name, &manifest) < 0)
                return error_oom(e);
        return put_json(image, "manifest.json", manifest, NULL, e);
}

static void image_freep(Image **image) {
        if (!*image)
                return;
        sink_done(&(*image)->sink);
        for (size_t i = 0; i < (*image)->n_layers; i++)
                holes_done(&(*image)->holes[i]);
        json_object_put((*image)->config_json);
        free(*image);
}

static int save(Job *job, int (*put)(Image *image, Error *e), Json *done, Error *e) {
        _cleanup_(image_freep) Image *image = calloc(1, sizeof(*image));

        if (!image)
                return error_oom(e);
        image->job = job;
        image->created.tv_sec = (time_t)(job->order.created / 1000000);
        TRY(sink_init(&image->sink, job->fds[0], NULL, e));
        TRY(measure_layers(image, e));
        if (complete_config(image) < 0)
                return error_oom(e);
        TRY(put(image, e));
        TRY(tar_end(&image->sink, e));
        TRY(sink_flush(&image->sink, e));
        if (json_add_u64(done, "size", image->sink.total) < 0 ||
            json_add_string(done, "digest", image->config.digest) < 0)
                return error_oom(e);
        return 0;
}

int save_oci(Job *job, Json *done, Error *e) {
        return save(job, put_oci, done, e);
}

int save_docker(Job *job, Json *done, Error *e) {
        return save(job, put_docker, done, e);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "shared/fd.h"
#include "shared/strutil.h"
#include "worker/manifest-config.h"

/* All layers of an image must fit into one message beside another descriptor. */
#define LAYERS_MAX (FD_PASS_MAX - 1)
/* An index may lead to another one, as those of images for several processors do. */
#define INDEX_DEPTH_MAX 3

#if defined(__x86_64__)
#define ARCHITECTURE "amd64"
#elif defined(__aarch64__)
#define ARCHITECTURE "arm64"
#endif

static void manifest_done(Manifest *manifest) {
        strv_free(manifest->names);
        json_object_put(manifest->config);
        json_object_put(manifest->history);
        free(manifest->layers);
        *manifest = (Manifest){};
}

void manifests_done(Manifests *manifests) {
        for (size_t i = 0; i < manifests->n; i++)
                manifest_done(&manifests->items[i]);
        free(manifests->items);
        *manifests = MANIFESTS_INIT;
}

static int bad(const char *name, const char *what, Error *e) {
        return error_set(e, EBADMSG, "archive", "%s: %s", name, what);
}

/* A getter's failure. */
static int bad_json(int r, const char *name, Error *e) {
        return r == -ENOMEM ? error_oom(e) : bad(name, "it is not as it should be", e);
}

const char *digest_hex(const char *s) {
        const char *hex = s ? startswith(s, "sha256:") : NULL;

        return hex && id_is_valid(hex) ? hex : NULL;
}

/* Reads and parses a member; with `digest` its contents are checked. */
static int read_json(const Members *members, const char *name, const char *digest, Json **ret,
                     Error *e) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        TRY(members_read_text(members, name, &text, &size, e));
        if (digest) {
                char actual[ID_LENGTH + 1];

                TRY(digest_of(text, size, actual, e));
                if (!streq(actual, digest))
                        return bad(name, "it is damaged: its digest is another one", e);
        }
        r = json_parse(text, size, ret);
        return r < 0 ? bad_json(r, name, e) : 0;
}

static int blob_name(const char *digest, char ret[static 80], Error *e) {
        const char *hex = digest_hex(digest);

        if (!hex)
                return bad(digest ? digest : "a descriptor", "it has no SHA-256 digest", e);
        snprintf(ret, 80, "blobs/sha256/%s", hex);
        return 0;
}

static int read_blob(const Members *members, const char *digest, Json **ret, Error *e) {
        char name[80];

        TRY(blob_name(digest, name, e));
        return read_json(members, name, digest_hex(digest), ret, e);
}

/* Names that are no references of ours are left out: they say nothing about what is in the
 * archive. */
static int add_name(Manifest *manifest, const char *name, Error *e) {
        _cleanup_free_ char *normal = NULL;
        int r;

        r = image_reference_normalize(name, &normal);
        if (r == -EINVAL)
                return 0;
        if (r >= 0 && !strv_contains(manifest->names, normal))
                r = strv_consume(&manifest->names, TAKE_PTR(normal));
        return r < 0 ? error_oom(e) : 0;
}

static int allocate_layers(Manifest *manifest, size_t n, const char *name, Error *e) {
        if (n == 0)
                return bad(name, "the image has no layers", e);
        if (n > LAYERS_MAX)
                return bad(name, "the image has too many layers", e);
        manifest->layers = calloc(n, sizeof(*manifest->layers));
        if (!manifest->layers)
                return error_oom(e);
        manifest->n_layers = n;
        return 0;
}

/* In newer archives the name of the configuration is its digest. Return: it, or NULL. */
static const char *digest_in_name(const char *name, char ret[static ID_LENGTH + 1]) {
        const char *blob = startswith(name, "blobs/sha256/");
        size_t length;

        name = blob ? blob : name;
        length = strspn(name, "0123456789abcdef");
        if (length != ID_LENGTH || !(name[length] == '\0' || streq(name + length, ".json")))
                return NULL;
        snprintf(ret, ID_LENGTH + 1, "%s", name);
        return ret;
}

static int docker_names(Manifest *manifest, Json *image, const char *name, Error *e) {
        Json *tags = NULL;

        if (!json_object_object_get_ex(image, "RepoTags", &tags) || !tags)
                return 0;
        if (!json_object_is_type(tags, json_type_array))
                return bad_json(-EBADMSG, name, e);
        for (size_t i = 0; i < json_object_array_length(tags); i++) {
                Json *tag = json_object_array_get_idx(tags, i);

                if (!json_object_is_type(tag, json_type_string))
                        return bad_json(-EBADMSG, name, e);
                TRY(add_name(manifest, json_object_get_string(tag), e));
        }
        return 0;
}

/* Return: a new one at the end, borrowed until the next, or NULL when out of memory. */
static Manifest *add_manifest(Manifests *manifests) {
        Manifest *items =
                reallocarray(manifests->items, manifests->n + 1, sizeof(*manifests->items));

        if (!items)
                return NULL;
        manifests->items = items;
        items[manifests->n] = (Manifest){};
        return &items[manifests->n++];
}

/* One that has been read: if it is an image that was there already, only its names count. */
static int settle(Manifests *manifests, Error *e) {
        Manifest *last = &manifests->items[manifests->n - 1];
        size_t size = 0;

        for (Manifest *m = manifests->items; m < last; m++) {
                size += m->config_size;
                if (!streq(m->config_digest, last->config_digest))
                        continue;
                for (char **name = last->names; name && *name; name++)
                        TRY(add_name(m, *name, e));
                manifest_done(last);
                manifests->n--;
                return 0;
        }
        if (size + last->config_size > CONFIG_SIZE_MAX)
                return bad("the archive", "it holds too many images", e);
        return 0;
}

static int docker_image(const Members *members, Manifest *manifest, Json *image, const char *name,
                        Error *e) {
        const char *config_name = NULL;
        char digest[ID_LENGTH + 1];
        Json *layers = NULL;
        int r;

        if (!json_object_is_type(image, json_type_object))
                return bad_json(-EBADMSG, name, e);
        r = json_peek_string(image, "Config", &config_name);
        if (r > 0)
                r = json_get_array(image, "Layers", &layers);
        if (r <= 0)
                return bad_json(r == 0 ? -EBADMSG : r, name, e);
        TRY(docker_names(manifest, image, name, e));
        TRY(allocate_layers(manifest, json_object_array_length(layers), name, e));
        for (size_t i = 0; i < manifest->n_layers; i++) {
                const char *layer = json_object_get_string(json_object_array_get_idx(layers, i));

                manifest->layers[i].member = layer ? members_find(members, layer) : NULL;
                if (!manifest->layers[i].member)
                        return bad(layer ? layer : name, "a layer is missing", e);
        }
        return manifest_read_config(manifest, members, config_name,
                                    digest_in_name(config_name, digest), e);
}

static int read_docker(const Members *members, Manifests *manifests, Error *e) {
        _cleanup_json_ Json *list = NULL;
        const char *name = "manifest.json";

        manifests->format = "docker-archive";
        TRY(read_json(members, name, NULL, &list, e));
        if (!json_object_is_type(list, json_type_array))
                return bad_json(-EBADMSG, name, e);
        if (json_object_array_length(list) == 0)
                return bad(name, "the archive holds no image", e);
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                Manifest *manifest = add_manifest(manifests);

                if (!manifest)
                        return error_oom(e);
                TRY(docker_image(members, manifest, json_object_array_get_idx(list, i), name, e));
                TRY(settle(manifests, e));
        }
        return 0;
}

/* Whether a descriptor of an index is of an image for this machine. One without a platform may
 * be. */
static bool platform_fits(Json *descriptor) {
        const char *os = "linux", *architecture = ARCHITECTURE, *type = "";
        Json *platform = NULL, *annotations = NULL;

        if (json_get_object(descriptor, "annotations", &annotations) > 0 &&
            json_peek_string(annotations, "vnd.docker.reference.type", &type) > 0)
                return false; /* about an image */
        if (json_get_object(descriptor, "platform", &platform) <= 0)
                return true;
        json_peek_string(platform, "os", &os);
        json_peek_string(platform, "architecture", &architecture);
        return streq(os, "linux") && streq(architecture, ARCHITECTURE);
}

static int oci_names(Manifest *manifest, Json *descriptor, Error *e) {
        Json *annotations = NULL;
        const char *name = NULL;

        if (json_get_object(descriptor, "annotations", &annotations) <= 0)
                return 0;
        if (json_peek_string(annotations, "io.containerd.image.name", &name) > 0)
                TRY(add_name(manifest, name, e));
        /* This may also be a tag alone, which names nothing. */
        if (json_peek_string(annotations, "org.opencontainers.image.ref.name", &name) > 0 &&
            strchr(name, ':'))
                TRY(add_name(manifest, name, e));
        return 0;
}

/* The digest of the one image of an inner index that is for this machine; it may be there under
 * several names, which are noted. Return: 0 and *ret, borrowed, or a negative errno. */
static int choose(Manifest *manifest, Json *index, const char *name, const char **ret, Error *e) {
        Json *descriptors = NULL;

        *ret = NULL;
        if (json_get_array(index, "manifests", &descriptors) <= 0)
                return bad_json(-EBADMSG, name, e);
        for (size_t i = 0; i < json_object_array_length(descriptors); i++) {
                Json *descriptor = json_object_array_get_idx(descriptors, i);
                const char *digest = NULL;

                if (!json_object_is_type(descriptor, json_type_object) ||
                    json_peek_string(descriptor, "digest", &digest) <= 0)
                        return bad_json(-EBADMSG, name, e);
                if (!platform_fits(descriptor))
                        continue;
                if (*ret && !streq(*ret, digest))
                        return bad(name, "it leads to more than one image", e);
                *ret = digest;
                TRY(oci_names(manifest, descriptor, e));
        }
        return *ret ? 0 : bad(name, "there is no image for this machine in it", e);
}

/* Archives also hold charts, signatures, or layers that are encrypted. A descriptor that says nothing
 * of its type is taken for what it should be. */
static int check_type(Json *descriptor, const char *const *prefixes, const char *name,
                      const char *what, Error *e) {
        const char *type = NULL;
        bool known = false;

        if (json_peek_string(descriptor, "mediaType", &type) < 0)
                return bad_json(-EBADMSG, name, e);
        if (isempty(type))
                return 0;
        for (; *prefixes; prefixes++)
                known |= startswith(type, *prefixes) != NULL;
        if (known && !strchr(type, ' ') && !strstr(type, "+encrypted"))
                return 0;
        return error_set(e, EBADMSG, "archive", "%s: %s: %s", name, what, type);
}

static const char *const layer_types[] = {"application/vnd.oci.image.layer.",
                                          "application/vnd.docker.image.rootfs.", NULL};
static const char *const config_types[] = {"application/vnd.oci.image.config.",
                                           "application/vnd.docker.container.image.", NULL};

static int oci_layers(const Members *members, Manifest *manifest, Json *layers, const char *name,
                      Error *e) {
        TRY(allocate_layers(manifest, json_object_array_length(layers), name, e));
        for (size_t i = 0; i < manifest->n_layers; i++) {
                Json *descriptor = json_object_array_get_idx(layers, i);
                ManifestLayer *layer = &manifest->layers[i];
                const char *digest = NULL;
                char blob[80];

                if (!json_object_is_type(descriptor, json_type_object) ||
                    json_peek_string(descriptor, "digest", &digest) <= 0)
                        return bad_json(-EBADMSG, name, e);
                TRY(blob_name(digest, blob, e));
                TRY(check_type(descriptor, layer_types, blob, "no layer", e));
                layer->member = members_find(members, blob);
                if (!layer->member)
                        return bad(blob, "a layer is missing", e);
                snprintf(layer->digest, sizeof(layer->digest), "%s", digest_hex(digest));
        }
        return 0;
}

/* The image that a descriptor of index.json leads to, maybe by way of others. */
static int oci_image(const Members *members, Manifest *manifest, const char *digest, Error *e) {
        _cleanup_json_ Json *current = NULL;
        const char *name = "index.json";
        Json *descriptor = NULL, *layers = NULL;
        char blob[80];

        TRY(read_blob(members, digest, &current, e));
        for (unsigned depth = 1; json_object_is_type(current, json_type_object) &&
                                 json_object_object_get_ex(current, "manifests", NULL);
             depth++) {
                Json *next = NULL;

                if (depth == INDEX_DEPTH_MAX)
                        return bad(name, "it leads to too many others", e);
                TRY(choose(manifest, current, name, &digest, e));
                TRY(read_blob(members, digest, &next, e));
                json_object_put(current);
                current = next;
        }
        name = "the manifest";
        if (!json_object_is_type(current, json_type_object) ||
            json_get_array(current, "layers", &layers) <= 0 ||
            json_get_object(current, "config", &descriptor) <= 0 ||
            json_peek_string(descriptor, "digest", &digest) <= 0)
                return bad_json(-EBADMSG, name, e);
        TRY(oci_layers(members, manifest, layers, name, e));
        TRY(blob_name(digest, blob, e));
        TRY(check_type(descriptor, config_types, blob, "no image", e));
        return manifest_read_config(manifest, members, blob, digest_hex(digest), e);
}

static int read_oci(const Members *members, Manifests *manifests, Error *e) {
        _cleanup_json_ Json *index = NULL;
        const char *name = "index.json";
        Json *descriptors = NULL;

        manifests->format = "oci-archive";
        TRY(read_json(members, name, NULL, &index, e));
        if (!json_object_is_type(index, json_type_object) ||
            json_get_array(index, "manifests", &descriptors) <= 0)
                return bad_json(-EBADMSG, name, e);
        for (size_t i = 0; i < json_object_array_length(descriptors); i++) {
                Json *descriptor = json_object_array_get_idx(descriptors, i);
                const char *digest = NULL;
                Manifest *manifest;

                if (!json_object_is_type(descriptor, json_type_object) ||
                    json_peek_string(descriptor, "digest", &digest) <= 0)
                        return bad_json(-EBADMSG, name, e);
                if (!platform_fits(descriptor))
                        continue;
                manifest = add_manifest(manifests);
                if (!manifest)
                        return error_oom(e);
                TRY(oci_names(manifest, descriptor, e));
                TRY(oci_image(members, manifest, digest, e));
                TRY(settle(manifests, e));
        }
        return manifests->n > 0 ? 0 : bad(name, "there is no image for this machine in it", e);
}

/* How many layers from below two images have in common. */
static size_t count_common(const Manifest *a, const Manifest *b) {
        size_t n = 0;

        while (n < a->n_layers && n < b->n_layers &&
               streq(a->layers[n].diff_id, b->layers[n].diff_id))
                n++;
        return n;
}

/* A layer that is in several images upon the same ones is to be unpacked once. */
static void share_layers(Manifests *manifests) {
        for (Manifest *m = manifests->items; m < manifests->items + manifests->n; m++) {
                const Manifest *best = m;
                size_t n = 0;

                for (const Manifest *other = manifests->items; other < m; other++)
                        if (count_common(other, m) > n) {
                                best = other;
                                n = count_common(other, m);
                        }
                for (size_t i = 0; i < m->n_layers; i++) {
                        m->layers[i].shared = i < n;
                        m->layers[i].part = i < n ? best->layers[i].part : manifests->n_parts++;
                }
        }
}

/* Whether a member is what only archives of images have. */
static bool is_image_part(const char *name) {
        const char *blob = startswith(name, "blobs/sha256/");
        size_t digits;

        if (streq(name, "oci-layout"))
                return true;
        name = blob ? blob : name;
        digits = strspn(name, "0123456789abcdef");
        name += digits;
        return digits == ID_LENGTH &&
               (blob ? *name == '\0' :
                       streq(name, ".json") || streq(name, ".tar") || streq(name, "/layer.tar"));
}

int manifests_read(const Members *members, Manifests *ret, Error *e) {
        int r;

        *ret = MANIFESTS_INIT;
        if (members_find(members, "manifest.json"))
                r = read_docker(members, ret, e);
        else if (members_find(members, "index.json") && members_find(members, "oci-layout"))
                r = read_oci(members, ret, e);
        else {
                for (size_t i = 0; i < members->n; i++)
                        if (is_image_part(members->items[i].name))
                                return bad("the archive", "the image's manifest is missing", e);
                return 0;
        }
        if (r < 0)
                return r;
        share_layers(ret);
        return 1;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fuzzes what an image's archive says of itself. The input is texts with empty lines between them; each becomes a blob of
 * the archive, and "@1" in a later one stands for the digest of the first, and so on. The last one is the archive's
 * index.json, or its manifest.json when it begins with '['. What is accepted has what the import relies on. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/strutil.h"
#include "shared/test.h"
#include "worker/manifest.h"
#include "worker/tar.h"

#define TEXTS_MAX 9

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Text {
        char *text;
        size_t size;
        char digest[ID_LENGTH + 1];
} Text;

/* With the digests of the texts before it in place. */
static Text expand(const char *s, size_t size, const Text *before, size_t n) {
        Text text = {.text = malloc(size * (ID_LENGTH + 8) + 1)};
        Error e = ERROR_INIT;
        char *p = text.text;

        CHECK(p);
        for (size_t i = 0; i < size; i++) {
                size_t k = s[i] == '@' && i + 1 < size ? (size_t)(s[i + 1] - '1') : SIZE_MAX;

                if (k >= n) {
                        *p++ = s[i];
                        continue;
                }
                p += sprintf(p, "sha256:%s", before[k].digest);
                i++;
        }
        text.size = (size_t)(p - text.text);
        CHECK_INT(digest_of(text.text, text.size, text.digest, &e), 0);
        return text;
}

static void put(Sink *sink, const char *name, const Text *text) {
        const struct timespec no_time = {};
        Error e = ERROR_INIT;

        CHECK_INT(tar_put_file(sink, name, no_time, text->text, text->size, &e), 0);
}

/* Return: the archive in memory. */
static int make_archive(const Text *texts, size_t n) {
        const Text *last = &texts[n - 1];
        const Text layout = {.text = (char *)"{}", .size = 2};
        int fd = memfd_create("archive", MFD_CLOEXEC);
        _cleanup_(sink_done) Sink sink = SINK_INIT;
        Error e = ERROR_INIT;

        CHECK(fd >= 0);
        CHECK_INT(sink_init(&sink, fd, NULL, &e), 0);
        put(&sink, "oci-layout", &layout);
        for (size_t i = 0; i + 1 < n; i++) {
                char name[80];

                snprintf(name, sizeof(name), "blobs/sha256/%s", texts[i].digest);
                put(&sink, name, &texts[i]);
                snprintf(name, sizeof(name), "%zu", i + 1);
                put(&sink, name, &texts[i]);
        }
        put(&sink, last->size > 0 && last->text[0] == '[' ? "manifest.json" : "index.json", last);
        CHECK_INT(tar_end(&sink, &e), 0);
        CHECK_INT(sink_flush(&sink, &e), 0);
        return fd;
}

static void check_manifest(const Manifest *manifest, size_t n_parts) {
        CHECK(manifest->n_layers >= 1);
        CHECK(id_is_valid(manifest->config_digest));
        for (size_t i = 0; i < manifest->n_layers; i++) {
                const ManifestLayer *layer = &manifest->layers[i];

                CHECK(layer->member && !layer->member->link);
                CHECK(id_is_valid(layer->diff_id));
                CHECK(layer->part < n_parts);
                CHECK(!*layer->digest || id_is_valid(layer->digest));
        }
        for (char **name = manifest->names; name && *name; name++) {
                _cleanup_free_ char *normal = NULL;

                CHECK_INT(image_reference_normalize(*name, &normal), 0);
                CHECK_STR(*name, normal);
        }
        if (manifest->config)
                CHECK(json_object_is_type(manifest->config, json_type_object));
        if (manifest->history)
                CHECK(json_object_array_length(manifest->history) >= manifest->n_layers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(manifests_done) Manifests manifests = MANIFESTS_INIT;
        _cleanup_(members_done) Members members = MEMBERS_INIT;
        const char *s = (const char *)data, *end = s + size;
        Text texts[TEXTS_MAX] = {};
        Error e = ERROR_INIT;
        size_t n = 0;
        int fd, r;

        do {
                const char *next =
                        n + 1 < TEXTS_MAX ? memmem(s, (size_t)(end - s), "\n\n", 2) : NULL;

                texts[n] = expand(s, (size_t)((next ? next : end) - s), texts, n);
                n++;
                s = next ? next + 2 : NULL;
        } while (s);
        fd = make_archive(texts, n);
        CHECK_INT(members_read(fd, 0, &members, &e), 0);
        r = manifests_read(&members, &manifests, &e);
        CHECK(r < 0 == (e.number != 0));
        if (r > 0) {
                CHECK(streq(manifests.format, "docker-archive") ||
                      streq(manifests.format, "oci-archive"));
                CHECK(manifests.n >= 1);
                for (size_t i = 0; i < manifests.n; i++)
                        check_manifest(&manifests.items[i], manifests.n_parts);
        }
        close(fd);
        for (size_t i = 0; i < n; i++)
                free(texts[i].text);
        return 0;
}

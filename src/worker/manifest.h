/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What an image archive says it holds: the images of the manifest of a docker-archive (manifest.json) or of an
 * OCI archive (index.json), checked. Only what a manifest names is ever read from an archive. */

#include "worker/digest.h"
#include "worker/members.h"

typedef struct ManifestLayer {
        const Member *member;        /* borrowed from the members */
        char digest[ID_LENGTH + 1];  /* of the member; "": not known */
        char diff_id[ID_LENGTH + 1]; /* of the layer's tar */
        size_t part;                 /* which of the different layers of all images it is */
        bool shared;                 /* an image before has it upon the same ones */
} ManifestLayer;

typedef struct Manifest {
        char **names;          /* normalized references */
        ManifestLayer *layers; /* the lowest first, at least one */
        size_t n_layers;
        /* The image's configuration. */
        char config_digest[ID_LENGTH + 1];
        size_t config_size;
        uint64_t created; /* µs, realtime; 0: not said */
        Json *config;     /* what containers of it run; NULL: nothing is said */
        Json *history;    /* the steps in the order they were made, as protocol/work.h has them */
} Manifest;

typedef struct Manifests {
        const char *format; /* "docker-archive" or "oci-archive" */
        Manifest *items;    /* different images, at least one */
        size_t n;
        size_t n_parts; /* different layers */
} Manifests;

#define MANIFESTS_INIT ((Manifests){})

/* "sha256:" and 64 digits. Return: the digits, or NULL. */
const char *digest_hex(const char *s);

void manifests_done(Manifests *manifests);

/* Return: 1, 0 when the archive is not that of images, or a negative errno; *ret is to be
 * released with manifests_done() in any case. */
int manifests_read(const Members *members, Manifests *ret, Error *e);

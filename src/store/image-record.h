/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is kept of an image, images/ID.json. The image never changes; names are kept apart. */

#include <stdint.h>

#include "shared/error.h"
#include "shared/json.h"
#include "shared/strutil.h"

/* How an image came to be, one step. */
typedef struct HistoryStep {
        uint64_t created;                    /* µs, realtime */
        uint32_t owner;                      /* uid that added it */
        char *created_by, *comment, *author; /* may be NULL */
        char layer[ID_LENGTH + 1];           /* empty: the step made none */
} HistoryStep;

typedef struct ImageRecord {
        char id[ID_LENGTH + 1];
        uint64_t created; /* µs, realtime */
        uint32_t owner;   /* uid that added it */
        char **layers;    /* lowest first, at least one */
        Json *config;     /* as the OCI specification's member "config"; never NULL */
        /* The digests of the configurations under which archives hold this image: the one that was
         * read, and the one that is written. An archive with one of them is this image. */
        char **digests;
        /* Of an image that was read: what its archive said of each layer's tar. */
        char **diff_ids;
        HistoryStep *history; /* oldest first */
        size_t n_history;
} ImageRecord;

/* An empty record with a new id, created now. Return: NULL when out of memory or randomness. */
ImageRecord *image_record_new(void);
ImageRecord *image_record_free(ImageRecord *record);
DEFINE_CLEANUP(ImageRecord *, image_record_free)

/* Appends a copy of the step. Return: 0 or -ENOMEM. */
int image_record_add_step(ImageRecord *record, const HistoryStep *step);

/* Return: 0, -ENOMEM or, for what is not such a record, -EBADMSG. */
int image_record_to_json(const ImageRecord *record, Json **ret);
int image_record_from_json(Json *json, ImageRecord **ret);

/* A step's JSON, which is also in an image's configuration for people. */
int history_step_to_json(const HistoryStep *step, Json **ret);

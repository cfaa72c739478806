/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Making images, all or none, in several steps, of layers that lie in a staging directory. What shall be is written down first, in
 * the staging directory (intent.json). When that and all layers are on disk it begins to count, by being moved to
 * intents/ID.json, and is done; each step finds out whether it has been done already. So after a crash at any point
 * the same function finishes the change. It is forgotten when the images, too, are on disk: until then they can be
 * taken back. */

#include "store/store.h"

typedef struct IntentImage {
        char id[ID_LENGTH + 1];
        ImageRecord *record; /* NULL: it is there already, and only gets the names */
        char **names;        /* other images lose them */
} IntentImage;

typedef struct Intent {
        char id[ID_LENGTH + 1]; /* also of the staging directory */
        IntentImage *images;
        size_t n_images;
        /* What becomes a layer: for each its path in the staging directory, its id, its bytes. */
        char **staged;
        /* The names of all images before. */
        Json *before;
} Intent;

void intent_done(Intent *intent);

/* Adds an image to be made, whose record it takes over, or with NULL the one of this id. Return: it, borrowed until the
 * next one is added, or NULL when out of memory. */
IntentImage *intent_add_image(Intent *intent, ImageRecord *record, const char *id);

/* Adds a layer with a new id to what is staged. Return: 0 or -ENOMEM. */
int intent_add_layer(Intent *intent, const char *path, uint64_t size,
                     char ret_id[static ID_LENGTH + 1]);

/* Writes the intent, which does not count yet. Return: 0 or a negative errno. */
int intent_write(Store *store, const Intent *intent, Error *e);

/* Lets it count, and makes the images. On failure nothing is left of it, and the intent is forgotten.
 * Return: 0 or a negative errno. */
int intent_apply(Store *store, Intent *intent, Error *e);

/* Takes the images back and forgets the intent. Nobody may have been told of them. */
void intent_undo(Store *store, const Intent *intent);

/* Forgets an intent that has been carried out, or of which nothing has been done, and its staging directory. */
void intent_drop(Store *store, const char *id);

/* Finishes all intents that a crash has left; what cannot be finished is undone. Return: 0 or a negative errno. */
int intents_recover(Store *store, Error *e);

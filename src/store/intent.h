/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Changes of the store in several steps. What shall be is written down first (intents/ID.json), then
 * done; each step finds out whether it has been done already. So after a crash at any point the same
 * function finishes the change. What cannot be finished, since what it needs was never made durable,
 * has done nothing that counts: without the image's record its layers are orphans. */

#include "store/store.h"

typedef struct Intent {
        char id[ID_LENGTH + 1]; /* also of the staging directory, if there is one */

        /* An image to be made, with these names, which other images lose; NULL: none. */
        ImageRecord *image;
        char **names;
        /* What becomes a layer: for each its path in the staging directory, its id, its bytes. */
        char **staged;
        /* The container whose upper directory becomes the layer `sealed`, last in its own chain. */
        char container[ID_LENGTH + 1], sealed[ID_LENGTH + 1];

        /* An image to be removed with all its names, and layers that nothing else needs. */
        char removed[ID_LENGTH + 1];
        char **dropped;
} Intent;

void intent_done(Intent *intent);

/* Adds a layer with a new id to what is staged. Return: 0 or -ENOMEM. */
int intent_add_layer(Intent *intent, const char *path, uint64_t size,
                     char ret_id[static ID_LENGTH + 1]);

/* Writes the intent. Return: 0 or a negative errno. */
int intent_write(Store *store, const Intent *intent, Error *e);

/* Does what is not done yet, and then forgets the intent and its staging directory. On failure the
 * intent stays for the next start.
 * Return: 0 or a negative errno, -ENOENT when it can't be finished (it is then forgotten). */
int intent_apply(Store *store, const Intent *intent, Error *e);

/* Forgets an intent of which nothing has been done, and its staging directory. */
void intent_drop(Store *store, const char *id);

/* Finishes all intents that a crash has left. Return: 0 or a negative errno. */
int intents_recover(Store *store, Error *e);

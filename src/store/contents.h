/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a store holds, read once at start, after it has been put in order. */

#include "store/store.h"

typedef struct StoreContents {
        ImageRecord **images;
        size_t n_images;
        ContainerRecord **containers;
        size_t n_containers;
} StoreContents;

void store_contents_done(StoreContents *contents);

/* Finishes what a crash has interrupted, reads all records, and moves what belongs to none to the
 * trash. A record that cannot be read is reported and left alone, and so are then all layers.
 * Return: 0 or a negative errno. */
int store_load(Store *store, StoreContents *ret, Error *e);

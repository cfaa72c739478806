/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A map from strings to pointers. The keys are the caller's: each lies, unchanged, in the object
 * that it leads to. */

#include <stddef.h>

typedef struct MapSlot {
        const char *key; /* NULL: empty */
        void *value;
} MapSlot;

typedef struct Map {
        MapSlot *slots;
        size_t n_slots; /* 0 or a power of two */
        size_t n;
} Map;

/* Frees the map, not what it leads to; it is then empty. */
void map_done(Map *map);

/* Return: the value, or NULL when there is none. */
void *map_get(const Map *map, const char *key);

/* Return: 0, -EEXIST (nothing is changed) or -ENOMEM. */
int map_put(Map *map, const char *key, void *value);

/* Return: the value that was removed, or NULL when there was none. */
void *map_remove(Map *map, const char *key);

/* Runs over all values, in no order; the map must not be changed meanwhile. */
#define MAP_FOREACH(slot, map)                                                                     \
        for (MapSlot *slot = (map)->slots; slot < (map)->slots + (map)->n_slots; slot++)           \
                if (slot->key)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "shared/map.h"

/* Open addressing with linear probing. Keys come from callers too (names of containers), so the hash
 * is keyed: nobody can choose names that all fall into one place. */
static size_t hash(const char *key) {
        static uint64_t seed;
        uint64_t h;

        while (seed == 0)
                if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
                        seed = (uintptr_t)&seed;
        h = seed;
        for (; *key; key++) {
                h = (h ^ (unsigned char)*key) * 0x9e3779b97f4a7c15ULL;
                h ^= h >> 29;
        }
        return (size_t)(h ^ (h >> 32));
}

void map_done(Map *map) {
        free(map->slots);
        *map = (Map){};
}

/* The key's slot, or the empty one where it would be put. There is always an empty one. */
static MapSlot *find(const Map *map, const char *key) {
        size_t i = hash(key);

        for (;; i++) {
                MapSlot *slot = &map->slots[i & (map->n_slots - 1)];

                if (!slot->key || strcmp(slot->key, key) == 0)
                        return slot;
        }
}

void *map_get(const Map *map, const char *key) {
        return map->n_slots > 0 ? find(map, key)->value : NULL;
}

static int grow(Map *map) {
        Map grown = {.n_slots = map->n_slots > 0 ? 2 * map->n_slots : 16, .n = map->n};

        grown.slots = calloc(grown.n_slots, sizeof(MapSlot));
        if (!grown.slots)
                return -ENOMEM;
        MAP_FOREACH(slot, map)
        *find(&grown, slot->key) = *slot;
        free(map->slots);
        *map = grown;
        return 0;
}

int map_put(Map *map, const char *key, void *value) {
        MapSlot *slot;
        int r;

        if (2 * (map->n + 1) > map->n_slots) {
                r = grow(map);
                if (r < 0)
                        return r;
        }
        slot = find(map, key);
        if (slot->key)
                return -EEXIST;
        *slot = (MapSlot){.key = key, .value = value};
        map->n++;
        return 0;
}

void *map_remove(Map *map, const char *key) {
        MapSlot *slot = map->n_slots > 0 ? find(map, key) : NULL;
        void *value;
        size_t i;

        if (!slot || !slot->key)
                return NULL;
        value = slot->value;
        *slot = (MapSlot){};
        map->n--;
        /* Those that were put behind it must not be cut off from their place by the gap. */
        for (i = (size_t)(slot - map->slots) + 1;; i++) {
                MapSlot moved = map->slots[i & (map->n_slots - 1)];

                if (!moved.key)
                        return value;
                map->slots[i & (map->n_slots - 1)] = (MapSlot){};
                *find(map, moved.key) = moved;
        }
}

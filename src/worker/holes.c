/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "shared/strutil.h"
#include "worker/holes.h"

/* Smaller ones are not worth the form that not every reader knows. */
#define HOLE_MIN (64 * 1024)
/* A file of more pieces is written as a whole. */
#define RANGES_MAX 65536

void holes_done(Holes *holes) {
        for (size_t i = 0; i < holes->n; i++)
                free(holes->items[i].map.ranges);
        free(holes->items);
        *holes = HOLES_INIT;
}

static int add_range(TarMap *map, size_t *allocated, uint64_t offset, uint64_t size) {
        if (map->n == *allocated) {
                size_t larger = MAX(*allocated * 2, (size_t)16);
                TarRange *ranges = reallocarray(map->ranges, larger, sizeof(*ranges));

                if (!ranges)
                        return -ENOMEM;
                map->ranges = ranges;
                *allocated = larger;
        }
        map->ranges[map->n++] = (TarRange){.offset = offset, .size = size};
        return 0;
}

/* Reads the map from the file system. Return: 1, 0 when it is not worth it, or a negative errno. */
static int read_map(int fd, off_t size, TarMap *map) {
        size_t allocated = 0;
        off_t offset = 0, largest = 0;

        while (offset < size && map->n < RANGES_MAX) {
                off_t data = lseek(fd, offset, SEEK_DATA), hole;

                if (data < 0 && errno != ENXIO)
                        return errno == EINVAL ? 0 : -errno;
                data = data < 0 ? size : MIN(data, size);
                largest = MAX(largest, data - offset);
                if (data == size)
                        break;
                hole = lseek(fd, data, SEEK_HOLE);
                if (hole < 0)
                        return -errno;
                offset = MIN(hole, size);
                if (offset <= data)
                        break;
                TRY(add_range(map, &allocated, (uint64_t)data, (uint64_t)(offset - data)));
        }
        /* An empty piece at the end tells the size, to tar(1) too. */
        TRY(add_range(map, &allocated, (uint64_t)size, 0));
        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        return map->n <= RANGES_MAX && largest >= HOLE_MIN;
}

/* Takes the map. */
static int remember(Holes *holes, const struct stat *st, TarMap *map, const TarMap **ret) {
        if (holes->n == holes->allocated) {
                size_t larger = MAX(holes->allocated * 2, (size_t)16);
                Hole *items = reallocarray(holes->items, larger, sizeof(*items));

                if (!items)
                        return -ENOMEM;
                holes->items = items;
                holes->allocated = larger;
        }
        holes->items[holes->n++] = (Hole){.device = st->st_dev, .inode = st->st_ino, .map = *map};
        *map = (TarMap){};
        *ret = &holes->items[holes->n - 1].map;
        return 0;
}

int holes_find(Holes *holes, int fd, const struct stat *st, const TarMap **ret) {
        TarMap map = {};
        int r;

        *ret = NULL;
        if (holes->known) {
                const Hole *hole = holes->next < holes->n ? &holes->items[holes->next] : NULL;

                if (hole && hole->device == st->st_dev && hole->inode == st->st_ino) {
                        *ret = &hole->map;
                        holes->next++;
                }
                return 0;
        }
        if (st->st_blocks >= st->st_size / 512 - HOLE_MIN / 512)
                return 0;
        r = read_map(fd, st->st_size, &map);
        if (r > 0)
                r = remember(holes, st, &map, ret);
        free(map.ranges);
        return r;
}

void holes_end_walk(Holes *holes) {
        holes->known = true;
        holes->next = 0;
}

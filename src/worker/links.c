/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "worker/links.h"

void links_done(Links *links) {
        for (size_t i = 0; i < links->size; i++)
                free(links->table[i].path);
        free(links->table);
        *links = LINKS_INIT;
}

/* The place of this inode, or the free one where it belongs. */
static Link *find(Link *table, size_t size, dev_t device, ino_t inode) {
        uint64_t hash = ((uint64_t)inode ^ ((uint64_t)device << 32)) * 0x9e3779b97f4a7c15ULL;

        for (size_t i = (hash >> 32) & (size - 1);; i = (i + 1) & (size - 1))
                if (!table[i].path || (table[i].device == device && table[i].inode == inode))
                        return &table[i];
}

static int grow(Links *links) {
        size_t size = links->size ? links->size * 2 : 256;
        Link *table = calloc(size, sizeof(*table));

        if (!table)
                return -ENOMEM;
        for (size_t i = 0; i < links->size; i++)
                if (links->table[i].path)
                        *find(table, size, links->table[i].device, links->table[i].inode) =
                                links->table[i];
        free(links->table);
        links->table = table;
        links->size = size;
        return 0;
}

int links_seen(Links *links, const struct stat *st, const char *path, const char **ret) {
        Link *link;

        if (links->n * 2 >= links->size && grow(links) < 0)
                return -ENOMEM;
        link = find(links->table, links->size, st->st_dev, st->st_ino);
        if (link->path) {
                *ret = link->path;
                return 1;
        }
        *link = (Link){.device = st->st_dev, .inode = st->st_ino, .path = strdup(path)};
        if (!link->path)
                return -ENOMEM;
        links->n++;
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "shared/map.h"
#include "shared/test.h"

#define N 1000

static char keys[N][8];

static size_t count(const Map *map) {
        size_t n = 0;

        MAP_FOREACH(slot, map)
        n++;
        return n;
}

int main(void) {
        Map map = {};

        CHECK(!map_get(&map, "none"));
        CHECK(!map_remove(&map, "none"));
        CHECK_INT(count(&map), 0);
        for (int i = 0; i < N; i++) {
                snprintf(keys[i], sizeof(keys[i]), "%d", i);
                CHECK_INT(map_put(&map, keys[i], keys[i]), 0);
        }
        CHECK_INT(map.n, N);
        CHECK_INT(count(&map), N);
        CHECK_INT(map_put(&map, "7", &map), -EEXIST);
        CHECK(map_get(&map, "7") == keys[7]);

        /* Removing must not hide what lies behind it. */
        for (int i = 0; i < N; i += 3)
                CHECK(map_remove(&map, keys[i]) == keys[i]);
        for (int i = 0; i < N; i++)
                CHECK(map_get(&map, keys[i]) == (i % 3 == 0 ? NULL : keys[i]));
        CHECK(!map_remove(&map, "0"));
        CHECK_INT(map_put(&map, "0", &map), 0);
        CHECK(map_get(&map, "0") == &map);
        map_done(&map);
        CHECK(!map_get(&map, "1"));
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>

#include "daemon/ranges.h"
#include "protocol/spec.h"

int ranges_init(Ranges *ranges, uint32_t start, uint32_t count) {
        *ranges = (Ranges){.start = start, .count = count};
        ranges->used = calloc(count, sizeof(bool));
        return ranges->used ? 0 : -ENOMEM;
}

void ranges_done(Ranges *ranges) {
        free(ranges->used);
        *ranges = (Ranges){};
}

int ranges_take(Ranges *ranges, uint32_t *ret) {
        for (uint32_t i = 0; i < ranges->count; i++) {
                uint32_t n = (ranges->next + i) % ranges->count;

                if (ranges->used[n])
                        continue;
                ranges->used[n] = true;
                ranges->next = n + 1;
                *ret = ranges->start + n * ID_RANGE;
                return 0;
        }
        return -EUSERS;
}

static bool *find(Ranges *ranges, uint32_t base) {
        uint32_t n = (base - ranges->start) / ID_RANGE;

        return base >= ranges->start && n < ranges->count ? &ranges->used[n] : NULL;
}

void ranges_mark(Ranges *ranges, uint32_t base) {
        bool *used = find(ranges, base);

        if (used)
                *used = true;
}

void ranges_release(Ranges *ranges, uint32_t base) {
        bool *used = find(ranges, base);

        if (used)
                *used = false;
}

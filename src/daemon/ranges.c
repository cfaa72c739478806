/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ranges.h"
#include "protocol/spec.h"
#include "shared/fd.h"
#include "shared/log.h"

#define FILE_NAME "id-ranges"
#define FILE_SIZE_MAX (16 * 1024 * 1024)
#define NOBODYS ((uid_t)-1)

static Range *find(Ranges *ranges, uint32_t base) {
        uint32_t n = (base - ranges->start) / ID_RANGE;

        return base >= ranges->start && n < ranges->count ? &ranges->items[n] : NULL;
}

/* What the lines say. A line that was not finished tells of a container that never started. */
static int read_lines(Ranges *ranges, char *text, Error *e) {
        char *line = text;

        for (char *end; (end = strchr(line, '\n')); line = end + 1) {
                uint32_t base, owner;
                Range *range;
                char *blank;

                *end = '\0';
                blank = strchr(line, ' ');
                if (blank)
                        *blank = '\0';
                if (!blank || parse_u32(line, &base) < 0 || parse_u32(blank + 1, &owner) < 0)
                        return error_set(e, EBADMSG, "ids", "%s makes no sense", FILE_NAME);
                range = find(ranges, base);
                if (range)
                        range->owner = owner;
        }
        ranges->size = line - text;
        if (ftruncate(ranges->file, ranges->size) < 0)
                return error_set(e, errno, "ids", "%s", FILE_NAME);
        return 0;
}

int ranges_init(Ranges *ranges, uint32_t start, uint32_t count, int dir_fd, Error *e) {
        _cleanup_free_ char *text = NULL;
        int r;

        *ranges = (Ranges){.start = start, .count = count, .file = -EBADF};
        ranges->items = calloc(count, sizeof(Range));
        if (!ranges->items)
                return error_oom(e);
        for (uint32_t i = 0; i < count; i++)
                ranges->items[i].owner = NOBODYS;
        r = ranges->file = openat(dir_fd, FILE_NAME,
                                  O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (r >= 0)
                r = fd_read_all(ranges->file, FILE_SIZE_MAX, &text, NULL);
        if (r < 0)
                return error_set(e, ranges->file < 0 ? errno : r, "ids", "%s", FILE_NAME);
        return read_lines(ranges, text, e);
}

void ranges_done(Ranges *ranges) {
        if (!ranges->items)
                return;
        safe_close(ranges->file);
        free(ranges->items);
        *ranges = (Ranges){};
}

/* Before anything runs with the ids. */
static int note_owner(Ranges *ranges, Range *range, uid_t owner) {
        uint32_t base = ranges->start + (uint32_t)(range - ranges->items) * ID_RANGE;
        char line[32];
        int r;

        snprintf(line, sizeof(line), "%u %u\n", base, owner);
        r = fd_write_all(ranges->file, line, strlen(line));
        if (r < 0) {
                /* Half a line would spoil the next one. */
                (void)!ftruncate(ranges->file, ranges->size);
                return r;
        }
        ranges->size += (off_t)strlen(line);
        range->owner = owner;
        return 0;
}

/* The next free range that is this user's, or NULL. */
static Range *find_free(Ranges *ranges, uid_t owner) {
        for (uint32_t i = 0; i < ranges->count; i++) {
                Range *range = &ranges->items[(ranges->next + i) % ranges->count];

                if (!range->used && range->owner == owner)
                        return range;
        }
        return NULL;
}

int ranges_take(Ranges *ranges, uid_t owner, uint32_t *ret, Error *e) {
        Range *range = find_free(ranges, owner);
        uint32_t n;

        if (!range) {
                int r;

                range = find_free(ranges, NOBODYS);
                if (!range)
                        return error_set(e, EUSERS, "ids",
                                         "all ranges of user ids are in use, or other users'");
                r = note_owner(ranges, range, owner);
                if (r < 0)
                        return error_set(e, r, "ids", "writing to %s", FILE_NAME);
        }
        range->used = true;
        n = (uint32_t)(range - ranges->items);
        ranges->next = (n + 1) % ranges->count;
        *ret = ranges->start + n * ID_RANGE;
        return 0;
}

void ranges_mark(Ranges *ranges, uint32_t base, uid_t owner) {
        Range *range = find(ranges, base);

        if (!range)
                return;
        range->used = true;
        if (range->owner == NOBODYS && note_owner(ranges, range, owner) < 0)
                log_warning("Cannot write to %s whose the user ids from %u on are", FILE_NAME,
                            base);
}

void ranges_release(Ranges *ranges, uint32_t base) {
        Range *range = find(ranges, base);

        if (range)
                range->used = false;
}

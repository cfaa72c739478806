/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/log-reader.h"

#include <string.h>

#include "cli/report.h"
#include "shared/error.h"
#include "shared/strutil.h"

/* The last lines of what was read so far. */
typedef struct Last {
        char *data;
        size_t size;
} Last;

void log_reader_done(LogReader *reader) {
        free(reader->cursor);
        *reader = (LogReader){};
}

static void last_done(Last *last) {
        free(last->data);
        *last = (Last){};
}

/* Whether the line that ends before `end` is continued by another one. */
static bool is_continued(const char *data, const char *end) {
        const char *line = memrchr(data, '\n', (size_t)(end - data));
        const char *tag;

        line = line ? line + 1 : data;
        tag = memchr(line, ' ', (size_t)(end - line));
        tag = tag ? memchr(tag + 1, ' ', (size_t)(end - tag - 1)) : NULL;
        return tag && tag + 1 < end && tag[1] == 'P';
}

/* Where the last `n` lines begin. */
static size_t find_last(const char *data, size_t size, uint64_t n) {
        size_t end = size;

        if (n == 0)
                return size;
        while (end > 0) {
                const char *newline = memrchr(data, '\n', end - 1);

                end = newline ? (size_t)(newline - data) + 1 : 0;
                if (end > 0 && !is_continued(data, newline) && --n == 0)
                        return end;
        }
        return 0;
}

/* Adds a piece, and forgets what is not among the last lines any more. */
static int last_add(Last *last, const char *data, size_t size, uint64_t n) {
        char *longer = realloc(last->data, last->size + size + 1);
        size_t start;

        if (!longer)
                return -ENOMEM;
        last->data = longer;
        memcpy(longer + last->size, data, size);
        start = find_last(longer, last->size + size, n);
        last->size += size - start;
        memmove(longer, longer + start, last->size);
        return 0;
}

static int read_piece(LogReader *reader, Last *last, bool *end) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        const void *data;
        const char *next;
        size_t size;
        int at_end;
        int r = client_call(reader->client, reader->operand, reader->path, CONTAINER_INTERFACE,
                            "ReadLogs", &reply, "sua{sv}", reader->cursor ?: "", 0, 0);

        if (r != 0)
                return r;
        r = sd_bus_message_read_array(reply, 'y', &data, &size);
        if (r >= 0)
                r = sd_bus_message_read(reply, "sb", &next, &at_end);
        if (r >= 0)
                r = reader->tail == LOG_READER_ALL ? log_lines_feed(reader->lines, data, size) :
                                                     last_add(last, data, size, reader->tail);
        if (r >= 0)
                r = free_and_strdup(&reader->cursor, next);
        if (r < 0)
                return report_errno(reader->client, r, "cannot read the log");
        *end = at_end;
        return 0;
}

int log_reader_read(LogReader *reader) {
        _cleanup_(last_done) Last last = {};
        bool end = false;
        int r = 0;

        while (r == 0 && !end)
                r = read_piece(reader, &last, &end);
        if (r != 0 || reader->tail == LOG_READER_ALL)
                return r;
        reader->tail = LOG_READER_ALL;
        r = log_lines_feed(reader->lines, last.data, last.size);
        return r < 0 ? report_errno(reader->client, r, "cannot write the log") : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/log-reader.h"

#include "cli/report.h"
#include "shared/error.h"
#include "shared/strutil.h"

void log_reader_done(LogReader *reader) {
        free(reader->cursor);
        *reader = (LogReader){};
}

static int read_piece(LogReader *reader, bool *end) {
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
                r = log_lines_feed(reader->lines, data, size);
        if (r >= 0)
                r = free_and_strdup(&reader->cursor, next);
        if (r < 0)
                return report_errno(reader->client, r, "cannot read the log");
        *end = at_end;
        return 0;
}

int log_reader_read(LogReader *reader) {
        bool end = false;
        int r = 0;

        while (r == 0 && !end)
                r = read_piece(reader, &end);
        return r;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/log-lines.h"

#include <string.h>

#include "shared/error.h"
#include "shared/fd.h"
#include "shared/strutil.h"

/* What is collected for one stream before it is written. */
typedef struct Output {
        char *data;
        size_t size, room;
} Output;

void log_lines_done(LogLines *lines) {
        free(lines->rest);
        *lines = (LogLines){};
}

static int output_add(Output *output, const char *data, size_t size) {
        if (size == 0)
                return 0;
        if (output->size + size > output->room) {
                size_t room = MAX(output->room * 2, output->size + size);
                char *larger = realloc(output->data, room);

                if (!larger)
                        return -ENOMEM;
                output->data = larger;
                output->room = room;
        }
        memcpy(output->data + output->size, data, size);
        output->size += size;
        return 0;
}

/* One line without its end. */
static int take_line(LogLines *lines, const char *line, size_t size, Output outputs[2]) {
        const char *end = line + size;
        const char *stream = memchr(line, ' ', size);
        const char *tag = stream ? memchr(stream + 1, ' ', (size_t)(end - stream - 1)) : NULL;
        const char *text = tag && end - tag >= 3 ? tag + 3 : NULL;
        size_t time_size = stream ? (size_t)(stream - line) + 1 : 0;
        int which;

        /* The space after the tag may be missing at the end of an empty line. */
        if (tag && end - tag == 2)
                text = end;
        if (!text)
                return -EBADMSG;
        which = startswith(stream + 1, "stderr ") ? 1 : 0;
        if (lines->timestamps && !lines->inside[which])
                TRY(output_add(&outputs[which], line, time_size));
        TRY(output_add(&outputs[which], text, (size_t)(end - text)));
        lines->inside[which] = tag[1] == 'P';
        return lines->inside[which] ? 0 : output_add(&outputs[which], "\n", 1);
}

static int take_lines(LogLines *lines, const char *data, size_t size, Output outputs[2],
                      size_t *used) {
        const char *newline;

        *used = 0;
        while ((newline = memchr(data + *used, '\n', size - *used))) {
                TRY(take_line(lines, data + *used, (size_t)(newline - data) - *used, outputs));
                *used = (size_t)(newline - data) + 1;
        }
        return 0;
}

static int keep_rest(LogLines *lines, const char *data, size_t size) {
        char *rest = malloc(size + 1);

        if (!rest)
                return -ENOMEM;
        memcpy(rest, data, size);
        rest[size] = '\0';
        free(lines->rest);
        lines->rest = rest;
        lines->rest_size = size;
        return 0;
}

int log_lines_feed(LogLines *lines, const char *data, size_t size) {
        Output outputs[2] = {}, all = {};
        size_t used;
        int r = 0;

        if (lines->rest_size > 0) {
                r = output_add(&all, lines->rest, lines->rest_size);
                if (r >= 0)
                        r = output_add(&all, data, size);
                data = all.data;
                size = all.size;
        }
        if (r >= 0)
                r = take_lines(lines, data, size, outputs, &used);
        if (r >= 0)
                r = keep_rest(lines, data + used, size - used);
        for (size_t i = 0; i < 2; i++) {
                if (r >= 0 && outputs[i].size > 0)
                        r = fd_write_all(lines->fds[i], outputs[i].data, outputs[i].size);
                free(outputs[i].data);
        }
        free(all.data);
        return r;
}

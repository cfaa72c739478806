/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Takes a container's log apart, of which each line is "TIME STREAM TAG TEXT", and writes it as the container did: to
 * standard output and standard error. */

#include <stdbool.h>
#include <stddef.h>

typedef struct LogLines {
        bool timestamps; /* write TIME before each whole line */
        int fds[2];      /* where stdout's and stderr's lines go */
        bool inside[2];  /* the stream's last line was partial, so that the next one continues it */
        char *rest;      /* the beginning of a line of which the end has not come yet */
        size_t rest_size;
} LogLines;

void log_lines_done(LogLines *lines);

/* Takes the next bytes of a log. Return: 0; a negative errno if the output cannot be written; -EBADMSG if this is no
 * log. */
int log_lines_feed(LogLines *lines, const char *data, size_t size);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reads a container's log piece by piece, each when it is asked for. */

#include "cli/client.h"
#include "cli/log-lines.h"

typedef struct LogReader {
        Client *client;
        const char *path, *operand; /* operand: what the user called the container */
        LogLines *lines;            /* takes what was read */
        char *cursor;
} LogReader;

void log_reader_done(LogReader *reader);
#define _cleanup_log_reader_ _cleanup_(log_reader_done)

/* Reads all that has been written to the log since the last time. */
int log_reader_read(LogReader *reader);

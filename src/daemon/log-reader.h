/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reading a container's log piece by piece, for callers who keep a cursor. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"

/* Most bytes of a piece. */
#define LOG_PIECE_MAX (1024 * 1024)

#define LOG_CURSOR_SIZE 72

typedef struct LogPiece {
        char *data; /* whole lines */
        size_t size;
        char cursor[LOG_CURSOR_SIZE]; /* where to go on */
        bool end;                     /* there is no whole line after it */
} LogPiece;

void log_piece_done(LogPiece *piece);

/* Reads from the files "log.1" (the older one) and "log" of a container's directory, from `cursor` on
 * (empty: the beginning, as also when what it meant was rotated away), at most `max` bytes (0:
 * LOG_PIECE_MAX).
 * Return: 0 or a negative errno, stage "argument" for a cursor that is none or a `max` too small for one
 * line. */
int log_read(int dir, const char *cursor, size_t max, LogPiece *ret, Error *e);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The log of a container: files "log" and, after a rotation, "log.1" in its directory, in the
 * format of Kubernetes' container runtime interface:
 *
 *   2016-10-06T00:17:09.669794202Z stdout F text of a whole line, or its end
 *   2016-10-06T00:17:09.669794202Z stdout P the beginning of a line */

#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"
#include "shared/json.h"

typedef struct LogFile LogFile;

/* Makes the log in `directory`, a path below `top` without links, or appends to one that is there. `top` stays the
 * caller's, and open. `max_size`: bytes of a file before it is rotated, 0: never. Return: 0 or a negative errno, error
 * stage "log". */
int logfile_open(int top, const char *directory, uint64_t max_size, LogFile **ret, Error *e);
/* Return: NULL. */
LogFile *logfile_free(LogFile *log);
DEFINE_CLEANUP(LogFile *, logfile_free)

/* Writes what a process put out. Text that can't be written, on a full disk for example, is dropped
 * and counted: a note about it comes into the log as soon as it can be written again. Never
 * fails. */
void logfile_write(LogFile *log, const char *stream, const char *data, size_t size);

/* To and from the program that takes our place: but for the directory, as logfile_open(). */
int logfile_save(const LogFile *log, Json **ret);
int logfile_load(int top, const char *directory, Json *json, LogFile **ret, Error *e);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Log lines on standard error with the <N> priority prefix of sd-daemon(3), which the journal
 * reads; on a terminal without it. */

#include <syslog.h>

#include "shared/error.h"

/* Sets the least important priority that is still written; LOG_INFO when never called. */
void log_set_max_level(int level);

void log_full(int level, const char *format, ...) _printf_(2, 3);

#define log_debug(...) log_full(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_full(LOG_INFO, __VA_ARGS__)
#define log_notice(...) log_full(LOG_NOTICE, __VA_ARGS__)
#define log_warning(...) log_full(LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_full(LOG_ERR, __VA_ARGS__)

/* Logs "FORMAT…: TEXT: STRERROR". Return: -e->number. */
int log_error_object(int level, const Error *e, const char *format, ...) _printf_(3, 4);

/* Logs "FORMAT…: STRERROR". Return: -abs(number), so that callers can log and return in one
 * line. */
int log_errno(int level, int number, const char *format, ...) _printf_(3, 4);

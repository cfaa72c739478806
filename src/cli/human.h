/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Times, sizes and commands as docker shows them. Times are in microseconds. Each function returns a new
 * string, or NULL when out of memory. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/cleanup.h"

/* "5 minutes", "About an hour", "3 weeks". */
char *human_duration(uint64_t us);

/* The same for the time from `then` to `now`, with " ago". */
char *human_ago(uint64_t now, uint64_t then);

/* "1.24MB": decimal units, three significant digits. */
char *human_size(uint64_t bytes);

/* "12.5MiB": binary units, four significant digits. */
char *human_binary_size(uint64_t bytes);

/* Local time as "2024-05-01 12:00:00 +0200 CEST". */
char *human_time(uint64_t us);

/* RFC 3339 with nanoseconds, in UTC; "0001-01-01T00:00:00Z" for 0, which means never. */
char *human_rfc3339(uint64_t us);

/* At most `max` characters of UTF-8, the last of them "…" if something was left out. */
char *human_ellipsize(const char *s, size_t max);

/* A command in one line, between double quotes; at most `max` characters inside them, 0: all. */
char *human_command(char *const *argv, size_t max);

/* Columns of a terminal that a UTF-8 text takes, one for each character. */
size_t human_width(const char *s);

/* A point of time: seconds since the epoch (with a fraction), RFC 3339, a local date or date and time, or a
 * duration such as "1h30m" before `now`. Return: 0 or -EINVAL. */
int parse_time(const char *s, uint64_t now, uint64_t *ret);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Strings, string lists and the two small languages every part reads the same way: sizes and
 * names. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "shared/cleanup.h"

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

static inline bool streq_ptr(const char *a, const char *b) {
        return a && b ? streq(a, b) : a == b;
}

/* The rest of `s` after `prefix`, or NULL when it does not start with it. */
static inline const char *startswith(const char *s, const char *prefix) {
        size_t n = strlen(prefix);

        return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

static inline bool isempty(const char *s) {
        return !s || !*s;
}

/* A string list is a NULL-terminated, heap-allocated vector of heap strings; NULL is the empty
 * list. */
size_t strv_length(char *const *v);
void strv_free(char **v);
/* A deep copy, never NULL for success. Return: the list, or NULL when out of memory. */
char **strv_copy(char *const *v);
/* Appends a copy of `s`. Return: 0 or -ENOMEM. */
int strv_extend(char ***v, const char *s);
/* Appends `s` itself, which is freed on failure; NULL counts as out of memory. Return: 0 or
 * -ENOMEM. */
int strv_consume(char ***v, char *s);
bool strv_contains(char *const *v, const char *s);
DEFINE_CLEANUP(char **, strv_free)
#define _cleanup_strv_free_ _cleanup_(strv_freep)

/* Splits at each `separator`; empty pieces are kept. Return: the list, or NULL when out of
 * memory. */
char **strv_split(const char *s, char separator);

/* Replaces *p by a copy of `s` (NULL allowed). Return: 0 or -ENOMEM. */
int free_and_strdup(char **p, const char *s);

/* asprintf() that returns NULL when out of memory. */
char *strf(const char *format, ...) _printf_(1, 2);

/* Parses a whole non-negative decimal number, digits only. Return: 0, -EINVAL or -ERANGE. */
int parse_u64(const char *s, uint64_t *ret);
int parse_u32(const char *s, uint32_t *ret);

/* Parses a size in bytes: decimal, optionally with a fraction, then b, k, m, g or t (binary, any
 * case, an optional trailing "b" or "ib"). Return: 0, -EINVAL or -ERANGE. */
int parse_size(const char *s, uint64_t *ret);

/* Parses a duration such as "1h30m", "42m", "1.5s" or "100ms". Return: microseconds, or -EINVAL. */
int64_t parse_duration(const char *s);

/* Container names: [a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}. */
bool container_name_is_valid(const char *s);

/* Host names as of RFC 1123, at most 64 bytes (the kernel's limit). */
bool hostname_is_valid(const char *s);

/* Full ids: 64 lower-case hexadecimal digits. */
#define ID_LENGTH 64
bool id_is_valid(const char *s);

/* Lower-case hexadecimal digits, 1 to 64: what may be the start of an id. */
bool id_prefix_is_valid(const char *s);

/* Makes a new id from the kernel's generator (getrandom(2)). Return: 0 or a negative errno. */
int id_make(char ret[static ID_LENGTH + 1]);

/* Image references: NAME[:TAG]. NAME is path components of [a-z0-9]+((\.|__?|-+)[a-z0-9]+)*
 * joined by '/', the first of which may be HOST:PORT when another follows; TAG is
 * [a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}. The normal form has at most 255 bytes. Stores the normal
 * form, with ":latest" where no tag was given, and as docker without "docker.io/" and "library/" for
 * what comes from its registry. Return: 0, -EINVAL or -ENOMEM. */
int image_reference_normalize(const char *s, char **ret);

/* An absolute path without "." or ".." components, "//" or a trailing slash (but "/" itself), at
 * most PATH_MAX - 1 bytes. */
bool path_is_normalized(const char *s);

/* Makes an absolute path normal by text alone: squeezes slashes, drops "." and resolves "..", which
 * stops at the root. Return: 0, -EINVAL when not absolute or too long, or -ENOMEM. */
int path_normalize(const char *s, char **ret);

/* Whether sd-bus takes it as a string: UTF-8 without noncharacters, such as U+FFFE. */
bool utf8_is_valid(const char *s);

/* Replaces control characters, and bytes that are no UTF-8, by '?': text for people, parts of which come from a
 * caller or an archive, or that was cut off within a character. D-Bus refuses a message with other bytes. */
void text_sanitize(char *s);

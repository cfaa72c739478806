/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* json-c with checks: reading typed members of an object that may be missing or of another type,
 * and building objects without losing an allocation failure.
 *
 * Getters return 0 when the member is absent (the output is untouched), 1 when it was read,
 * -EBADMSG when it has another type or is out of range, -ENOMEM. Adders return 0 or -ENOMEM. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "shared/cleanup.h"

typedef struct json_object Json;

static inline void json_putp(Json **p) {
        json_object_put(*p);
}
#define _cleanup_json_ _cleanup_(json_putp)

/* Parses one whole JSON text, at most 32 levels deep. All strings are such as utf8_is_valid() accepts.
 * Return: 0, -EBADMSG or -ENOMEM. */
int json_parse(const char *text, size_t size, Json **ret);

/* Reads and parses a file as fd_read_file_at(). Return: 0, a negative errno; -EBADMSG when it is
 * not JSON. */
int json_read_file_at(int dir_fd, const char *name, size_t max, Json **ret);

/* Serializes and writes as fd_replace_file_at(). */
int json_replace_file_at(int dir_fd, const char *name, Json *object);

/* A copy, which replaces (and frees) *ret. */
int json_get_string(Json *object, const char *key, char **ret);
/* Borrowed: valid as long as `object`. */
int json_peek_string(Json *object, const char *key, const char **ret);
int json_get_u64(Json *object, const char *key, uint64_t *ret);
int json_get_u32(Json *object, const char *key, uint32_t *ret);
int json_get_int(Json *object, const char *key, int *ret);
int json_get_double(Json *object, const char *key, double *ret);
int json_get_bool(Json *object, const char *key, bool *ret);
/* A copy, which replaces (and frees) *ret. */
int json_get_strv(Json *object, const char *key, char ***ret);
/* Borrowed. */
int json_get_object(Json *object, const char *key, Json **ret);
int json_get_array(Json *object, const char *key, Json **ret);

/* Takes `value`, also on failure; NULL counts as out of memory. */
int json_add(Json *object, const char *key, Json *value);
int json_append(Json *array, Json *value);
/* NULL is left out. */
int json_add_string(Json *object, const char *key, const char *value);
int json_add_u64(Json *object, const char *key, uint64_t value);
int json_add_int(Json *object, const char *key, int64_t value);
int json_add_double(Json *object, const char *key, double value);
int json_add_bool(Json *object, const char *key, bool value);
/* An empty list is left out. */
int json_add_strv(Json *object, const char *key, char *const *value);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <limits.h>
#include <string.h>

#include "shared/error.h"
#include "shared/fd.h"
#include "shared/json.h"
#include "shared/strutil.h"

/* json-c itself lets surrogates and noncharacters through, written as bytes or as "\\ufffe". An image's command with
 * one would make a property that the bus cannot send, and then no object could be listed any more. */
static bool strings_are_valid(Json *json) {
        switch (json_object_get_type(json)) {
        case json_type_string:
                return utf8_is_valid(json_object_get_string(json));
        case json_type_array:
                for (size_t i = 0; i < json_object_array_length(json); i++)
                        if (!strings_are_valid(json_object_array_get_idx(json, i)))
                                return false;
                return true;
        case json_type_object: {
                json_object_object_foreach(json, key, value) {
                        if (!utf8_is_valid(key) || !strings_are_valid(value))
                                return false;
                }
                return true;
        }
        default:
                return true;
        }
}

int json_parse(const char *text, size_t size, Json **ret) {
        struct json_tokener *tokener;
        _cleanup_json_ Json *object = NULL;
        enum json_tokener_error error;
        size_t end;

        if (size >= INT_MAX)
                return -EBADMSG;
        tokener = json_tokener_new_ex(32);
        if (!tokener)
                return -ENOMEM;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8 |
                                                JSON_TOKENER_ALLOW_TRAILING_CHARS);
        object = json_tokener_parse_ex(tokener, text, (int)size);
        error = json_tokener_get_error(tokener);
        end = json_tokener_get_parse_end(tokener);
        json_tokener_free(tokener);
        if (error != json_tokener_success)
                return -EBADMSG;
        for (; end < size; end++)
                if (!strchr(" \t\r\n", text[end]) || !text[end])
                        return -EBADMSG;
        if (!strings_are_valid(object))
                return -EBADMSG;
        *ret = TAKE_PTR(object);
        return 0;
}

int json_read_file_at(int dir_fd, const char *name, size_t max, Json **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = fd_read_file_at(dir_fd, name, max, &text, &size);
        if (r < 0)
                return r;
        return json_parse(text, size, ret);
}

int json_replace_file_at(int dir_fd, const char *name, Json *object) {
        const char *text;
        size_t size;

        text = json_object_to_json_string_length(
                object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
        if (!text)
                return -ENOMEM;
        return fd_replace_file_at(dir_fd, name, text, size);
}

/* The member, when it is there, not null and of the type. Return: as the getters. */
static int get_member(Json *object, const char *key, enum json_type type, Json **ret) {
        Json *member;

        if (!json_object_is_type(object, json_type_object))
                return -EBADMSG;
        if (!json_object_object_get_ex(object, key, &member) || !member)
                return 0;
        if (!json_object_is_type(member, type))
                return -EBADMSG;
        *ret = member;
        return 1;
}

int json_peek_string(Json *object, const char *key, const char **ret) {
        Json *member;
        const char *s;
        int r = get_member(object, key, json_type_string, &member);

        if (r <= 0)
                return r;
        s = json_object_get_string(member);
        if (strlen(s) != (size_t)json_object_get_string_len(member))
                return -EBADMSG; /* an embedded NUL would be seen differently by different readers */
        *ret = s;
        return 1;
}

int json_get_string(Json *object, const char *key, char **ret) {
        const char *s;
        int r = json_peek_string(object, key, &s);

        if (r <= 0)
                return r;
        r = free_and_strdup(ret, s);
        return r < 0 ? r : 1;
}

int json_get_u64(Json *object, const char *key, uint64_t *ret) {
        Json *member;
        int r = get_member(object, key, json_type_int, &member);

        if (r <= 0)
                return r;
        if (json_object_get_int64(member) < 0)
                return -EBADMSG;
        *ret = json_object_get_uint64(member);
        return 1;
}

int json_get_u32(Json *object, const char *key, uint32_t *ret) {
        uint64_t value;
        int r = json_get_u64(object, key, &value);

        if (r <= 0)
                return r;
        if (value > UINT32_MAX)
                return -EBADMSG;
        *ret = (uint32_t)value;
        return 1;
}

int json_get_int(Json *object, const char *key, int *ret) {
        Json *member;
        int64_t value;
        int r = get_member(object, key, json_type_int, &member);

        if (r <= 0)
                return r;
        value = json_object_get_int64(member);
        if (value < INT_MIN || value > INT_MAX)
                return -EBADMSG;
        *ret = (int)value;
        return 1;
}

int json_get_double(Json *object, const char *key, double *ret) {
        Json *member;
        int r = get_member(object, key, json_type_double, &member);

        if (r == -EBADMSG) /* a whole number is also written without a point */
                r = get_member(object, key, json_type_int, &member);
        if (r <= 0)
                return r;
        *ret = json_object_get_double(member);
        return 1;
}

int json_get_bool(Json *object, const char *key, bool *ret) {
        Json *member;
        int r = get_member(object, key, json_type_boolean, &member);

        if (r <= 0)
                return r;
        *ret = json_object_get_boolean(member);
        return 1;
}

int json_get_strv(Json *object, const char *key, char ***ret) {
        _cleanup_strv_free_ char **v = NULL;
        Json *member;
        int r = get_member(object, key, json_type_array, &member);

        if (r <= 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(member); i++) {
                Json *item = json_object_array_get_idx(member, i);

                if (!json_object_is_type(item, json_type_string))
                        return -EBADMSG;
                if (strlen(json_object_get_string(item)) !=
                    (size_t)json_object_get_string_len(item))
                        return -EBADMSG;
                r = strv_extend(&v, json_object_get_string(item));
                if (r < 0)
                        return r;
        }
        strv_free(*ret);
        *ret = TAKE_PTR(v);
        return 1;
}

int json_get_object(Json *object, const char *key, Json **ret) {
        return get_member(object, key, json_type_object, ret);
}

int json_get_array(Json *object, const char *key, Json **ret) {
        return get_member(object, key, json_type_array, ret);
}

int json_add(Json *object, const char *key, Json *value) {
        if (!value)
                return -ENOMEM;
        if (json_object_object_add(object, key, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int json_append(Json *array, Json *value) {
        if (!value)
                return -ENOMEM;
        if (json_object_array_add(array, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int json_add_string(Json *object, const char *key, const char *value) {
        return value ? json_add(object, key, json_object_new_string(value)) : 0;
}

int json_add_u64(Json *object, const char *key, uint64_t value) {
        return json_add(object, key, json_object_new_uint64(value));
}

int json_add_int(Json *object, const char *key, int64_t value) {
        return json_add(object, key, json_object_new_int64(value));
}

int json_add_double(Json *object, const char *key, double value) {
        return json_add(object, key, json_object_new_double(value));
}

int json_add_bool(Json *object, const char *key, bool value) {
        return json_add(object, key, json_object_new_boolean(value));
}

int json_add_strv(Json *object, const char *key, char *const *value) {
        _cleanup_json_ Json *array = NULL;

        if (strv_length(value) == 0)
                return 0;
        array = json_object_new_array();
        if (!array)
                return -ENOMEM;
        for (; *value; value++)
                TRY(json_append(array, json_object_new_string(*value)));
        return json_add(object, key, TAKE_PTR(array));
}

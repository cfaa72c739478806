/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The configuration that a manifest leads to: what containers of the image run, how it was made, and
 * the digests of its layers. */

#include <string.h>
#include <time.h>

#include "worker/manifest-config.h"

static int bad(const char *name, const char *what, Error *e) {
        return error_set(e, EBADMSG, "archive", "%s: %s", name, what);
}

/* Of a date and time as in RFC 3339, in µs. Return: 0 for what is none, or lies before 1970. */
static uint64_t parse_time(const char *s) {
        uint64_t us = 0, unit = 100000;
        int hours, minutes;
        struct tm tm = {};
        long seconds;
        char sign;

        s = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
        if (!s)
                return 0;
        seconds = timegm(&tm);
        if (*s == '.')
                for (s++; *s >= '0' && *s <= '9'; s++, unit /= 10)
                        us += (uint64_t)(*s - '0') * unit;
        if (sscanf(s, "%c%2d:%2d", &sign, &hours, &minutes) == 3 && (sign == '+' || sign == '-'))
                seconds -= (sign == '-' ? -60 : 60) * (60L * hours + minutes);
        /* Year 9999 at most; what is told in µs must not overflow. */
        return seconds > 0 && seconds < 253402300800 ? (uint64_t)seconds * 1000000 + us : 0;
}

static int take_diff_ids(Manifest *manifest, Json *image, const char *name, Error *e) {
        Json *rootfs = NULL, *ids = NULL;
        int r;

        r = json_get_object(image, "rootfs", &rootfs);
        if (r > 0)
                r = json_get_array(rootfs, "diff_ids", &ids);
        if (r <= 0)
                return bad(name, "it does not say what its layers are", e);
        if (json_object_array_length(ids) != manifest->n_layers)
                return bad(name, "it speaks of another number of layers", e);
        for (size_t i = 0; i < manifest->n_layers; i++) {
                const char *hex =
                        digest_hex(json_object_get_string(json_object_array_get_idx(ids, i)));

                if (!hex)
                        return bad(name, "a layer has no SHA-256 digest", e);
                snprintf(manifest->layers[i].diff_id, sizeof(manifest->layers[i].diff_id), "%s",
                         hex);
        }
        return 0;
}

/* One step in the daemon's form. Return: 1 when it made a layer, 0, or a negative errno; -EBADMSG
 * for what is no step. */
static int take_step(Json *step, Json *history) {
        static const char *const keys[][2] = {
                {"created_by", "created-by"}, {"comment", "comment"}, {"author", "author"}};
        _cleanup_json_ Json *taken = json_object_new_object();
        const char *text = NULL;
        bool empty = false;

        if (!taken)
                return -ENOMEM;
        if (!json_object_is_type(step, json_type_object))
                return -EBADMSG;
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                text = NULL;
                TRY(json_peek_string(step, keys[i][0], &text));
                TRY(json_add_string(taken, keys[i][1], text));
        }
        text = NULL;
        TRY(json_peek_string(step, "created", &text));
        if (text)
                TRY(json_add_u64(taken, "created", parse_time(text)));
        TRY(json_get_bool(step, "empty_layer", &empty));
        TRY(json_add_bool(taken, "empty", empty));
        if (json_object_array_add(history, taken) < 0)
                return -ENOMEM;
        taken = NULL;
        return !empty;
}

/* It is for people: one that does not fit the layers is left out. */
static int take_history(Manifest *manifest, Json *image) {
        _cleanup_json_ Json *history = json_object_new_array();
        Json *steps = NULL;
        size_t n_layers = 0;

        if (!history)
                return -ENOMEM;
        if (json_get_array(image, "history", &steps) <= 0)
                return 0;
        for (size_t i = 0; i < json_object_array_length(steps); i++) {
                int r = take_step(json_object_array_get_idx(steps, i), history);

                if (r < 0)
                        return r == -EBADMSG ? 0 : r;
                n_layers += (size_t)r;
        }
        if (n_layers == manifest->n_layers)
                manifest->history = TAKE_PTR(history);
        return 0;
}

/* What the daemon will read of it has the types that it expects. */
static int check_config(Json *config) {
        static const char *const lists[] = {"Env", "Cmd", "Entrypoint"};
        static const char *const strings[] = {"WorkingDir", "User", "StopSignal"};
        static const char *const objects[] = {"Labels", "ExposedPorts"};
        _cleanup_strv_free_ char **list = NULL;
        const char *string;
        Json *object;

        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                TRY(json_get_strv(config, lists[i], &list));
        for (size_t i = 0; i < ELEMENTSOF(strings); i++)
                TRY(json_peek_string(config, strings[i], &string));
        for (size_t i = 0; i < ELEMENTSOF(objects); i++)
                TRY(json_get_object(config, objects[i], &object));
        return 0;
}

static int take(Manifest *manifest, Json *image, const char *name, Error *e) {
        const char *created = NULL;
        Json *config = NULL;

        if (!json_object_is_type(image, json_type_object))
                return bad(name, "it is not as it should be", e);
        TRY(take_diff_ids(manifest, image, name, e));
        /* null is what some tools write for nothing. */
        if (json_object_object_get_ex(image, "config", &config) && config) {
                int r = json_object_is_type(config, json_type_object) ? check_config(config) :
                                                                        -EBADMSG;

                if (r < 0)
                        return r == -ENOMEM ? error_oom(e) :
                                              bad(name, "its config is not as it should be", e);
                manifest->config = json_object_get(config);
        }
        if (json_peek_string(image, "created", &created) > 0)
                manifest->created = parse_time(created);
        return take_history(manifest, image) < 0 ? error_oom(e) : 0;
}

int manifest_read_config(Manifest *manifest, const Members *members, const char *name,
                         const char *digest, Error *e) {
        _cleanup_json_ Json *image = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        TRY(members_read_text(members, name, &text, &size, e));
        if (size > CONFIG_SIZE_MAX)
                return bad(name, "it is too large", e);
        manifest->config_size = size;
        TRY(digest_of(text, size, manifest->config_digest, e));
        if (digest && !streq(digest, manifest->config_digest))
                return bad(name, "it is damaged: its digest is another one", e);
        r = json_parse(text, size, &image);
        if (r < 0)
                return r == -ENOMEM ? error_oom(e) : bad(name, "it is not as it should be", e);
        return take(manifest, image, name, e);
}

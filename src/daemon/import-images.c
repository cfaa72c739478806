/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/import-images.h"
#include "daemon/image-config.h"

void found_done(Found *found) {
        intent_done(&found->intent);
        strv_free(found->shared);
        strv_free(found->parts);
        *found = (Found){};
}

static int unexpected(Error *e) {
        return error_set(e, EBADMSG, "worker", "unexpected outcome of the import");
}

/* How many layers from below, one upon the other, an image has in common with these. */
static size_t count_common(const Image *image, char *const *diff_ids) {
        char *const *own = image->record->diff_ids;
        size_t n = 0;

        while (own && own[n] && diff_ids[n] && streq(own[n], diff_ids[n]))
                n++;
        return n;
}

/* A layer that another image has upon the same ones is not kept twice. Upon others it may be unpacked
 * to something else: a directory that it only implies looks as below. */
static int share_layers(Found *found, char *const *diff_ids, char ***ret) {
        _cleanup_strv_free_ char **shared = NULL;
        const Image *best = NULL;
        size_t n = 0;

        LIST_FOREACH(image, found->manager->image_list, links) {
                size_t common = diff_ids ? count_common(image, diff_ids) : 0;

                if (common > n) {
                        best = image;
                        n = common;
                }
        }
        for (size_t i = 0; i < n; i++)
                TRY(strv_extend(&shared, best->record->layers[i]));
        for (char **layer = shared; layer && *layer; layer++) {
                char *one[] = {*layer, NULL};

                TRY(layers_use(found->manager, one));
                TRY(strv_extend(&found->shared, *layer));
        }
        *ret = TAKE_PTR(shared);
        return 0;
}

/* The layer that a part of the staging directory becomes: for each its number and the layer's id are noted. Return: 0 or
 * -ENOMEM. */
static int take_part(Found *found, uint64_t number, uint64_t size, char id[static ID_LENGTH + 1]) {
        char part[24];

        snprintf(part, sizeof(part), "%llu", (unsigned long long)number);
        for (char **noted = found->parts; noted && *noted; noted += 2)
                if (streq(noted[0], part)) {
                        snprintf(id, ID_LENGTH + 1, "%s", noted[1]);
                        return 0;
                }
        TRY(intent_add_layer(&found->intent, part, size, id));
        TRY(strv_extend(&found->parts, part));
        return strv_extend(&found->parts, id);
}

static int read_layers(Found *found, ImageRecord *record, Json *layers, Error *e) {
        _cleanup_strv_free_ char **shared = NULL;
        size_t n = json_object_array_length(layers), n_shared;

        if (n < 1 || n > LAYERS_MAX)
                return error_set(e, EBADMSG, "archive",
                                 "the image has %zu layers, at most %d are possible", n,
                                 LAYERS_MAX);
        for (size_t i = 0; i < n; i++) {
                const char *diff_id = NULL;

                if (json_peek_string(json_object_array_get_idx(layers, i), "diff-id", &diff_id) < 0)
                        return unexpected(e);
                if (diff_id && strv_extend(&record->diff_ids, diff_id) < 0)
                        return error_oom(e);
        }
        if (share_layers(found, record->diff_ids, &shared) < 0)
                return error_oom(e);
        n_shared = strv_length(shared);
        for (size_t i = 0; i < n; i++) {
                Json *layer = json_object_array_get_idx(layers, i);
                uint64_t part = 0, size = 0;
                char id[ID_LENGTH + 1];

                if (json_get_u64(layer, "part", &part) <= 0 ||
                    json_get_u64(layer, "size", &size) < 0)
                        return unexpected(e);
                if (i >= n_shared && take_part(found, part, size, id) < 0)
                        return error_oom(e);
                if (strv_extend(&record->layers, i < n_shared ? shared[i] : id) < 0)
                        return error_oom(e);
        }
        return 0;
}

/* The steps that the archive tells, or else one for each layer. */
static int read_history(ImageRecord *record, Json *result, const char *comment_by_default) {
        Json *steps = NULL;
        size_t n, layer = 0;

        TRY(json_get_array(result, "history", &steps));
        n = steps ? json_object_array_length(steps) : strv_length(record->layers);
        for (size_t i = 0; i < n; i++) {
                const char *created_by = "import", *comment = comment_by_default;
                HistoryStep step = {.created = record->created};
                const char *author = NULL;
                bool empty = false;

                if (steps) {
                        Json *json = json_object_array_get_idx(steps, i);

                        created_by = comment = NULL;
                        step.created = 0;
                        TRY(json_get_u64(json, "created", &step.created));
                        TRY(json_peek_string(json, "created-by", &created_by));
                        TRY(json_peek_string(json, "comment", &comment));
                        TRY(json_peek_string(json, "author", &author));
                        TRY(json_get_bool(json, "empty", &empty));
                }
                /* Only read here: image_record_add_step() copies. */
                step.created_by = (char *)created_by;
                step.comment = (char *)comment;
                step.author = (char *)author;
                if (!empty && !record->layers[layer])
                        return -EBADMSG;
                if (!empty)
                        memcpy(step.layer, record->layers[layer++], sizeof(step.layer));
                TRY(image_record_add_step(record, &step));
        }
        return 0;
}

/* Makes a new image's record. */
static int describe_image(Found *found, ImageRecord *record, Json *json, const char *format,
                          Error *e) {
        Json *config = NULL, *layers = NULL;
        const char *digest = NULL;
        uint64_t created = 0;
        int r;

        record->owner = found->uid;
        if (json_peek_string(json, "digest", &digest) < 0 ||
            json_get_u64(json, "created", &created) < 0 ||
            json_get_array(json, "layers", &layers) <= 0 ||
            json_get_object(json, "config", &config) < 0)
                return unexpected(e);
        if (config) {
                json_object_put(record->config);
                record->config = json_object_get(config);
        }
        if (created > 0)
                record->created = created;
        if (digest && strv_extend(&record->digests, digest) < 0)
                return error_oom(e);
        TRY(image_config_change(record->config, found->changes, e));
        TRY(read_layers(found, record, layers, e));
        r = read_history(record, json, found->message ?: format);
        if (r < 0)
                return r == -ENOMEM ? error_oom(e) : unexpected(e);
        return 0;
}

static int choose_names(const Found *found, IntentImage *image, Json *json, Error *e) {
        _cleanup_strv_free_ char **names = NULL;

        if (found->name && strv_extend(&names, found->name) < 0)
                return error_oom(e);
        if (!found->name && json_get_strv(json, "names", &names) < 0)
                return unexpected(e);
        for (char **name = names; name && *name; name++) {
                _cleanup_free_ char *normal = NULL;
                int r = image_reference_normalize(*name, &normal);

                if (r == -EINVAL)
                        return error_set(e, EINVAL, "archive", "“%s” is no name for an image",
                                         *name);
                if (r < 0 || (!strv_contains(image->names, normal) &&
                              strv_extend(&image->names, normal) < 0))
                        return error_oom(e);
        }
        return 0;
}

/* One that is there already gets the names. */
static int read_image(Found *found, Json *json, const char *format, Error *e) {
        const char *digest = NULL;
        Image *known = json_peek_string(json, "digest", &digest) > 0 ?
                               image_by_digest(found->manager, digest) :
                               NULL;
        ImageRecord *record = known ? NULL : image_record_new();
        IntentImage *image;

        if (!known && !record)
                return error_oom(e);
        image = intent_add_image(&found->intent, record, known ? known->record->id : NULL);
        if (!image)
                return error_oom(e);
        if (record)
                TRY(describe_image(found, record, json, format, e));
        return choose_names(found, image, json, e);
}

int found_read(Found *found, Json *result, Error *e) {
        const char *format = "";
        Json *images = NULL;
        size_t n;

        if (json_peek_string(result, "format", &format) < 0 ||
            json_get_array(result, "images", &images) <= 0)
                return unexpected(e);
        n = json_object_array_length(images);
        if (n == 0)
                return unexpected(e);
        if (found->changes && !streq(format, "rootfs"))
                return error_set(e, EINVAL, "argument",
                                 "Option changes: the archive has a configuration of its own");
        if (found->name && n > 1)
                return error_set(e, EINVAL, "argument",
                                 "Argument name: the archive holds %zu images", n);
        for (size_t i = 0; i < n; i++)
                TRY(read_image(found, json_object_array_get_idx(images, i), format, e));
        return 0;
}

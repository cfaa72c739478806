/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/image-record.h"
#include "shared/process.h"

static void history_step_done(HistoryStep *step) {
        free(step->created_by);
        free(step->comment);
        free(step->author);
        *step = (HistoryStep){};
}

ImageRecord *image_record_new(void) {
        _cleanup_(image_record_freep) ImageRecord *record = calloc(1, sizeof(ImageRecord));

        if (!record || id_make(record->id) < 0)
                return NULL;
        record->config = json_object_new_object();
        if (!record->config)
                return NULL;
        record->created = now_realtime();
        return TAKE_PTR(record);
}

ImageRecord *image_record_free(ImageRecord *record) {
        if (!record)
                return NULL;
        strv_free(record->layers);
        strv_free(record->digests);
        strv_free(record->diff_ids);
        json_object_put(record->config);
        for (size_t i = 0; i < record->n_history; i++)
                history_step_done(&record->history[i]);
        free(record->history);
        free(record);
        return NULL;
}

int image_record_add_step(ImageRecord *record, const HistoryStep *step) {
        HistoryStep copy = {.created = step->created};
        HistoryStep *grown;

        if (free_and_strdup(&copy.created_by, step->created_by) < 0 ||
            free_and_strdup(&copy.comment, step->comment) < 0 ||
            free_and_strdup(&copy.author, step->author) < 0) {
                history_step_done(&copy);
                return -ENOMEM;
        }
        memcpy(copy.layer, step->layer, sizeof(copy.layer));
        grown = reallocarray(record->history, record->n_history + 1, sizeof(copy));
        if (!grown) {
                history_step_done(&copy);
                return -ENOMEM;
        }
        grown[record->n_history++] = copy;
        record->history = grown;
        return 0;
}

int history_step_to_json(const HistoryStep *step, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object();

        if (!json)
                return -ENOMEM;
        TRY(json_add_u64(json, "created", step->created));
        TRY(json_add_string(json, "created-by", step->created_by));
        TRY(json_add_string(json, "comment", step->comment));
        TRY(json_add_string(json, "author", step->author));
        if (step->layer[0])
                TRY(json_add_string(json, "layer", step->layer));
        *ret = TAKE_PTR(json);
        return 0;
}

static int history_step_from_json(Json *json, ImageRecord *record) {
        HistoryStep step = {};
        const char *layer = NULL;
        const char *created_by = NULL, *comment = NULL, *author = NULL;

        TRY(json_get_u64(json, "created", &step.created));
        TRY(json_peek_string(json, "created-by", &created_by));
        TRY(json_peek_string(json, "comment", &comment));
        TRY(json_peek_string(json, "author", &author));
        TRY(json_peek_string(json, "layer", &layer));
        if (layer && !id_is_valid(layer))
                return -EBADMSG;
        if (layer)
                memcpy(step.layer, layer, sizeof(step.layer));
        /* Only read here: image_record_add_step() copies. */
        step.created_by = (char *)created_by;
        step.comment = (char *)comment;
        step.author = (char *)author;
        return image_record_add_step(record, &step);
}

int image_record_to_json(const ImageRecord *record, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object();
        Json *array;

        if (!json)
                return -ENOMEM;
        TRY(json_add_string(json, "id", record->id));
        TRY(json_add_u64(json, "created", record->created));
        TRY(json_add_u64(json, "owner", record->owner));
        TRY(json_add_strv(json, "layers", record->layers));
        TRY(json_add_strv(json, "digests", record->digests));
        TRY(json_add_strv(json, "diff-ids", record->diff_ids));
        TRY(json_add(json, "config", json_object_get(record->config)));
        array = json_object_new_array();
        TRY(json_add(json, "history", array));
        for (size_t i = 0; i < record->n_history; i++) {
                Json *step;

                TRY(history_step_to_json(&record->history[i], &step));
                if (json_object_array_add(array, step) < 0) {
                        json_object_put(step);
                        return -ENOMEM;
                }
        }
        *ret = TAKE_PTR(json);
        return 0;
}

int image_record_from_json(Json *json, ImageRecord **ret) {
        _cleanup_(image_record_freep) ImageRecord *record = calloc(1, sizeof(ImageRecord));
        const char *id = "";
        Json *config = NULL, *history = NULL;

        if (!record)
                return -ENOMEM;
        TRY(json_peek_string(json, "id", &id));
        if (!id_is_valid(id))
                return -EBADMSG;
        memcpy(record->id, id, sizeof(record->id));
        TRY(json_get_u64(json, "created", &record->created));
        TRY(json_get_u32(json, "owner", &record->owner));
        TRY(json_get_strv(json, "layers", &record->layers));
        if (strv_length(record->layers) == 0)
                return -EBADMSG;
        for (char **layer = record->layers; *layer; layer++)
                if (!id_is_valid(*layer))
                        return -EBADMSG;
        TRY(json_get_strv(json, "digests", &record->digests));
        TRY(json_get_strv(json, "diff-ids", &record->diff_ids));
        if (record->diff_ids && strv_length(record->diff_ids) != strv_length(record->layers))
                return -EBADMSG;
        TRY(json_get_object(json, "config", &config));
        if (!config)
                return -EBADMSG;
        record->config = json_object_get(config);
        TRY(json_get_array(json, "history", &history));
        for (size_t i = 0; history && i < json_object_array_length(history); i++)
                TRY(history_step_from_json(json_object_array_get_idx(history, i), record));
        *ret = TAKE_PTR(record);
        return 0;
}

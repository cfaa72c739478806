/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/container-record.h"

static const char *const state_names[_RECORD_STATE_MAX] = {
        [RECORD_CREATED] = "created",
        [RECORD_RUNNING] = "running",
        [RECORD_EXITED] = "exited",
};

ContainerRecord *container_record_new(void) {
        _cleanup_(container_record_freep) ContainerRecord *record =
                calloc(1, sizeof(ContainerRecord));

        if (!record)
                return NULL;
        record->spec = calloc(1, sizeof(ContainerSpec));
        record->labels = json_object_new_object();
        if (!record->spec || !record->labels)
                return NULL;
        record->exit_code = -1;
        return TAKE_PTR(record);
}

ContainerRecord *container_record_free(ContainerRecord *record) {
        if (!record)
                return NULL;
        container_spec_free(record->spec);
        free(record->name);
        free(record->image);
        json_object_put(record->labels);
        free(record->error);
        health_check_done(&record->health_check);
        free(record);
        return NULL;
}

/* Nothing when there is no check. */
static int health_to_json(const ContainerRecord *record, Json *json) {
        _cleanup_json_ Json *check = NULL;

        TRY(health_check_to_json(&record->health_check, &check));
        if (!check)
                return 0;
        TRY(json_add(json, "health-check", TAKE_PTR(check)));
        TRY(json_add_string(json, "health-status", health_status_to_string(record->health_status)));
        return json_add_u64(json, "health-failures", record->health_failures);
}

static int health_from_json(Json *json, ContainerRecord *record) {
        const char *status = "none";
        Json *check;
        int r = json_get_object(json, "health-check", &check);

        if (r <= 0)
                return r;
        TRY(health_check_from_json(check, &record->health_check));
        TRY(json_peek_string(json, "health-status", &status));
        if (health_status_from_string(status, &record->health_status) < 0)
                return -EBADMSG;
        TRY(json_get_u32(json, "health-failures", &record->health_failures));
        return 0;
}

static int restart_to_json(const ContainerRecord *record, Json *json) {
        _cleanup_free_ char *policy = restart_policy_format(record->restart);

        if (!policy)
                return -ENOMEM;
        TRY(json_add_string(json, "restart", policy));
        TRY(json_add_u64(json, "restart-count", record->restart_count));
        TRY(json_add_bool(json, "restarting", record->restarting));
        return json_add_bool(json, "stopped", record->stopped);
}

static int restart_from_json(Json *json, ContainerRecord *record) {
        const char *policy = "no";

        TRY(json_peek_string(json, "restart", &policy));
        if (restart_policy_parse(policy, &record->restart) < 0)
                return -EBADMSG;
        TRY(json_get_u32(json, "restart-count", &record->restart_count));
        TRY(json_get_bool(json, "restarting", &record->restarting));
        TRY(json_get_bool(json, "stopped", &record->stopped));
        return 0;
}

int container_record_to_json(const ContainerRecord *record, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object(), *spec = NULL;

        if (!json)
                return -ENOMEM;
        TRY(json_add_string(json, "name", record->name));
        TRY(json_add_u64(json, "owner", record->owner));
        TRY(json_add_string(json, "image", record->image));
        TRY(json_add_string(json, "image-id", record->image_id));
        TRY(json_add(json, "labels", json_object_get(record->labels)));
        if (record->entrypoint_words != ENTRYPOINT_WORDS_UNKNOWN)
                TRY(json_add_u64(json, "entrypoint-words", record->entrypoint_words));
        TRY(json_add_int(json, "stop-signal", record->stop_signal));
        TRY(json_add_u64(json, "stop-timeout", record->stop_timeout));
        TRY(json_add_bool(json, "auto-remove", record->auto_remove));
        TRY(json_add_bool(json, "paused", record->paused));
        TRY(restart_to_json(record, json));
        TRY(health_to_json(record, json));
        TRY(json_add_string(json, "state", state_names[record->state]));
        TRY(json_add_u64(json, "created-at", record->created_at));
        TRY(json_add_u64(json, "started-at", record->started_at));
        TRY(json_add_u64(json, "finished-at", record->finished_at));
        TRY(json_add_int(json, "exit-code", record->exit_code));
        TRY(json_add_bool(json, "oom-killed", record->oom_killed));
        TRY(json_add_string(json, "error", record->error));
        TRY(container_spec_to_json(record->spec, &spec));
        TRY(json_add(json, "spec", TAKE_PTR(spec)));
        *ret = TAKE_PTR(json);
        return 0;
}

static int check_labels(Json *labels) {
        json_object_object_foreach(labels, key, value) {
                (void)key;
                if (!json_object_is_type(value, json_type_string))
                        return -EBADMSG;
        }
        return 0;
}

static int state_from_json(Json *json, RecordState *ret) {
        const char *name = "";

        TRY(json_peek_string(json, "state", &name));
        for (int i = 0; i < _RECORD_STATE_MAX; i++)
                if (streq(state_names[i], name)) {
                        *ret = (RecordState)i;
                        return 0;
                }
        return -EBADMSG;
}

int container_record_from_json(Json *json, ContainerRecord **ret) {
        _cleanup_(container_record_freep) ContainerRecord *record =
                calloc(1, sizeof(ContainerRecord));
        const char *image_id = "";
        Json *part = NULL;

        if (!record)
                return -ENOMEM;
        record->exit_code = -1;
        record->entrypoint_words = ENTRYPOINT_WORDS_UNKNOWN;
        TRY(json_get_string(json, "name", &record->name));
        TRY(json_get_u32(json, "owner", &record->owner));
        TRY(json_get_string(json, "image", &record->image));
        TRY(json_peek_string(json, "image-id", &image_id));
        if (!record->name || !container_name_is_valid(record->name) || !record->image ||
            !id_is_valid(image_id))
                return -EBADMSG;
        memcpy(record->image_id, image_id, sizeof(record->image_id));
        TRY(json_get_object(json, "labels", &part));
        if (!part)
                return -EBADMSG;
        TRY(check_labels(part));
        record->labels = json_object_get(part);
        TRY(json_get_u32(json, "entrypoint-words", &record->entrypoint_words));
        TRY(json_get_int(json, "stop-signal", &record->stop_signal));
        TRY(json_get_u32(json, "stop-timeout", &record->stop_timeout));
        TRY(json_get_bool(json, "auto-remove", &record->auto_remove));
        TRY(json_get_bool(json, "paused", &record->paused));
        TRY(restart_from_json(json, record));
        TRY(health_from_json(json, record));
        TRY(state_from_json(json, &record->state));
        TRY(json_get_u64(json, "created-at", &record->created_at));
        TRY(json_get_u64(json, "started-at", &record->started_at));
        TRY(json_get_u64(json, "finished-at", &record->finished_at));
        TRY(json_get_int(json, "exit-code", &record->exit_code));
        TRY(json_get_bool(json, "oom-killed", &record->oom_killed));
        TRY(json_get_string(json, "error", &record->error));
        part = NULL;
        TRY(json_get_object(json, "spec", &part));
        if (!part)
                return -EBADMSG;
        TRY(container_spec_from_json(part, &record->spec));
        if (record->entrypoint_words != ENTRYPOINT_WORDS_UNKNOWN &&
            record->entrypoint_words > strv_length(record->spec->process.argv))
                return -EBADMSG;
        *ret = TAKE_PTR(record);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/work.h"

static const char *const work_names[_WORK_MAX] = {
        [WORK_IMPORT] = "import",   [WORK_COPY] = "copy",       [WORK_VOLUMES] = "volumes",
        [WORK_SAVE] = "save",       [WORK_REMOVE] = "remove",   [WORK_LOGS] = "logs",
        [WORK_SIZE] = "size",       [WORK_CHANGES] = "changes", [WORK_COPY_OUT] = "copy-out",
        [WORK_COPY_IN] = "copy-in", [WORK_FLATTEN] = "flatten",
};

const char *work_program(WorkType type) {
        switch (type) {
        case WORK_IMPORT:
        case WORK_SAVE:
        case WORK_COPY_OUT:
        case WORK_COPY_IN:
                return "mydocker-worker-archive";
        default:
                return "mydocker-worker";
        }
}

void work_done(Work *work) {
        strv_free(work->targets);
        free(work->format);
        free(work->path);
        free(work->name);
        strv_free(work->names);
        json_object_put(work->config);
        *work = (Work){};
}

int work_encode(const Work *work, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object();

        if (!json)
                return -ENOMEM;
        TRY(json_add_string(json, "work", work_names[work->type]));
        TRY(json_add_u64(json, "id-base", work->id_base));
        TRY(json_add_strv(json, "targets", work->targets));
        TRY(json_add_string(json, "format", work->format));
        TRY(json_add_strv(json, "names", work->names));
        if (work->config)
                TRY(json_add(json, "config", json_object_get(work->config)));
        TRY(json_add_u64(json, "created", work->created));
        TRY(json_add_bool(json, "follow", work->follow));
        TRY(json_add_int(json, "tail", work->tail));
        TRY(json_add_u64(json, "since", work->since));
        TRY(json_add_u64(json, "until", work->until));
        TRY(json_add_string(json, "path", work->path));
        TRY(json_add_string(json, "name", work->name));
        TRY(json_add_bool(json, "as-cp", work->as_cp));
        TRY(json_add_bool(json, "wait", work->wait));
        *ret = TAKE_PTR(json);
        return 0;
}

int work_decode(Json *json, Work *ret) {
        const char *name = "";
        Json *config = NULL;

        *ret = (Work){.type = _WORK_MAX, .tail = -1};
        TRY(json_peek_string(json, "work", &name));
        for (int i = 0; i < _WORK_MAX; i++)
                if (streq(work_names[i], name))
                        ret->type = (WorkType)i;
        if (ret->type == _WORK_MAX)
                return -EBADMSG;
        TRY(json_get_u32(json, "id-base", &ret->id_base));
        TRY(json_get_strv(json, "targets", &ret->targets));
        TRY(json_get_string(json, "format", &ret->format));
        TRY(json_get_strv(json, "names", &ret->names));
        TRY(json_get_object(json, "config", &config));
        ret->config = config ? json_object_get(config) : NULL;
        TRY(json_get_u64(json, "created", &ret->created));
        TRY(json_get_bool(json, "follow", &ret->follow));
        TRY(json_get_int(json, "tail", &ret->tail));
        TRY(json_get_u64(json, "since", &ret->since));
        TRY(json_get_u64(json, "until", &ret->until));
        TRY(json_get_string(json, "path", &ret->path));
        TRY(json_get_string(json, "name", &ret->name));
        TRY(json_get_bool(json, "as-cp", &ret->as_cp));
        TRY(json_get_bool(json, "wait", &ret->wait));
        return 0;
}

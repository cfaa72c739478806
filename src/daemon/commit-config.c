/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/commit-config.h"
#include "daemon/image-config.h"
#include "daemon/run-record.h"
#include "shared/strutil.h"

/* An empty value is a member that is not there. */
static int set_strv(Json *config, const char *key, char *const *value) {
        json_object_object_del(config, key);
        return json_add_strv(config, key, value);
}

static int set_string(Json *config, const char *key, const char *value) {
        json_object_object_del(config, key);
        return isempty(value) ? 0 : json_add_string(config, key, value);
}

static bool begins_with(char *const *words, char *const *beginning) {
        for (; beginning && *beginning; words++, beginning++)
                if (!*words || !streq(*words, *beginning))
                        return false;
        return true;
}

/* How many words of the command line are the entry point. */
static size_t count_entrypoint(const ContainerRecord *record, const ImageDefaults *image) {
        if (record->entrypoint_words != ENTRYPOINT_WORDS_UNKNOWN)
                return record->entrypoint_words;
        return begins_with(record->spec->process.argv, image->entrypoint) ?
                       strv_length(image->entrypoint) :
                       0;
}

static int set_command(Json *config, const ContainerRecord *record, const ImageDefaults *image) {
        char *const *argv = record->spec->process.argv;
        size_t n = count_entrypoint(record, image);
        _cleanup_strv_free_ char **entrypoint = NULL;

        for (size_t i = 0; i < n; i++)
                TRY(strv_extend(&entrypoint, argv[i]));
        TRY(set_strv(config, "Entrypoint", entrypoint));
        return set_strv(config, "Cmd", argv + n);
}

static int set_env(Json *config, const ContainerRecord *record, const ImageDefaults *image) {
        _cleanup_strv_free_ char **env = NULL;

        TRY(run_record_own_env(record, image->env, &env));
        return set_strv(config, "Env", env);
}

static int set_labels(Json *config, const ContainerRecord *record) {
        _cleanup_json_ Json *labels = NULL;

        json_object_object_del(config, "Labels");
        if (json_object_object_length(record->labels) == 0)
                return 0;
        /* The new image's may be changed. */
        if (json_object_deep_copy(record->labels, &labels, NULL) < 0)
                return -ENOMEM;
        return json_add(config, "Labels", TAKE_PTR(labels));
}

/* What is as the image says keeps the image's words. */
static int set_stop_signal(Json *config, const ContainerRecord *record,
                           const ImageDefaults *image) {
        _cleanup_free_ char *name = NULL;

        if (record->stop_signal == (image->stop_signal ?: STOP_SIGNAL_DEFAULT))
                return 0;
        name = signal_format(record->stop_signal);
        return name ? json_add_string(config, "StopSignal", name) : -ENOMEM;
}

int commit_config_fill(Json *config, const ContainerRecord *record) {
        _cleanup_(image_defaults_done) ImageDefaults image = {};
        const ProcessSpec *process = &record->spec->process;

        TRY(image_config_read(config, &image));
        TRY(set_command(config, record, &image));
        TRY(set_env(config, record, &image));
        TRY(set_string(config, "WorkingDir", process->cwd));
        TRY(set_string(config, "User", process->user));
        TRY(set_labels(config, record));
        TRY(set_stop_signal(config, record, &image));
        return image_config_set_health(config, &record->health_check, image.health.command);
}

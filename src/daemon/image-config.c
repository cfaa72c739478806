/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <signal.h>
#include <sys/utsname.h>
#include <time.h>

#include "daemon/environment.h"
#include "daemon/health-instruction.h"
#include "daemon/image-config.h"

void image_defaults_done(ImageDefaults *defaults) {
        strv_free(defaults->env);
        strv_free(defaults->command);
        strv_free(defaults->entrypoint);
        free(defaults->workdir);
        free(defaults->user);
        health_check_done(&defaults->health);
        *defaults = (ImageDefaults){};
}

int signal_parse(const char *s) {
        uint32_t number;

        if (parse_u32(s, &number) >= 0)
                return number >= 1 && number <= (uint32_t)SIGRTMAX ? (int)number : -EINVAL;
        s = startswith(s, "SIG") ?: s;
        for (int i = 1; i < SIGRTMIN; i++)
                if (streq_ptr(sigabbrev_np(i), s))
                        return i;
        if (startswith(s, "RTMIN+") && parse_u32(s + strlen("RTMIN+"), &number) >= 0 &&
            number <= (uint32_t)(SIGRTMAX - SIGRTMIN))
                return SIGRTMIN + (int)number;
        return -EINVAL;
}

char *signal_format(int number) {
        const char *name = sigabbrev_np(number);

        if (name)
                return strf("SIG%s", name);
        return number >= SIGRTMIN && number <= SIGRTMAX ? strf("SIGRTMIN+%d", number - SIGRTMIN) :
                                                          strf("%d", number);
}

/* Nanoseconds; 0 is not given. */
static int read_duration(Json *json, const char *key, uint64_t *ret) {
        uint64_t ns = 0;

        TRY(json_get_u64(json, key, &ns));
        *ret = ns == 0 ? HEALTH_DURATION_UNSET : MAX(ns / 1000, (uint64_t)1);
        return 0;
}

/* The member "Healthcheck", docker's: a list of "CMD" and words, or "CMD-SHELL" and a line; "NONE" or nothing takes away
 * what an image below may have had, and is none here. */
static int read_health_check(Json *config, HealthCheck *ret) {
        _cleanup_strv_free_ char **test = NULL;
        Json *json;
        int r = json_get_object(config, "Healthcheck", &json);

        if (r <= 0)
                return r;
        TRY(json_get_strv(json, "Test", &test));
        TRY(read_duration(json, "Interval", &ret->interval));
        TRY(read_duration(json, "Timeout", &ret->timeout));
        TRY(read_duration(json, "StartPeriod", &ret->start_period));
        TRY(read_duration(json, "StartInterval", &ret->start_interval));
        TRY(json_get_u32(json, "Retries", &ret->retries));
        if (strv_length(test) < 2 || streq(test[0], "NONE"))
                return 0;
        if (streq(test[0], "CMD-SHELL")) {
                char *const shell[] = {(char *)"/bin/sh", (char *)"-c", test[1], NULL};

                ret->command = strv_copy(shell);
        } else if (streq(test[0], "CMD")) {
                ret->command = strv_copy(test + 1);
        } else {
                return -EBADMSG;
        }
        return ret->command ? 0 : -ENOMEM;
}

int image_config_read(Json *config, ImageDefaults *ret) {
        const char *signal = NULL;

        TRY(json_get_strv(config, "Env", &ret->env));
        TRY(json_get_strv(config, "Cmd", &ret->command));
        TRY(json_get_strv(config, "Entrypoint", &ret->entrypoint));
        TRY(json_get_string(config, "WorkingDir", &ret->workdir));
        TRY(json_get_string(config, "User", &ret->user));
        TRY(json_get_object(config, "Labels", &ret->labels));
        TRY(read_health_check(config, &ret->health));
        TRY(json_peek_string(config, "StopSignal", &signal));
        if (!isempty(signal)) {
                ret->stop_signal = signal_parse(signal);
                if (ret->stop_signal < 0)
                        return -EBADMSG;
        }
        return 0;
}

/* As docker has it: for a shell where a shell is what is executed. */
static int make_test(char *const *command, char ***ret) {
        bool shell = strv_length(command) == 3 && streq(command[0], "/bin/sh") &&
                     streq(command[1], "-c");

        TRY(strv_extend(ret, shell ? "CMD-SHELL" : "CMD"));
        for (command += shell ? 2 : 0; *command; command++)
                TRY(strv_extend(ret, *command));
        return 0;
}

int image_config_set_health(Json *config, const HealthCheck *check, bool replaces) {
        _cleanup_json_ Json *json = NULL;
        _cleanup_strv_free_ char **test = NULL;

        if (!check->command && !replaces)
                return 0;
        json = json_object_new_object();
        if (!json)
                return -ENOMEM;
        if (check->command) {
                TRY(make_test(check->command, &test));
                TRY(json_add_u64(json, "Interval", check->interval * 1000));
                TRY(json_add_u64(json, "Timeout", check->timeout * 1000));
                TRY(json_add_u64(json, "StartPeriod", check->start_period * 1000));
                TRY(json_add_u64(json, "StartInterval", check->start_interval * 1000));
                TRY(json_add_u64(json, "Retries", check->retries));
        } else
                TRY(strv_extend(&test, "NONE"));
        TRY(json_add_strv(json, "Test", test));
        return json_add(config, "Healthcheck", TAKE_PTR(json));
}

/* The value of CMD and ENTRYPOINT: a JSON list, or a line for the shell. */
static int change_command(Json *config, const char *key, const char *value) {
        _cleanup_json_ Json *list = NULL;

        if (value[0] == '[' && json_parse(value, strlen(value), &list) >= 0) {
                _cleanup_json_ Json *probe = json_object_new_object();
                _cleanup_strv_free_ char **checked = NULL;
                int r;

                if (!probe)
                        return -ENOMEM;
                TRY(json_add(probe, key, json_object_get(list)));
                r = json_get_strv(probe, key, &checked);
                if (r < 0)
                        return r == -EBADMSG ? -EINVAL : r;
                return json_add(config, key, TAKE_PTR(list));
        }
        char *const shell[] = {(char *)"/bin/sh", (char *)"-c", (char *)value, NULL};
        return json_add_strv(config, key, shell);
}

static int change_env(Json *config, const char *value) {
        _cleanup_strv_free_ char **env = NULL;
        const char *equals = strchr(value, '=');

        if (!equals || equals == value)
                return -EINVAL;
        TRY(json_get_strv(config, "Env", &env));
        TRY(env_set(&env, value));
        return json_add_strv(config, "Env", env);
}

/* The member, an object, made if it is not there. */
static int member(Json *config, const char *key, Json **ret) {
        int r = json_get_object(config, key, ret);

        if (r != 0)
                return r;
        TRY(json_add(config, key, json_object_new_object()));
        return json_get_object(config, key, ret);
}

static int change_label(Json *config, const char *value) {
        _cleanup_free_ char *key = NULL;
        const char *equals = strchr(value, '=');
        Json *labels;

        if (!equals || equals == value)
                return -EINVAL;
        key = strndup(value, (size_t)(equals - value));
        if (!key)
                return -ENOMEM;
        TRY(member(config, "Labels", &labels));
        return json_add_string(labels, key, equals + 1);
}

static int change_expose(Json *config, const char *value) {
        _cleanup_free_ char *port = NULL;
        size_t digits = strspn(value, "0123456789");
        Json *ports;

        if (digits < 1 || digits > 5 ||
            (value[digits] && !streq(value + digits, "/tcp") && !streq(value + digits, "/udp")))
                return -EINVAL;
        port = value[digits] ? strdup(value) : strf("%s/tcp", value);
        if (!port)
                return -ENOMEM;
        TRY(member(config, "ExposedPorts", &ports));
        return json_add(ports, port, json_object_new_object());
}

static int change(Json *config, const char *word, const char *value) {
        if (streq(word, "CMD"))
                return change_command(config, "Cmd", value);
        if (streq(word, "ENTRYPOINT"))
                return change_command(config, "Entrypoint", value);
        if (streq(word, "ENV"))
                return change_env(config, value);
        if (streq(word, "LABEL"))
                return change_label(config, value);
        if (streq(word, "HEALTHCHECK"))
                return health_instruction_apply(config, value);
        if (streq(word, "EXPOSE"))
                return change_expose(config, value);
        if (streq(word, "WORKDIR"))
                return value[0] == '/' ? json_add_string(config, "WorkingDir", value) : -EINVAL;
        if (streq(word, "STOPSIGNAL"))
                return signal_parse(value) < 0 ? -EINVAL :
                                                 json_add_string(config, "StopSignal", value);
        if (streq(word, "USER"))
                return json_add_string(config, "User", value);
        return -EINVAL;
}

int image_config_change(Json *config, char *const *changes, Error *e) {
        for (; changes && *changes; changes++) {
                const char *line = *changes + strspn(*changes, " \t");
                size_t n = strcspn(line, " \t");
                char word[16];
                int r = -EINVAL;

                if (n < sizeof(word)) {
                        for (size_t i = 0; i < n; i++)
                                word[i] = (char)toupper((unsigned char)line[i]);
                        word[n] = '\0';
                        line += n;
                        line += strspn(line, " \t");
                        r = *line ? change(config, word, line) : -EINVAL;
                }
                if (r == -ENOMEM)
                        return error_oom(e);
                if (r < 0)
                        return error_set(e, EINVAL, "argument",
                                         "Option changes: cannot understand “%s”", *changes);
        }
        return 0;
}

static int add_time(Json *json, uint64_t usec) {
        time_t seconds = (time_t)(usec / 1000000);
        char text[64];
        struct tm tm;

        if (usec == 0 || !gmtime_r(&seconds, &tm) ||
            strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
                return 0; /* not known, or beyond any calendar */
        snprintf(text + strlen(text), sizeof(text) - strlen(text), ".%06uZ",
                 (unsigned)(usec % 1000000));
        return json_add_string(json, "created", text);
}

static const char *architecture(void) {
        static struct utsname names;

        (void)uname(&names);
        return streq(names.machine, "x86_64")  ? "amd64" :
               streq(names.machine, "aarch64") ? "arm64" :
                                                 names.machine;
}

static int describe_step(const HistoryStep *step, Json *history) {
        Json *json = json_object_new_object();

        if (!json)
                return -ENOMEM;
        if (json_object_array_add(history, json) < 0) {
                json_object_put(json);
                return -ENOMEM;
        }
        TRY(add_time(json, step->created));
        TRY(json_add_string(json, "created_by", step->created_by));
        TRY(json_add_string(json, "author", step->author));
        TRY(json_add_string(json, "comment", step->comment));
        return step->layer[0] ? 0 : json_add_bool(json, "empty_layer", true);
}

/* Those that the history tells of. */
static size_t count_layers(const ImageRecord *record) {
        size_t n = 0;

        for (size_t i = 0; i < record->n_history; i++)
                n += record->history[i].layer[0] != '\0';
        return n;
}

int image_config_describe(const ImageRecord *record, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object();
        Json *history;

        if (!json)
                return -ENOMEM;
        TRY(add_time(json, record->created));
        if (record->n_history > 0)
                TRY(json_add_string(json, "author", record->history[record->n_history - 1].author));
        TRY(json_add_string(json, "architecture", architecture()));
        TRY(json_add_string(json, "os", "linux"));
        TRY(json_add(json, "config", json_object_get(record->config)));
        /* Others refuse one that does not fit the layers. */
        if (count_layers(record) == strv_length(record->layers)) {
                history = json_object_new_array();
                TRY(json_add(json, "history", history));
                for (size_t i = 0; i < record->n_history; i++)
                        TRY(describe_step(&record->history[i], history));
        }
        *ret = TAKE_PTR(json);
        return 0;
}

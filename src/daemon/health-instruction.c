/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "daemon/health-instruction.h"
#include "shared/error.h"
#include "shared/strutil.h"

/* "--interval=30s" and the like. Return: 1 if `word` is one; 0; -EINVAL or -ENOMEM. */
static int take_option(Json *check, const char *word) {
        static const struct {
                const char *option, *key;
        } durations[] = {
                {"--interval=", "Interval"},
                {"--timeout=", "Timeout"},
                {"--start-period=", "StartPeriod"},
                {"--start-interval=", "StartInterval"},
        };
        const char *value = startswith(word, "--retries=");
        uint32_t retries;
        int64_t us;

        if (value) {
                TRY(parse_u32(value, &retries));
                TRY(json_add_u64(check, "Retries", retries));
                return 1;
        }
        for (size_t i = 0; i < ELEMENTSOF(durations); i++) {
                value = startswith(word, durations[i].option);
                if (!value)
                        continue;
                us = parse_duration(value);
                if (us < 0 || us > INT64_MAX / 1000)
                        return -EINVAL;
                TRY(json_add_u64(check, durations[i].key, (uint64_t)us * 1000));
                return 1;
        }
        return startswith(word, "--") ? -EINVAL : 0;
}

/* A JSON list of words, or a line for the shell. */
static int add_test(Json *check, const char *command) {
        _cleanup_strv_free_ char **words = NULL, **test = NULL;
        _cleanup_json_ Json *list = NULL, *probe = NULL;

        if (command[0] == '[' && json_parse(command, strlen(command), &list) >= 0) {
                probe = json_object_new_object();
                TRY(json_add(probe, "words", TAKE_PTR(list)));
                if (json_get_strv(probe, "words", &words) < 0 || strv_length(words) == 0)
                        return -EINVAL;
                TRY(strv_extend(&test, "CMD"));
                for (char **word = words; *word; word++)
                        TRY(strv_extend(&test, *word));
        } else {
                TRY(strv_extend(&test, "CMD-SHELL"));
                TRY(strv_extend(&test, command));
        }
        return json_add_strv(check, "Test", test);
}

static int parse(Json *check, const char *value) {
        static char *const none[] = {(char *)"NONE", NULL};

        if (streq(value, "NONE"))
                return json_add_strv(check, "Test", none);
        for (;;) {
                size_t n = strcspn(value, " \t");
                _cleanup_free_ char *word = strndup(value, n);
                int r = word ? take_option(check, word) : -ENOMEM;

                if (r < 0)
                        return r;
                value += n + strspn(value + n, " \t");
                if (r == 0)
                        return streq(word, "CMD") && *value ? add_test(check, value) : -EINVAL;
        }
}

int health_instruction_apply(Json *config, const char *value) {
        _cleanup_json_ Json *check = json_object_new_object();
        int r = check ? parse(check, value) : -ENOMEM;

        if (r == -ERANGE)
                return -EINVAL;
        return r < 0 ? r : json_add(config, "Healthcheck", TAKE_PTR(check));
}

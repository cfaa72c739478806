/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>

#include "daemon/image-config.h"
#include "shared/test.h"

static Json *parse(const char *text) {
        Json *json = NULL;

        CHECK_INT(json_parse(text, strlen(text), &json), 0);
        return json;
}

static void test_signals(void) {
        CHECK_INT(signal_parse("SIGTERM"), SIGTERM);
        CHECK_INT(signal_parse("QUIT"), SIGQUIT);
        CHECK_INT(signal_parse("9"), 9);
        CHECK_INT(signal_parse("SIGRTMIN+3"), SIGRTMIN + 3);
        CHECK_INT(signal_parse("0"), -EINVAL);
        CHECK_INT(signal_parse("65"), -EINVAL);
        CHECK_INT(signal_parse("SIGNOTHING"), -EINVAL);
        CHECK_INT(signal_parse("RTMIN+99"), -EINVAL);
}

static void test_read(void) {
        static const char *const bad[] = {"{\"Env\":[1]}", "{\"Cmd\":\"top\"}",
                                          "{\"StopSignal\":\"x\"}", "{\"User\":3}"};
        _cleanup_json_ Json *config = parse(
                "{\"Env\":[\"A=b\"],\"Cmd\":[\"top\"],\"Entrypoint\":null,"
                "\"WorkingDir\":\"/srv\",\"StopSignal\":\"SIGINT\",\"Labels\":{\"a\":\"b\"}}");
        ImageDefaults defaults = {};

        CHECK_INT(image_config_read(config, &defaults), 0);
        CHECK_STR(defaults.env[0], "A=b");
        CHECK_STR(defaults.command[0], "top");
        CHECK(!defaults.entrypoint && !defaults.user);
        CHECK_STR(defaults.workdir, "/srv");
        CHECK_INT(defaults.stop_signal, SIGINT);
        CHECK(defaults.labels);
        image_defaults_done(&defaults);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_json_ Json *json = parse(bad[i]);

                CHECK_INT(image_config_read(json, &defaults), -EBADMSG);
                image_defaults_done(&defaults);
        }
}

static void test_health_check(void) {
        static const struct {
                const char *text;
                const char *first, *last; /* of the command; NULL: none */
                uint64_t interval;
        } cases[] = {
                {"{}", NULL, NULL, 0},
                {"{\"Healthcheck\":{\"Test\":[\"NONE\"]}}", NULL, NULL, HEALTH_DURATION_UNSET},
                {"{\"Healthcheck\":{\"Test\":[]}}", NULL, NULL, HEALTH_DURATION_UNSET},
                {"{\"Healthcheck\":{\"Test\":[\"CMD\",\"a\",\"b\"],\"Interval\":5000000000}}", "a",
                 "b", 5000000},
                {"{\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"a b\"],\"Interval\":1}}", "/bin/sh",
                 "a b", 1},
        };
        static const char *const bad[] = {
                "{\"Healthcheck\":{\"Test\":\"true\"}}",
                "{\"Healthcheck\":{\"Test\":[\"RUN\",\"x\"]}}",
                "{\"Healthcheck\":{\"Interval\":\"5s\"}}",
                "{\"Healthcheck\":[]}",
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_json_ Json *json = parse(cases[i].text);
                _cleanup_(image_defaults_done) ImageDefaults defaults = {};
                size_t n;

                CHECK_INT(image_config_read(json, &defaults), 0);
                CHECK(defaults.health.interval == cases[i].interval);
                n = strv_length(defaults.health.command);
                CHECK_INT(n > 0, cases[i].first != NULL);
                if (n > 0) {
                        CHECK_STR(defaults.health.command[0], cases[i].first);
                        CHECK_STR(defaults.health.command[n - 1], cases[i].last);
                }
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_json_ Json *json = parse(bad[i]);
                _cleanup_(image_defaults_done) ImageDefaults defaults = {};

                CHECK_INT(image_config_read(json, &defaults), -EBADMSG);
        }
}

static void test_changes(void) {
        char *changes[] = {(char *)"CMD top -b",
                           (char *)"ENTRYPOINT [\"/bin/sh\", \"-c\"]",
                           (char *)"env A=1",
                           (char *)"ENV B=2",
                           (char *)"ENV A=3",
                           (char *)"WORKDIR /srv",
                           (char *)"USER nobody",
                           (char *)"LABEL key=a value",
                           (char *)"EXPOSE 80",
                           (char *)"STOPSIGNAL SIGQUIT",
                           NULL};
        static const char *const bad[] = {"RUN rm -r /",
                                          "CMD",
                                          "ENV A",
                                          "WORKDIR srv",
                                          "EXPOSE http",
                                          "LABEL =x",
                                          "ENTRYPOINT [1]",
                                          "STOPSIGNAL x",
                                          "HEALTHCHECK",
                                          "HEALTHCHECK CMD",
                                          "HEALTHCHECK true",
                                          "HEALTHCHECK CMD []",
                                          "HEALTHCHECK --interval=often CMD true",
                                          "HEALTHCHECK --retries=-1 CMD true",
                                          "HEALTHCHECK --every=1s CMD true",
                                          ""};
        _cleanup_json_ Json *config = parse("{}");
        ImageDefaults defaults = {};
        Error e = ERROR_INIT;

        CHECK_INT(image_config_change(config, changes, &e), 0);
        CHECK_INT(image_config_read(config, &defaults), 0);
        CHECK_INT(strv_length(defaults.command), 3);
        CHECK_STR(defaults.command[2], "top -b");
        CHECK_STR(defaults.entrypoint[1], "-c");
        CHECK_INT(strv_length(defaults.env), 2);
        CHECK_STR(defaults.env[0], "A=3");
        CHECK_STR(defaults.workdir, "/srv");
        CHECK_STR(defaults.user, "nobody");
        CHECK_INT(defaults.stop_signal, SIGQUIT);
        CHECK_STR(json_object_get_string(json_object_object_get(defaults.labels, "key")),
                  "a value");
        CHECK(json_object_object_get(json_object_object_get(config, "ExposedPorts"), "80/tcp"));
        image_defaults_done(&defaults);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                char *one[] = {(char *)bad[i], NULL};

                e = ERROR_INIT;
                CHECK_INT(image_config_change(config, one, &e), -EINVAL);
                CHECK_STR(e.stage, "argument");
        }
}

static void test_health_instruction(void) {
        static const struct {
                const char *text;
                const char *first, *last;
                uint64_t interval, start_interval;
                uint32_t retries;
        } cases[] = {
                {"HEALTHCHECK NONE", NULL, NULL, HEALTH_DURATION_UNSET, HEALTH_DURATION_UNSET, 0},
                {"healthcheck CMD test -e /a b", "/bin/sh", "test -e /a b", HEALTH_DURATION_UNSET,
                 HEALTH_DURATION_UNSET, 0},
                {"HEALTHCHECK --interval=1m30s  --start-interval=500ms --retries=7 CMD [\"a\", \"b c\"]",
                 "a", "b c", 90000000, 500000, 7},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char *changes[] = {(char *)cases[i].text, NULL};
                _cleanup_json_ Json *config = parse("{\"Healthcheck\":{\"Retries\":2}}");
                _cleanup_(image_defaults_done) ImageDefaults defaults = {};
                Error e = ERROR_INIT;
                size_t n;

                CHECK_INT(image_config_change(config, changes, &e), 0);
                CHECK_INT(image_config_read(config, &defaults), 0);
                CHECK(defaults.health.interval == cases[i].interval);
                CHECK(defaults.health.start_interval == cases[i].start_interval);
                CHECK_INT(defaults.health.retries, cases[i].retries);
                n = strv_length(defaults.health.command);
                CHECK_INT(n > 0, cases[i].first != NULL);
                if (n > 0) {
                        CHECK_STR(defaults.health.command[0], cases[i].first);
                        CHECK_STR(defaults.health.command[n - 1], cases[i].last);
                }
        }
}

int main(void) {
        test_signals();
        test_read();
        test_health_check();
        test_changes();
        test_health_instruction();
        return 0;
}

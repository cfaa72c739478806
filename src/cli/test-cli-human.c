/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/human.h"
#include "shared/test.h"

#define SECOND UINT64_C(1000000)
#define HOUR (3600 * SECOND)

#define CHECK_NEW(expression, expected)                                                            \
        do {                                                                                       \
                _cleanup_free_ char *_s = (expression);                                            \
                CHECK_STR(_s, expected);                                                           \
        } while (0)

static void test_durations(void) {
        CHECK_NEW(human_duration(1), "Less than a second");
        CHECK_NEW(human_duration(SECOND), "1 second");
        CHECK_NEW(human_duration(59 * SECOND), "59 seconds");
        CHECK_NEW(human_duration(60 * SECOND), "About a minute");
        CHECK_NEW(human_duration(120 * SECOND), "2 minutes");
        CHECK_NEW(human_duration(HOUR), "About an hour");
        CHECK_NEW(human_duration(47 * HOUR), "47 hours");
        CHECK_NEW(human_duration(72 * HOUR), "3 days");
        CHECK_NEW(human_duration(24 * 21 * HOUR), "3 weeks");
        CHECK_NEW(human_duration(24 * 90 * HOUR), "3 months");
        CHECK_NEW(human_duration(24 * 1000 * HOUR), "2 years");
        CHECK_NEW(human_ago(10 * SECOND, 5 * SECOND), "5 seconds ago");
        CHECK_NEW(human_ago(5 * SECOND, 10 * SECOND), "Less than a second ago");
}

static void test_sizes(void) {
        CHECK_NEW(human_size(0), "0B");
        CHECK_NEW(human_size(999), "999B");
        CHECK_NEW(human_size(1240000), "1.24MB");
        CHECK_NEW(human_size(77800000), "77.8MB");
        CHECK_NEW(human_binary_size(1536 * 1024), "1.5MiB");
        CHECK_NEW(human_binary_size(UINT64_C(2) << 30), "2GiB");
}

static void test_texts(void) {
        char *argv[] = {"sh", "-c", "echo a long text", NULL};
        char *umlauts[] = {"ääääääääääääääääääääü", NULL};
        char *control[] = {"a\nb\033c", NULL};

        CHECK_NEW(human_command(argv, 20), "\"sh -c echo a long t…\"");
        CHECK_NEW(human_command(argv, 0), "\"sh -c echo a long text\"");
        CHECK_NEW(human_command(umlauts, 20), "\"äääääääääääääääääää…\"");
        CHECK_NEW(human_command(control, 20), "\"a b c\"");
        CHECK_INT(human_width("ä…b"), 3);
        CHECK_NEW(human_rfc3339(1), "1970-01-01T00:00:00.000001000Z");
        CHECK_NEW(human_rfc3339(0), "0001-01-01T00:00:00Z");
}

static uint64_t at(const char *s) {
        uint64_t us = 0;

        return parse_time(s, 100 * HOUR, &us) < 0 ? UINT64_MAX : us;
}

static void test_parse(void) {
        CHECK_INT(at("1h30m"), 100 * HOUR - HOUR - HOUR / 2);
        CHECK_INT(at("500ms"), 100 * HOUR - SECOND / 2);
        CHECK_INT(at("10"), 10 * SECOND);
        CHECK_INT(at("10.5"), 10 * SECOND + SECOND / 2);
        CHECK_INT(at("1970-01-02T00:00:00Z"), 24 * HOUR);
        CHECK_INT(at("1970-01-02T02:00:00.25+02:00"), 24 * HOUR + SECOND / 4);
        CHECK_INT(at("1970-01-02T00:00:00.1Z"), 24 * HOUR + SECOND / 10);
        CHECK_INT(at("1970-01-02T00:00:00.000001999Z"), 24 * HOUR + 1);
        CHECK(at("1970-01-05") != UINT64_MAX);
        CHECK(at("yesterday") == UINT64_MAX);
        CHECK(at("5x") == UINT64_MAX);
        CHECK(at("-5m") == UINT64_MAX);
        CHECK(at("") == UINT64_MAX);
}

int main(void) {
        test_durations();
        test_sizes();
        test_texts();
        test_parse();
        return 0;
}

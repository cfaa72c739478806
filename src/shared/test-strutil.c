/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shared/strutil.h"
#include "shared/test.h"

static void test_sizes(void) {
        static const struct {
                const char *text;
                uint64_t value;
        } good[] = {
                {"0", 0},
                {"1", 1},
                {"17b", 17},
                {"4k", 4096},
                {"4K", 4096},
                {"4kb", 4096},
                {"4KiB", 4096},
                {"100m", 104857600},
                {"1.5g", 1610612736},
                {"2T", 2199023255552},
                {"18446744073709551615", UINT64_MAX},
        };
        static const char *const bad[] = {"",       "m",  "-1", "1x",  "1.",   ".5",   "1..5k",
                                          "1.5.2g", " 1", "1 ", "1bb", "1kbb", "0x10", "1e3"};
        uint64_t value;

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                CHECK_INT(parse_size(good[i].text, &value), 0);
                CHECK(value == good[i].value);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK_INT(parse_size(bad[i], &value), -EINVAL);
        CHECK_INT(parse_size("18446744073709551616", &value), -ERANGE);
        CHECK_INT(parse_size("16777216t", &value), -ERANGE);
        CHECK_INT(parse_size("9999999.5t", &value), -ERANGE);
}

static void test_numbers(void) {
        uint64_t value;
        uint32_t small;

        CHECK_INT(parse_u64("18446744073709551615", &value), 0);
        CHECK_INT(parse_u64("18446744073709551616", &value), -ERANGE);
        CHECK_INT(parse_u64("+1", &value), -EINVAL);
        CHECK_INT(parse_u64("", &value), -EINVAL);
        CHECK_INT(parse_u32("4294967295", &small), 0);
        CHECK_INT(small, 4294967295);
        CHECK_INT(parse_u32("4294967296", &small), -ERANGE);
}

static void test_names(void) {
        char longest[130];

        memset(longest, 'a', sizeof(longest));
        longest[129] = '\0';
        CHECK(!container_name_is_valid(longest));
        longest[128] = '\0';
        CHECK(container_name_is_valid(longest));
        CHECK(container_name_is_valid("web-1.test_x"));
        CHECK(container_name_is_valid("0"));
        CHECK(!container_name_is_valid(""));
        CHECK(!container_name_is_valid("-web"));
        CHECK(!container_name_is_valid(".."));
        CHECK(!container_name_is_valid("a/b"));
        CHECK(!container_name_is_valid("a b"));
        CHECK(!container_name_is_valid("caf\xc3\xa9"));

        CHECK(hostname_is_valid("a"));
        CHECK(hostname_is_valid("web.example-1.org"));
        CHECK(!hostname_is_valid(""));
        CHECK(!hostname_is_valid("-a"));
        CHECK(!hostname_is_valid("a-"));
        CHECK(!hostname_is_valid("a..b"));
        CHECK(!hostname_is_valid("a.-b"));
        CHECK(!hostname_is_valid(".a"));
        CHECK(!hostname_is_valid("a_b"));
}

static void test_ids(void) {
        char one[ID_LENGTH + 1], other[ID_LENGTH + 1];

        CHECK_INT(id_make(one), 0);
        CHECK_INT(id_make(other), 0);
        CHECK(id_is_valid(one));
        CHECK(!streq(one, other));
        one[0] = 'A';
        CHECK(!id_is_valid(one));
        CHECK(!id_is_valid("0123"));
        CHECK(id_prefix_is_valid("0123"));
        CHECK(!id_prefix_is_valid(""));
        CHECK(!id_prefix_is_valid("xyz"));
}

static void test_references(void) {
        static const struct {
                const char *text, *normal;
        } good[] = {
                {"busybox", "busybox:latest"},
                {"busybox:1.36", "busybox:1.36"},
                {"team/web_app:v1-RC.2", "team/web_app:v1-RC.2"},
                {"registry.example.org:5000/a/b", "registry.example.org:5000/a/b:latest"},
                {"127.0.0.1:5000/a:b", "127.0.0.1:5000/a:b"},
                {"a--b__c.d_e", "a--b__c.d_e:latest"},
                {"docker.io/library/busybox", "busybox:latest"},
                {"docker.io/team/app:1", "team/app:1"},
                {"docker.io/app", "app:latest"},
                {"library/busybox:1", "busybox:1"},
                {"docker.io/library/a/b", "library/a/b:latest"},
                {"library/a/b", "library/a/b:latest"},
                {"docker.io/docker.io/a", "docker.io/docker.io/a:latest"},
                {"docker.io/localhost/a", "docker.io/localhost/a:latest"},
                {"docker.io", "docker.io:latest"},
        };
        static const char *const bad[] = {
                "",   ":",   "a:",        ":a",   "A",    "a//b",        "/a",     "a/",
                "-a", "a b", "a:b:c",     "a:-b", "a..b", "a___b",       "a._b",   "a-_b",
                "_a", "a_",  "a:b/c:d:e", "../a", "a/..", "host:port/a", "host:/a"};
        char too_long[300];

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                _cleanup_free_ char *normal = NULL;

                CHECK_INT(image_reference_normalize(good[i].text, &normal), 0);
                CHECK_STR(normal, good[i].normal);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                char *normal;

                if (image_reference_normalize(bad[i], &normal) != -EINVAL) {
                        fprintf(stderr, "accepted: %s\n", bad[i]);
                        exit(1);
                }
        }
        memset(too_long, 'a', sizeof(too_long));
        too_long[299] = '\0';
        CHECK_INT(image_reference_normalize(too_long, &(char *){NULL}), -EINVAL);
}

static void test_paths(void) {
        static const struct {
                const char *text, *normal;
        } good[] = {
                {"/", "/"},         {"//", "/"},    {"/a//b/", "/a/b"}, {"/a/./b/../c", "/a/c"},
                {"/../../a", "/a"}, {"/a/..", "/"}, {"/...", "/..."},
        };

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                _cleanup_free_ char *normal = NULL;

                CHECK_INT(path_normalize(good[i].text, &normal), 0);
                CHECK_STR(normal, good[i].normal);
                CHECK(path_is_normalized(good[i].normal));
                CHECK(streq(good[i].text, good[i].normal) == path_is_normalized(good[i].text));
        }
        CHECK(!path_is_normalized("a"));
        CHECK(!path_is_normalized(""));
}

static void test_lists(void) {
        _cleanup_strv_free_ char **v = strv_split("a,,b", ','), **copy = NULL;

        CHECK_INT(strv_length(v), 3);
        CHECK_STR(v[1], "");
        CHECK_INT(strv_extend(&v, "c"), 0);
        copy = strv_copy(v);
        CHECK_INT(strv_length(copy), 4);
        CHECK(strv_contains(copy, "c"));
        CHECK(!strv_contains(copy, "d"));
        CHECK_INT(strv_length(NULL), 0);
}

static void test_utf8(void) {
        CHECK(utf8_is_valid("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"));
        CHECK(!utf8_is_valid("\xc3"));
        CHECK(!utf8_is_valid("\xc0\xaf"));
        CHECK(!utf8_is_valid("\xe0\x80\xaf"));
        CHECK(!utf8_is_valid("\xed\xa0\x80"));
        CHECK(!utf8_is_valid("\xf4\x90\x80\x80"));
        CHECK(!utf8_is_valid("\x80"));
        CHECK(!utf8_is_valid("\xef\xbf\xbe"));     /* U+FFFE */
        CHECK(!utf8_is_valid("\xef\xb7\x90"));     /* U+FDD0 */
        CHECK(!utf8_is_valid("\xf4\x8f\xbf\xbf")); /* U+10FFFF */
        CHECK(utf8_is_valid("\xef\xbf\xbd \xef\xb7\x8f"));
}

static void test_sanitize(void) {
        char valid[] = "caf\xc3\xa9", control[] = "a\n\x1b[2J\x7f", bytes[] = "\xff\xfe-\xc3\xa9";
        char cut[] = "caf\xc3", cut_in_three[] = "\xe2\x82";

        text_sanitize(valid);
        CHECK_STR(valid, "caf\xc3\xa9");
        text_sanitize(control);
        CHECK_STR(control, "a?\?[2J?");
        text_sanitize(bytes);
        CHECK_STR(bytes, "?\?-\xc3\xa9");
        text_sanitize(cut);
        CHECK_STR(cut, "caf?");
        text_sanitize(cut_in_three);
        CHECK_STR(cut_in_three, "?\?");
}

int main(void) {
        test_sizes();
        test_numbers();
        test_names();
        test_ids();
        test_references();
        test_paths();
        test_lists();
        test_utf8();
        test_sanitize();
        return 0;
}

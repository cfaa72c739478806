/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shared/json.h"
#include "shared/strutil.h"
#include "shared/test.h"

static void test_parse(void) {
        static const char *const bad[] = {
                "",
                "{",
                "{}x",
                "{\"a\":1,}",
                "\"\xff\"",
                "{} {}",
                /* what no D-Bus string can hold, at any depth */
                "\"\\ufffe\"",
                "\"\xed\xa0\x80\"",
                "{\"a\":[1,\"\\uffff\"]}",
                "{\"\xef\xb7\x90\":null}",
        };
        char deep[100];
        Json *json = NULL;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK_INT(json_parse(bad[i], strlen(bad[i]), &json), -EBADMSG);
        memset(deep, '[', sizeof(deep));
        CHECK_INT(json_parse(deep, sizeof(deep), &json), -EBADMSG);
        CHECK_INT(json_parse(" {} \n", 5, &json), 0);
        json_object_put(json);
}

static void test_members(void) {
        static const char text[] =
                "{\"s\":\"x\",\"nul\":\"a\\u0000b\",\"n\":7,\"neg\":-1,\"big\":18446744073709551615,"
                "\"d\":1.5,\"b\":true,\"v\":[\"a\",\"b\"],\"mixed\":[\"a\",1],\"o\":{},\"z\":null}";
        _cleanup_json_ Json *json = NULL;
        _cleanup_free_ char *s = NULL;
        _cleanup_strv_free_ char **v = NULL;
        uint64_t u = 42;
        uint32_t small;
        double d;
        bool b;
        int i;
        Json *o;

        CHECK_INT(json_parse(text, strlen(text), &json), 0);
        CHECK_INT(json_get_string(json, "s", &s), 1);
        CHECK_STR(s, "x");
        CHECK_INT(json_get_string(json, "n", &s), -EBADMSG);
        CHECK_INT(json_get_string(json, "nul", &s), -EBADMSG);
        CHECK_INT(json_get_u64(json, "absent", &u), 0);
        CHECK_INT(json_get_u64(json, "z", &u), 0);
        CHECK_INT(u, 42);
        CHECK_INT(json_get_u64(json, "neg", &u), -EBADMSG);
        CHECK_INT(json_get_int(json, "neg", &i), 1);
        CHECK_INT(i, -1);
        CHECK_INT(json_get_u64(json, "big", &u), 1);
        CHECK(u == UINT64_MAX);
        CHECK_INT(json_get_u32(json, "big", &small), -EBADMSG);
        CHECK_INT(json_get_int(json, "big", &i), -EBADMSG);
        CHECK_INT(json_get_double(json, "d", &d), 1);
        CHECK(d == 1.5);
        CHECK_INT(json_get_double(json, "n", &d), 1);
        CHECK(d == 7);
        CHECK_INT(json_get_bool(json, "b", &b), 1);
        CHECK(b);
        CHECK_INT(json_get_strv(json, "v", &v), 1);
        CHECK_INT(strv_length(v), 2);
        CHECK_INT(json_get_strv(json, "mixed", &v), -EBADMSG);
        CHECK_INT(strv_length(v), 2);
        CHECK_INT(json_get_object(json, "o", &o), 1);
        CHECK_INT(json_get_array(json, "o", &o), -EBADMSG);
}

int main(void) {
        test_parse();
        test_members();
        return 0;
}

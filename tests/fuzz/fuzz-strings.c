/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fuzzes the small languages that callers speak: sizes, names, references, paths, sets of processors. What is
 * accepted has the property that the rest of the program relies on. */

#include <stdint.h>

#include "protocol/spec.h"
#include "shared/strutil.h"
#include "shared/test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_reference(const char *s) {
        _cleanup_free_ char *normal = NULL, *again = NULL;

        if (image_reference_normalize(s, &normal) < 0)
                return;
        CHECK(strlen(normal) <= 255);
        CHECK(strchr(normal, ':'));
        CHECK(!strstr(normal, "..") || strstr(normal, "..") > strrchr(normal, ':'));
        CHECK_INT(image_reference_normalize(normal, &again), 0);
        CHECK_STR(again, normal);
}

static void fuzz_path(const char *s) {
        _cleanup_free_ char *normal = NULL;

        if (path_normalize(s, &normal) < 0)
                return;
        CHECK(normal[0] == '/');
        CHECK(path_is_normalized(normal));
        CHECK(!strstr(normal, "/../"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *s = strndup((const char *)data, size);
        uint64_t value;

        CHECK(s);
        (void)parse_size(s, &value);
        (void)parse_u64(s, &value);
        if (container_name_is_valid(s))
                CHECK(!strchr(s, '/') && s[0] != '.' && utf8_is_valid(s));
        if (hostname_is_valid(s))
                CHECK(strlen(s) <= 64 && !strchr(s, '/'));
        if (id_is_valid(s))
                CHECK(id_prefix_is_valid(s) && strlen(s) == ID_LENGTH);
        if (cpuset_is_valid(s))
                CHECK(strspn(s, "0123456789,-") == strlen(s));
        (void)utf8_is_valid(s);
        fuzz_reference(s);
        fuzz_path(s);
        return 0;
}

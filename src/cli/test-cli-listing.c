/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "cli/listing.h"
#include "shared/test.h"

static const Field fields[] = {{"ID", "CONTAINER ID"}, {"Names", "NAMES"}, {"State", "STATE"}};

static int show(const char *format, char **ret) {
        _cleanup_listing_ Listing l = {};
        _cleanup_free_ char *message = NULL;
        size_t size;
        FILE *out;
        int r = listing_init(&l, fields, ELEMENTSOF(fields), format, "{{.ID}}\t{{.Names}}",
                             &message);

        if (r < 0) {
                *ret = TAKE_PTR(message);
                return r;
        }
        CHECK_INT(listing_add(&l,
                              (char *[]){strdup("0123456789ab"), strdup("ä\"b"), strdup("exited")}),
                  0);
        CHECK_INT(listing_add(&l, (char *[]){strdup("1"), strdup("web"), strdup("running")}), 0);
        CHECK_INT(listing_add(&l, (char *[]){strdup("1"), NULL, strdup("running")}), -ENOMEM);
        out = open_memstream(ret, &size);
        CHECK(out);
        CHECK_INT(listing_print(&l, out, true), 0);
        fclose(out);
        return 0;
}

#define CHECK_SHOWN(format, expected)                                                              \
        do {                                                                                       \
                _cleanup_free_ char *_s = NULL;                                                    \
                CHECK_INT(show(format, &_s), 0);                                                   \
                CHECK_STR(_s, expected);                                                           \
        } while (0)

#define CHECK_REFUSED(format, part)                                                                \
        do {                                                                                       \
                _cleanup_free_ char *_s = NULL;                                                    \
                CHECK_INT(show(format, &_s), -EINVAL);                                             \
                CHECK(strstr(_s, part));                                                           \
        } while (0)

int main(void) {
        CHECK_SHOWN(NULL, "CONTAINER ID   NAMES\n0123456789ab   ä\"b\n1              web\n");
        CHECK_SHOWN("table {{.Names}}\\t{{.State}}\\t{{.ID}}",
                    "NAMES     STATE     CONTAINER ID\nä\"b       exited    0123456789ab\n"
                    "web       running   1\n");
        CHECK_SHOWN("{{.ID}}:{{ .Names }}", "0123456789ab:ä\"b\n1:web\n");
        CHECK_SHOWN("json", "{\"ID\":\"0123456789ab\",\"Names\":\"ä\\\"b\",\"State\":\"exited\"}\n"
                            "{\"ID\":\"1\",\"Names\":\"web\",\"State\":\"running\"}\n");
        CHECK_SHOWN("{{json .Names}}\\n", "\"ä\\\"b\"\n\n\"web\"\n\n");
        CHECK_REFUSED("{{.Nothing}}", "\"Nothing\"");
        CHECK_REFUSED("table {{.Nothing}}", "\"Nothing\"");
        CHECK_REFUSED("{{range .ID}}", "range .ID");
        CHECK_REFUSED("{{upper .ID}}", "upper");
        CHECK_REFUSED("{{.ID | json}}", "|");
        CHECK_REFUSED("{{.ID", "{{.ID");
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "cli/detach.h"
#include "shared/test.h"

static DetachKeys keys;
static char out[64 + DETACH_KEYS_MAX];

static const char *feed(const char *in) {
        size_t n;
        bool detached = detach_keys_feed(&keys, in, strlen(in), out, &n);

        CHECK(n <= strlen(in) + DETACH_KEYS_MAX);
        out[n] = '\0';
        return detached ? "detached" : out;
}

static void test_parse(void) {
        CHECK_INT(detach_keys_parse("ctrl-x,a,ctrl-@", &keys), 0);
        CHECK_INT(keys.size, 3);
        CHECK_INT(keys.sequence[0], 24);
        CHECK_INT(keys.sequence[1], 'a');
        CHECK_INT(keys.sequence[2], 0);
        CHECK_INT(detach_keys_parse("ctrl-", &keys), -EINVAL);
        CHECK_INT(detach_keys_parse("ctrl-1", &keys), -EINVAL);
        CHECK_INT(detach_keys_parse("ab", &keys), -EINVAL);
        CHECK_INT(detach_keys_parse("a,", &keys), -EINVAL);
        CHECK_INT(detach_keys_parse("a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", &keys), -EINVAL);
}

static void test_default(void) {
        CHECK_INT(detach_keys_parse(DETACH_KEYS_DEFAULT, &keys), 0);
        CHECK_STR(feed("abc"), "abc");
        CHECK_STR(feed("a\020\021b"), "detached");
        CHECK_STR(feed("a\020"), "a");
        CHECK_STR(feed("\021"), "detached");
        CHECK_STR(feed("\020"), "");
        CHECK_STR(feed("x"), "\020x");
        CHECK_STR(feed("\020\020"), "\020");
        CHECK_STR(feed("\021"), "detached");
        CHECK_STR(feed("\020"), "");
        CHECK_INT(detach_keys_flush(&keys, out), 1);
        CHECK_INT(out[0], 020);
        CHECK_STR(feed("\021"), "\021");
}

static void test_overlap(void) {
        CHECK_INT(detach_keys_parse("a,a,b", &keys), 0);
        CHECK_STR(feed("aaa"), "a");
        CHECK_STR(feed("b"), "detached");
        CHECK_STR(feed("aac"), "aac");
        CHECK_STR(feed("ac"), "ac");
        CHECK_INT(detach_keys_parse("", &keys), 0);
        CHECK_STR(feed("\020\021"), "\020\021");
}

int main(void) {
        test_parse();
        test_default();
        test_overlap();
        return 0;
}

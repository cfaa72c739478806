/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/detach.h"

#include <string.h>

#include "shared/strutil.h"

static int parse_key(const char *s, size_t size, char *ret) {
        if (size == 1) {
                *ret = s[0];
                return 0;
        }
        if (size != strlen("ctrl-x") || memcmp(s, "ctrl-", 5) != 0)
                return -EINVAL;
        if (s[5] >= 'a' && s[5] <= 'z')
                *ret = (char)(s[5] - 'a' + 1);
        else if (s[5] && strchr("@[\\]^_", s[5]))
                *ret = (char)(s[5] & 0x1f);
        else
                return -EINVAL;
        return 0;
}

int detach_keys_parse(const char *s, DetachKeys *ret) {
        DetachKeys keys = {};

        while (*s) {
                size_t n = strcspn(s, ",");

                if (keys.size == DETACH_KEYS_MAX || parse_key(s, n, &keys.sequence[keys.size]) < 0)
                        return -EINVAL;
                keys.size++;
                s += n;
                if (*s && !*++s) /* a comma at the end */
                        return -EINVAL;
        }
        *ret = keys;
        return 0;
}

size_t detach_keys_flush(DetachKeys *keys, char *out) {
        size_t n = keys->matched;

        memcpy(out, keys->sequence, n);
        keys->matched = 0;
        return n;
}

/* The longest beginning of the sequence that the characters matched so far, without their first, and `next` end
 * with: the rest is not part of a match any more. Return: its length. */
static size_t longest_match(const DetachKeys *keys, char next) {
        char typed[DETACH_KEYS_MAX + 1];
        size_t n = keys->matched;

        memcpy(typed, keys->sequence, n);
        typed[n++] = next;
        for (size_t skip = 1; skip < n; skip++)
                if (memcmp(typed + skip, keys->sequence, n - skip) == 0)
                        return n - skip;
        return 0;
}

bool detach_keys_feed(DetachKeys *keys, const char *in, size_t size, char *out, size_t *ret_size) {
        size_t n = 0;

        for (size_t i = 0; i < size; i++) {
                size_t kept;

                if (keys->matched < keys->size && in[i] == keys->sequence[keys->matched]) {
                        if (++keys->matched == keys->size) {
                                keys->matched = 0;
                                *ret_size = n;
                                return true;
                        }
                        continue;
                }
                kept = longest_match(keys, in[i]);
                memcpy(out + n, keys->sequence, keys->matched);
                n += keys->matched;
                out[n++] = in[i];
                n -= kept;
                keys->matched = kept;
        }
        *ret_size = n;
        return false;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The keys that leave a terminal without ending what runs in it: finding their sequence in what is typed. */

#include <stdbool.h>
#include <stddef.h>

#define DETACH_KEYS_DEFAULT "ctrl-p,ctrl-q"
#define DETACH_KEYS_MAX 16

typedef struct DetachKeys {
        char sequence[DETACH_KEYS_MAX];
        size_t size;
        size_t matched; /* characters of the sequence that were typed and are held back */
} DetachKeys;

/* Parses "ctrl-p,ctrl-q": characters, or ctrl- with one of a-z @ [ \ ] ^ _, separated by commas. An empty text is an
 * empty sequence, which never matches. Return: 0 or -EINVAL. */
int detach_keys_parse(const char *s, DetachKeys *ret);

/* Takes typed characters. What is to be passed on goes to `out`, which has room for `size` + DETACH_KEYS_MAX.
 * Return: whether the sequence is complete; what was typed after it is dropped. */
bool detach_keys_feed(DetachKeys *keys, const char *in, size_t size, char *out, size_t *ret_size);

/* Gives up waiting for the rest of a sequence. Return: number of characters for `out`, at most
 * DETACH_KEYS_MAX. */
size_t detach_keys_flush(DetachKeys *keys, char *out);

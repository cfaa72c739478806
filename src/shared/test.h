/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Assertions for unit tests: always on, and they say what was compared. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
        do {                                                                                       \
                if (!(condition)) {                                                                \
                        fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);  \
                        exit(1);                                                                   \
                }                                                                                  \
        } while (0)

#define CHECK_INT(actual, expected)                                                                \
        do {                                                                                       \
                long long _a = (actual), _e = (expected);                                          \
                if (_a != _e) {                                                                    \
                        fprintf(stderr, "%s:%d: %s is %lld, expected %lld\n", __FILE__, __LINE__,  \
                                #actual, _a, _e);                                                  \
                        exit(1);                                                                   \
                }                                                                                  \
        } while (0)

#define CHECK_STR(actual, expected)                                                                \
        do {                                                                                       \
                const char *_a = (actual), *_e = (expected);                                       \
                if (!_a || strcmp(_a, _e) != 0) {                                                  \
                        fprintf(stderr, "%s:%d: %s is \"%s\", expected \"%s\"\n", __FILE__,        \
                                __LINE__, #actual, _a ? _a : "(null)", _e);                        \
                        exit(1);                                                                   \
                }                                                                                  \
        } while (0)

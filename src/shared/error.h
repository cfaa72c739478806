/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What failed, on what, and why: the one error object, carried from a system call in the supervisor
 * or the worker to the caller's terminal.
 *
 * Contract of every fallible function of the project: it returns 0 (or a positive result), or a
 * negative errno. A function that can fail in more than one way a person would want to tell apart
 * also takes an `Error *`, sets it exactly once on failure, and returns -error->number. */

#include "shared/cleanup.h"

typedef struct Error {
        /* errno, positive; 0 means no error is set */
        int number;
        /* the step that failed, one word: "overlay", "cgroup", "exec", "archive", … */
        char stage[32];
        /* what was tried on what, without the errno's own text; sanitized */
        char text[472];
} Error;

#define ERROR_INIT ((Error){})

/* Returns from the calling function with the expression's value when that is negative. Only where
 * nothing is to be undone. */
#define TRY(expression)                                                                            \
        do {                                                                                       \
                int _r = (expression);                                                             \
                if (_r < 0)                                                                        \
                        return _r;                                                                 \
        } while (0)

/* Sets the error. `number` may be given with either sign. The formatted text is sanitized, since parts of it
 * come from archives and callers, and cut off if it is too long. `e` may be NULL.
 * Return: -number. */
int error_set(Error *e, int number, const char *stage, const char *format, ...) _printf_(4, 5);

/* Sets "out of memory". Return: -ENOMEM. */
int error_oom(Error *e);

/* Formats the error for people: "TEXT: STRERROR" or, without a text, "STAGE: STRERROR".
 * Return: `buffer`. */
const char *error_format(const Error *e, char *buffer, size_t size);

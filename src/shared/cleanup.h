/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Scope-bound release and explicit hand-over: what a function acquires is released on every way out
 * unless it is taken with TAKE_PTR() or TAKE_FD(). */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_ __attribute__((unused))

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))
/* Each argument is evaluated once: it may be a call. */
#define MIN(a, b)                                                                                  \
        ({                                                                                         \
                __typeof__(a) _min_a = (a);                                                        \
                __typeof__(b) _min_b = (b);                                                        \
                _min_a < _min_b ? _min_a : _min_b;                                                 \
        })
#define MAX(a, b)                                                                                  \
        ({                                                                                         \
                __typeof__(a) _max_a = (a);                                                        \
                __typeof__(b) _max_b = (b);                                                        \
                _max_a > _max_b ? _max_a : _max_b;                                                 \
        })

/* The pointer, which the caller now owns; the variable is left NULL. */
#define TAKE_PTR(p)                                                                                \
        ({                                                                                         \
                __typeof__(p) *_pp = &(p);                                                         \
                __typeof__(p) _p = *_pp;                                                           \
                *_pp = NULL;                                                                       \
                _p;                                                                                \
        })

/* The descriptor, which the caller now owns; the variable is left -EBADF. */
#define TAKE_FD(fd)                                                                                \
        ({                                                                                         \
                int *_fdp = &(fd);                                                                 \
                int _fd = *_fdp;                                                                   \
                *_fdp = -EBADF;                                                                    \
                _fd;                                                                               \
        })

/* Defines a cleanup function `func##p` for a type whose release function accepts NULL. */
#define DEFINE_CLEANUP(type, func)                                                                 \
        _unused_ static inline void func##p(type *p) {                                             \
                if (*p)                                                                            \
                        func(*p);                                                                  \
        }

static inline void freep(void *p) {
        free(*(void **)p);
}

/* Closes fd when it is valid; errno is kept. Return: -EBADF, to be assigned to the variable. */
static inline int safe_close(int fd) {
        if (fd >= 0) {
                int saved = errno;
                close(fd);
                errno = saved;
        }
        return -EBADF;
}

static inline void closep(int *fd) {
        safe_close(*fd);
}

DEFINE_CLEANUP(FILE *, fclose)
DEFINE_CLEANUP(DIR *, closedir)

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)
#define _cleanup_closedir_ _cleanup_(closedirp)

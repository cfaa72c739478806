/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Resource limits of a process, NAME=SOFT[:HARD] as in "nofile=1024:4096". */

#include <sys/resource.h>

typedef struct Ulimit {
        int resource; /* RLIMIT_… */
        struct rlimit limit;
} Ulimit;

/* Names are those of setrlimit(2) without RLIMIT_, in lower case; a number may be -1 or "unlimited".
 * Return: 0, -ENOMEM, or -EINVAL, also when SOFT is above HARD. */
int ulimit_parse(const char *s, Ulimit *ret);

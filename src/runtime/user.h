/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Whom a process runs as: "USER[:GROUP]", names or numbers, looked up in the container's own
 * /etc/passwd and /etc/group. Those files are hostile: they are read as text only, never with the
 * host's name service. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "shared/error.h"

typedef struct User {
        uid_t uid;
        gid_t gid;
        /* Never empty: the first one is `gid`. */
        gid_t *groups;
        size_t n_groups;
        /* Absolute path; never NULL. */
        char *home;
} User;

void user_done(User *user);

/* Looks up `spec` (NULL is "0") in the directory `root`, which is where absolute links and ".."
 * end. Only digits make a number. A number that is in no file is valid, with group 0. Without GROUP
 * the user gets its own group and all that /etc/group gives it, with GROUP that one alone. Error
 * stage: "user". Return: 0; EINVAL when `spec` is malformed, ENOENT when a name is not found, or
 * another negative errno. *ret is to be released with user_done() after success. */
int user_lookup(int root, const char *spec, User *ret, Error *e);

/* Whether a string has the form USER[:GROUP]. */
bool user_spec_is_valid(const char *spec);

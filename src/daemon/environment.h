/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Environments: lists of KEY=VALUE, each key once. */

#include <stdbool.h>

/* "KEY=VALUE" with a key that is not empty. */
bool env_is_valid(const char *assignment);

/* Adds a copy, in the place of an earlier assignment to the same key. Return: 0 or -ENOMEM. */
int env_set(char ***env, const char *assignment);

/* Adds all. Return: 0 or -ENOMEM. */
int env_merge(char ***env, char *const *assignments);

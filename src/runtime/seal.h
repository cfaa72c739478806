/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Programs in memory that nobody can change any more. */

/* An empty executable file in memory, with CLOEXEC. Return: a descriptor or a negative errno. */
int seal_open(const char *name);

/* Makes it unchangeable. Return: 0 or a negative errno. */
int seal(int fd);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Values that a program may not have thought of, of any D-Bus type, for the fuzzer of the whole service. */

#include "harness.h"

/* `seed` decides about everything. `interfaces` is the directory of the XML, whose text names the options. */
void hostile_init(guint32 seed, const char *interfaces);
void hostile_done(void);

guint hostile_index(guint n);
/* Once in `n` times. */
bool hostile_chance(guint n);

/* Objects whose paths and names are used as arguments. */
void hostile_set_paths(GPtrArray *paths);

/* Arguments for this signature, now and then for another one. Descriptors go to `fds`, some handles point to none.
 * Return: a floating tuple. */
GVariant *hostile_arguments(const char *signature, GUnixFDList *fds);

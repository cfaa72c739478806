/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Volumes as they are written on the command line: SOURCE:TARGET[:OPTIONS]. */

#include "shared/cleanup.h"

typedef struct VolumeArgument {
        char *source; /* absolute, unless kept as written */
        char *target;
        char *options; /* "ro", …, or "" */
} VolumeArgument;

void volume_argument_done(VolumeArgument *volume);

/* Takes a volume apart. A source that is not absolute, but has a slash, is below `directory`; with NULL
 * it is refused.
 * Return: 0; -EINVAL with a message in *message; or -ENOMEM. */
int volume_argument_parse(const char *s, const char *directory, VolumeArgument *ret,
                          char **message);

/* Opens a volume's source as the caller, who makes it first if it is missing.
 * Return: a descriptor of a directory, or a negative errno. */
int volume_open(const char *source);

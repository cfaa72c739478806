/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "worker/manifest.h"

/* Reads the image's configuration, the member `name`, into a manifest whose layers are known. With
 * `digest` (64 digits) its contents are checked.
 * Return: 0 or a negative errno. */
int manifest_read_config(Manifest *manifest, const Members *members, const char *name,
                         const char *digest, Error *e);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "worker/manifest.h"

/* Those of all images go to the daemon in one message. */
#define CONFIG_SIZE_MAX (256 * 1024)

/* Reads the image's configuration, the member `name`, into a manifest whose layers are known. With
 * `digest` (64 digits) its contents are checked.
 * Return: 0 or a negative errno. */
int manifest_read_config(Manifest *manifest, const Members *members, const char *name,
                         const char *digest, Error *e);

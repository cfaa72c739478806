/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How images come into the store, whoever made them: their layers lie in a staging directory (or are a
 * container's upper directory), the intent says what shall become of them, and all of it is made to
 * last before anybody is told. */

#include "daemon/image.h"

/* Called with NULL when the images are there; `paths` are their objects, in order. Otherwise nothing is left. */
typedef void (*StoredCallback)(const Error *error, char *const *paths, void *userdata);

/* Carries out the intent, which it takes over: writes it, waits for the disk, applies it, waits again,
 * announces the images. With `replace` false a name that another image has by now is an error. `sealed`, if not NULL,
 * is a container whose upper directory becomes the layer `layer` first.
 * `callback` is called exactly once, maybe at once. */
void image_store(Manager *m, Intent *intent, bool replace, Container *sealed, const char *layer,
                 StoredCallback callback, void *userdata);

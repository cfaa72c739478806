/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How many bytes containers have in their upper directories, counted by workers. */

#include "daemon/worker-client.h"

typedef struct Sizes Sizes;

/* Counts for the containers with these ids, borrowed until then; one that is gone has 0. `callback` gets the sizes in the
 * same order, or what failed; from the event loop. *ret is valid until then.
 * Return: 0 or a negative errno with *e set, and the callback is not called. */
int sizes_count(Manager *m, uid_t uid, char *const *ids,
                void (*callback)(const Error *error, const uint64_t *sizes, void *userdata),
                void *userdata, Sizes **ret, Error *e);

/* The callback will say that it was canceled. */
void sizes_cancel(Sizes *sizes);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a worker has found in an archive becomes an intent: to make the images that are not there yet, of its
 * layers and those that other images have already. */

#include "daemon/image.h"

typedef struct Found {
        Manager *manager;
        uid_t uid;
        /* Asked for; borrowed. NULL: nothing. */
        const char *name;
        const char *message;
        char *const *changes;
        /* The intent's id is given. */
        Intent intent;
        char **shared; /* layers of other images that these have too; each was used (layers_use()) once */
        char **parts; /* of the staging directory, which become layers: number, id, … */
} Found;

void found_done(Found *found);

/* Fills in the intent from the outcome of WORK_IMPORT. Return: 0 or a negative errno. */
int found_read(Found *found, Json *result, Error *e);

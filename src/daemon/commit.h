/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Making an image of a container. One that does not run is sealed: its upper directory becomes the layer,
 * whatever its size. The upper directory of one that runs is copied, while it is frozen. What lies in its
 * volumes is copied into a further layer. Where the image would have more than LAYERS_MAX layers it gets a single one
 * with all that can be seen of them. */

#include "daemon/container.h"
#include "daemon/job.h"

typedef struct CommitOptions {
        char *name; /* in its normal form */
        char *message, *author;
        char **changes;
        bool pause;
        bool include_volumes;
        bool replace;
} CommitOptions;

void commit_options_done(CommitOptions *options);

/* Begins a commit of a container that is not busy. Takes the options over.
 * Return: the job, or NULL with *e set. */
Job *commit_begin(Container *c, uid_t uid, CommitOptions *options, Error *e);

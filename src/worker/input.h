/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The bytes of an archive as they come from a descriptor, of whatever kind it is. */

#include <stdbool.h>

#include "worker/job.h"
#include "worker/source.h"

typedef struct Input {
        int fd;
        off_t start; /* of the archive in a regular file; -1: it can only be read once, in order */
        uint64_t size; /* of all that is to come; 0: not known */
        /* Asked for also while another thread reads. */
        _Atomic uint64_t consumed;
        /* For progress, of which this input is the part `before` to `before + share` of 1. NULL:
         * none. */
        Job *job;
        double before, share;
        /* All bytes read so far, while they are kept to be read again. */
        bool keep;
        unsigned char *kept;
        size_t n_kept, allocated_kept;
        unsigned char *buffer;
} Input;

/* Borrows `fd`, which is read from its current offset on; that of a regular file stays where it is.
 * Error stage: "read". Return: 0 or a negative errno. */
int input_init(Input *input, Job *job, int fd, Error *e);
/* The same for a regular file, from `start` on, without progress. */
int input_init_at(Input *input, int fd, off_t start, Error *e);
void input_done(Input *input);

Source input_source(Input *input);

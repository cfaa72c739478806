/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Packing a tree into a tar. */

#include <stdbool.h>
#include <stdint.h>

#include "worker/holes.h"
#include "worker/job.h"
#include "worker/sink.h"

typedef struct PackOptions {
        /* Ids on disk are shifted by this; those outside of the range of a container become
         * 65534. With 0 all are kept. */
        uint32_t id_base;
        /* A layer: overlay's whiteouts and opaque marks become those of OCI archives. */
        bool layer;
        /* The holes of sparse files, for packing the same tree a second time to the same bytes; NULL:
         * they are not kept. Borrowed. */
        Holes *holes;
        /* Device nodes are left out. */
        bool no_devices;
        /* For progress: this part of all the work, `before` and `share` of 1, is to put out
         * `expected` bytes. NULL: none. */
        Job *job;
        uint64_t expected;
        double before, share;
} PackOptions;

/* Puts the tree below `root_fd`, the root directory itself first as "./", and the end mark into
 * the sink. Sockets are left out.
 * Return: 0 or a negative errno. */
int pack_tree(int root_fd, const PackOptions *options, Sink *sink, Error *e);

/* Puts what is called `name` in `dir_fd` under the path `as`, a directory with all that is in it, and the
 * end mark into the sink. A directory as "" is what pack_tree() does. `name` is not followed.
 * Return: 0 or a negative errno. */
int pack_named(int dir_fd, const char *name, const char *as, const PackOptions *options, Sink *sink,
               Error *e);

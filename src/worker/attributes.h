/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The extended attributes and ACLs of what is unpacked. */

#include "worker/acl.h"
#include "worker/dirs.h"

typedef struct Attributes {
        uint32_t id_base; /* what the ids in ACLs are shifted by */
        NamedAcls named_acls;
} Attributes;

/* Gives `fd`, a regular file or the last of `dirs`, what its entry has for it. Error stage as of extractor_add().
 * Return: 0 or a negative errno. */
int attributes_write(Attributes *a, Dirs *dirs, int fd, const char *path,
                     struct archive_entry *entry, Error *e);
/* To be called when something has been removed. Return: 0 or a negative errno. */
int attributes_removed(Attributes *a, int root);
/* After the last entry, but before the root directory is left: what has waited for other entries. `root` is where the
 * paths begin. Return: 0 or a negative errno. */
int attributes_finish(const Attributes *a, const Dirs *dirs, int root, Error *e);
void attributes_done(Attributes *a);

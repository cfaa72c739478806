/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Opening the directories of the host that are a container's volumes. */

#include "protocol/spec.h"
#include "shared/error.h"

/* Opens (O_PATH) the source of a volume of a container that belongs to `owner`; with `make` a missing source that was
 * named by its path is made. May wait for file systems, and changes the calling thread's file permissions meanwhile: for
 * a thread of offload_run().
 *
 * What root named is opened as root. What another user named by its path and was authorized for is opened as root, too,
 * but only where no link leads elsewhere. What was a descriptor of a user's is opened with that user's rights of now,
 * and has to be the same directory still.
 * Return: a descriptor or a negative errno. */
int volume_source_open(const Volume *volume, uid_t owner, bool make, Error *e);

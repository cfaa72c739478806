/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Volumes: directories and files of the host, as mounts that are ready to be attached in a container. */

#include "protocol/spec.h"
#include "runtime/runtime.h"

/* Makes a detached mount of each of the container's volumes (with what is mounted below it), nosuid, nodev, private,
 * read-only where so specified. `sources`: an O_PATH descriptor for each, opened in the host's mount namespace.
 *
 * Ids: a volume without a uid of its own is mapped by `userns` (-EBADF: not at all), so that ids on it are the
 * container's. One with a uid has just that user and group on it, and they are the container's root; that is
 * host id `id_base`.
 *
 * Error stage "volume". Return: 0 or a negative errno, and then no mount is left; `ret` has one descriptor for
 * each volume. */
int volumes_open(Runtime *runtime, const ContainerSpec *spec, const int *sources, int userns,
                 uint32_t id_base, int *ret, Error *e);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A container's files as seen from outside: its root file system with its volumes, as a tree of mounts that is
 * attached nowhere, or attached at containers/ID/merged for a person who wants to look. */

#include <stdbool.h>

#include "protocol/spec.h"
#include "runtime/runtime.h"
#include "shared/error.h"

/* Makes the tree. `main_pidfd` is the main process of the running container, whose tree is then cloned, or -EBADF:
 * then it is made anew, its root read-only if the container's is. Ids are shifted by spec->id_base as in the running
 * container; with 0 they are as on disk. With `no_upper`: the image's layers alone, read-only, without volumes. `volumes` as for container_start_begin().
 * Return: a descriptor of the detached tree's root, the caller's, or a negative errno. */
int container_view(Runtime *runtime, const ContainerSpec *spec, const int *volumes, int main_pidfd,
                   bool no_upper, Error *e);

/* Attaches a tree made by container_view() at containers/ID/merged in the host's mount namespace; one that is
 * there already is replaced. Return: 0 or a negative errno. */
int container_view_attach(Runtime *runtime, const char *id, int view, Error *e);

/* Detaches whatever is attached there. Return: 0, also when there is nothing, or a negative errno. */
int container_view_detach(Runtime *runtime, const char *id, Error *e);

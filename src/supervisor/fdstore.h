/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The descriptors of containers that a service manager keeps for the supervisor that comes after this one has been
 * killed (sd_notify(3), FDSTORE): else a terminal would be hung up, and a pipe that the main process itself has not open
 * would be lost. Each is called ID.WHAT: the container's id, and one of "terminal" (the master), "stdout" and "stderr". The other
 * ends, standard input among them, must not be kept: as long as anybody has them open there is no end of file. */

#include "supervisor/supervisor.h"

typedef struct FdStore FdStore;

/* Has the descriptors of a container that was just started kept, and no longer. Nothing happens without a service
 * manager. */
void fdstore_keep(const Container *container);
void fdstore_drop(const char *id);

/* Receives what was kept. Return: 0 or -ENOMEM; *ret is NULL when there is nothing. */
int fdstore_receive(FdStore **ret);
/* Takes one out, CLOEXEC. Return: -EBADF when there is none. */
int fdstore_take(FdStore *store, const char *id, const char *what);
/* What nobody has taken belongs to containers that are gone: it is not kept any longer. Return: NULL. */
FdStore *fdstore_free(FdStore *store);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The requests that freeze a container and let it go on. */

#include "supervisor/supervisor.h"

/* Handlers as of server.h. */
int request_freeze(Supervisor *supervisor, Call **call, Error *e);
int request_thaw(Supervisor *supervisor, Call **call, Error *e);

/* Lets it go on, for its end: a frozen process takes SIGKILL, on version 1, only when it is thawed. A pause that has no reply
 * yet gets an error. Return: 0 or a negative errno. */
int pause_end(Container *container, Error *e);

/* Gives up a pause that has no reply yet. */
void pause_give_up(Container *container);

/* Finds out whether a container that is adopted is frozen. One where that has only begun, or that ends, is thawed: nobody
 * waits for the former any more, and the latter would never end. */
void pause_adopt(Container *container);

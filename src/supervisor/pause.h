/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The requests that freeze a container and let it go on. */

#include "supervisor/supervisor.h"

/* Handlers as of server.h. */
int request_freeze(Supervisor *supervisor, Call **call, Error *e);
int request_thaw(Supervisor *supervisor, Call **call, Error *e);

/* Gives up a pause that has no reply yet. */
void pause_give_up(Container *container);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the daemon can ask for: one function for each request, in a table. */

#include "supervisor/supervisor.h"

/* The handler of the server; `data` is the supervisor. */
int request_handle(void *data, Call **call, Error *e);

/* The `closed` of the server: what its caller has gone of is given up. Nobody would know of the container, or that it
 * stands still. */
void request_connection_closed(void *data, uint64_t connection);

/* Gives up all starts, execs and pauses that have no reply yet. */
void request_give_up_all(Supervisor *supervisor);

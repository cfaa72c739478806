/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The requests that make processes: they are answered when the new process has executed its
 * command. */

#include "supervisor/supervisor.h"

/* Handlers as of server.h. */
int request_start(Supervisor *supervisor, Call **call, Error *e);
int request_exec(Supervisor *supervisor, Call **call, Error *e);

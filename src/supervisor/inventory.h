/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The request with which a daemon begins: what runs, and who it is talking to. */

#include "supervisor/supervisor.h"

/* A handler as of server.h. The connection gets the events from now on. */
int request_hello(Supervisor *supervisor, Call **call, Error *e);

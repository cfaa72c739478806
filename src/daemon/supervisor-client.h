/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The daemon's side of the connection with the supervisor. It never waits; it connects again when the
 * connection is lost, and starts the supervisor when nobody listens. */

#include "daemon/manager.h"

/* Connects soon. Once connected, and after each new connection, manager_reconcile() is called.
 * Return: 0 or a negative errno. */
int supervisor_new(Manager *m, Supervisor **ret);

/* Requests without a reply fail. Return: NULL. */
Supervisor *supervisor_free(Supervisor *supervisor);

/* Called with the reply, whose error says why the request failed, also when the connection was lost.
 * The callback takes of `fds` what it wants to keep; the rest is closed after it. */
typedef void (*SupervisorCallback)(Reply *reply, int *fds, size_t n_fds, void *userdata);

/* Sends a request; `fds` stay the caller's. Its serial is set here. `callback` may be NULL.
 * Return: 0, the callback is then called exactly once, or a negative errno with *e set, and it is
 * not. */
int supervisor_call(Supervisor *supervisor, Request *request, const int *fds, size_t n_fds,
                    SupervisorCallback callback, void *userdata, Error *e);

/* The same for a request that has nothing but its type and container. */
int supervisor_call_simple(Supervisor *supervisor, RequestType type, const char *container,
                           SupervisorCallback callback, void *userdata, Error *e);

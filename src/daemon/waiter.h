/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Calls of Wait, answered when a container or process has ended. */

#include "daemon/caller.h"
#include "daemon/container.h"

struct Process;

/* Keeps the call until `c`, or its process `p` if not NULL, has ended. If its caller goes, so does it.
 * Return: 0 or a negative errno with `error` set. */
int waiter_add(Container *c, struct Process *p, sd_bus_message *message, uid_t uid,
               sd_bus_error *error);

/* Answers those that wait for the process, or for the container itself if it is NULL. */
void waiters_answer(Container *c, const struct Process *p, int status);

/* The container was removed without having run. */
void waiters_refuse(Container *c);

void waiters_done(Manager *m);

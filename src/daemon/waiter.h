/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Calls of Wait, answered when a container or process has ended. */

#include "daemon/caller.h"
#include "daemon/container.h"

struct Process;

/* What is waited for; of a process it can only be its end. */
typedef enum WaitCondition {
        WAIT_NOT_RUNNING =
                1 << 0, /* it does not run; one that will be started again counts as running */
        WAIT_NEXT_EXIT = 1 << 1,
        WAIT_REMOVED = 1 << 2,
        WAIT_HEALTHY = 1 << 3,
} WaitCondition;

/* "not-running", "next-exit", "removed" or "healthy". Return: 0 or -EINVAL. */
int wait_condition_parse(const char *s, WaitCondition *ret);

/* Whether the user may have one more call that waits until something exits, be it to Wait or to stop it.
 * Return: 0 or a negative errno with `error` set. */
int waiters_check_quota(Manager *m, uid_t uid, sd_bus_error *error);

/* Keeps the call until `condition` holds for `c`, or its process `p` if not NULL. If its caller goes, so does it.
 * Return: 0 or a negative errno with `error` set. */
int waiter_add(Container *c, struct Process *p, WaitCondition condition, sd_bus_message *message,
               uid_t uid, sd_bus_error *error);

/* Answers those that wait for one of the conditions (as bits) of the process, or of the container itself
 * if it is NULL. */
void waiters_answer(Container *c, const struct Process *p, unsigned conditions, int status);

/* Refuses those that wait for one of these conditions of the container, with ContainerNotRunning. */
void waiters_fail(Container *c, unsigned conditions);

/* The container was removed: what else is waited for never comes. */
void waiters_refuse(Container *c);

void waiters_done(Manager *m);

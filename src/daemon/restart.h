/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Starting containers again that have ended, as their restart policy says: after a while that doubles, from
 * 100 ms to a minute, as long as they end again soon. */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "store/container-record.h"

struct Container;
struct Manager;

/* Of a container; zero-initialized: nothing is planned. */
typedef struct Restart {
        sd_event_source *timer; /* until it is started again */
        uint64_t delay;         /* µs, the last one; 0: none since it ran for long */
        bool due;               /* the time has come, but the container is busy */
} Restart;

/* Whether the policy wants the container, whose record says how it ended, to be started again.
 * `failed`: it could not even be started. */
bool restart_is_wanted(const ContainerRecord *record, bool failed);

/* The time to wait after `last` (0: none) and a run of `lasted`, in µs. */
uint64_t restart_delay(uint64_t last, uint64_t lasted);

/* Plans to start a container that has ended. Return: whether its policy wants that; the caller changes the
 * state, announces it together with RestartCount, and saves. */
bool restart_plan(struct Container *c, bool failed);

/* Drops a plan, if there is one: it runs, or it is gone. */
void restart_forget(struct Container *c);

/* Takes a plan back; the container has exited then. */
void restart_cancel(struct Container *c);

/* Somebody starts the container: counted from the beginning. */
void restart_started(struct Container *c);

/* Somebody wants it stopped, be it up or about to be started again: its policy rests. */
void restart_stopped(struct Container *c);

/* Takes a policy, and says so if it is another one. The record is not saved. */
void restart_set_policy(struct Container *c, RestartPolicy policy);

/* The container is not busy any more: starts it if that is due. */
void restart_settle(struct Container *c);

/* When the daemon starts: takes up what an earlier one had planned, and starts what shall always run. */
void restart_all(struct Manager *m);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervisor/pause.h"
#include "shared/log.h"
#include "supervisor/container.h"

/* The kernel freezes each process when it next leaves the kernel or can be interrupted: most at
 * once, one that waits for a disk later. */
#define POLL_MSEC 1
#define POLL_MSEC_MAX 50
#define WAIT_MSEC 10000

static void on_freeze_timer(void *data);

static void wait_for_freeze(Container *container, unsigned msec) {
        container->freeze_waited += msec;
        event_timer_set(container->supervisor->loop, &container->freeze_timer, msec,
                        on_freeze_timer, container);
}

static void thaw(Container *container) {
        Error e = ERROR_INIT;

        container->frozen = false;
        if (cgroup_thaw(container->cgroup, &e) < 0)
                log_error_object(LOG_ERR, &e, "Container %s may stay frozen", container->id);
}

/* On version 1 those that are frozen don't take the signal which the main process, when it ends, sends to all others, and
 * it waits for them. */
static bool is_ending(const Container *container) {
        return container->killed || container_is_ending(container);
}

/* Freezes it, unless that has begun already. Return: 1 when all its processes are, 0 when some are not yet, or a negative
 * errno, then it is thawed. */
static int try_freeze(Container *container, Error *e) {
        int r = is_ending(container) ? container_error_ended(e) : 0;

        if (r == 0 && container_is_launching(container))
                return 0; /* that would stop halfway, and its caller would have no answer */
        if (r == 0)
                r = cgroup_freeze(container->cgroup, e);
        if (r >= 0)
                r = cgroup_is_frozen(container->cgroup, e);
        /* It may have begun to end before it was frozen. */
        if (r > 0 && is_ending(container))
                r = container_error_ended(e);
        if (r < 0)
                thaw(container);
        else
                container->frozen = r > 0;
        return r;
}

static void on_freeze_timer(void *data) {
        Container *container = data;
        Error e = ERROR_INIT;
        int r = try_freeze(container, &e);

        if (r == 0 && container->freeze_waited < WAIT_MSEC) {
                wait_for_freeze(container, MIN(MAX(container->freeze_waited, (unsigned)POLL_MSEC),
                                               (unsigned)POLL_MSEC_MAX));
                return;
        }
        if (r > 0) {
                call_reply(TAKE_PTR(container->freeze_call));
                return;
        }
        if (r == 0) {
                error_set(&e, ETIMEDOUT, "cgroup", "not all processes could be frozen");
                thaw(container);
        }
        call_fail(TAKE_PTR(container->freeze_call), &e);
}

int request_freeze(Supervisor *supervisor, Call **call, Error *e) {
        Container *container = container_find(supervisor, (*call)->request.container, e);
        int r;

        if (!container)
                return -e->number;
        if (container->freeze_call)
                return error_set(e, EALREADY, "container", "the container is being paused");
        if (container->frozen)
                return 0;
        TRY(r = try_freeze(container, e));
        if (r > 0)
                return 0;
        container->freeze_call = TAKE_PTR(*call);
        container->freeze_waited = 0;
        wait_for_freeze(container, POLL_MSEC);
        return 0;
}

static void cancel_freeze(Container *container, const Error *e) {
        if (!container->freeze_call)
                return;
        event_timer_cancel(&container->freeze_timer);
        call_fail(TAKE_PTR(container->freeze_call), e);
}

int request_thaw(Supervisor *supervisor, Call **call, Error *e) {
        Container *container = container_find(supervisor, (*call)->request.container, e);
        Error resumed = ERROR_INIT;

        if (!container)
                return -e->number;
        TRY(cgroup_thaw(container->cgroup, e));
        container->frozen = false;
        error_set(&resumed, ECANCELED, "container", "the container was resumed");
        cancel_freeze(container, &resumed);
        return 0;
}

int pause_end(Container *container, Error *e) {
        Error ended = ERROR_INIT;

        container->frozen = false;
        container_error_ended(&ended);
        cancel_freeze(container, &ended);
        return cgroup_thaw(container->cgroup, e);
}

void pause_give_up(Container *container) {
        Error given_up = ERROR_INIT;

        if (!container->freeze_call)
                return;
        thaw(container);
        error_set(&given_up, ECANCELED, "container", "the pause was given up");
        cancel_freeze(container, &given_up);
}

void pause_adopt(Container *container) {
        int r = cgroup_is_frozen(container->cgroup, NULL);

        if (r == 0 || is_ending(container))
                thaw(container);
        else
                container->frozen = r > 0;
}

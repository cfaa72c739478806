/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervisor/pause.h"
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

static void on_freeze_timer(void *data) {
        Container *container = data;
        Error e = ERROR_INIT;
        int r = cgroup_is_frozen(container->cgroup, &e);

        if (r == 0 && container->freeze_waited < WAIT_MSEC) {
                wait_for_freeze(container, MIN(MAX(container->freeze_waited, (unsigned)POLL_MSEC),
                                               (unsigned)POLL_MSEC_MAX));
                return;
        }
        if (r > 0) {
                container->frozen = true;
                call_reply(TAKE_PTR(container->freeze_call));
                return;
        }
        if (r == 0)
                error_set(&e, ETIMEDOUT, "cgroup", "not all processes could be frozen");
        (void)cgroup_thaw(container->cgroup, NULL);
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
        TRY(cgroup_freeze(container->cgroup, e));
        r = cgroup_is_frozen(container->cgroup, e);
        if (r < 0) {
                (void)cgroup_thaw(container->cgroup, NULL);
                return r;
        }
        if (r > 0) {
                container->frozen = true;
                return 0;
        }
        container->freeze_call = TAKE_PTR(*call);
        container->freeze_waited = 0;
        wait_for_freeze(container, POLL_MSEC);
        return 0;
}

static void cancel_freeze(Container *container) {
        Error canceled = ERROR_INIT;

        if (!container->freeze_call)
                return;
        error_set(&canceled, ECANCELED, "container", "the container was resumed");
        event_timer_cancel(&container->freeze_timer);
        call_fail(TAKE_PTR(container->freeze_call), &canceled);
}

int request_thaw(Supervisor *supervisor, Call **call, Error *e) {
        Container *container = container_find(supervisor, (*call)->request.container, e);

        if (!container)
                return -e->number;
        TRY(cgroup_thaw(container->cgroup, e));
        container->frozen = false;
        cancel_freeze(container);
        return 0;
}

void pause_give_up(Container *container) {
        if (!container->freeze_call)
                return;
        (void)cgroup_thaw(container->cgroup, NULL);
        cancel_freeze(container);
}

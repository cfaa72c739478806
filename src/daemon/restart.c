/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/restart.h"
#include "daemon/container.h"
#include "daemon/waiter.h"
#include "shared/log.h"

#define DELAY_MIN (100ULL * 1000)
#define DELAY_MAX (60ULL * 1000 * 1000)
/* Who ran as long as this did not fail at once. */
#define LONG_RUN (10ULL * 1000 * 1000)

bool restart_is_wanted(const ContainerRecord *record, bool failed) {
        if (record->stopped)
                return false;
        switch (record->restart.kind) {
        case RESTART_ON_FAILURE:
                return (failed || record->exit_code != 0) &&
                       (record->restart.max == 0 || record->restart_count < record->restart.max);
        case RESTART_ALWAYS:
        case RESTART_UNLESS_STOPPED:
                return true;
        default:
                return false;
        }
}

uint64_t restart_delay(uint64_t last, uint64_t lasted) {
        return last == 0 || lasted >= LONG_RUN ? DELAY_MIN : MIN(2 * last, DELAY_MAX);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Container *c = userdata;

        c->restart.timer = sd_event_source_disable_unref(c->restart.timer);
        c->restart.due = true;
        restart_settle(c);
        return 0;
}

static bool arm(Container *c, uint64_t delay) {
        int r;

        c->restart.delay = delay;
        r = sd_event_add_time_relative(c->manager->event, &c->restart.timer, CLOCK_MONOTONIC, delay,
                                       1000, on_timer, c);
        if (r < 0)
                log_errno(LOG_ERR, r, "Cannot start container %s again", c->record->name);
        c->record->restarting = r >= 0;
        return r >= 0;
}

bool restart_plan(Container *c, bool failed) {
        ContainerRecord *record = c->record;
        uint64_t lasted = failed || record->finished_at < record->started_at ?
                                  0 :
                                  record->finished_at - record->started_at;

        record->restarting = false;
        if (c->manager->ending || !restart_is_wanted(record, failed) ||
            !arm(c, restart_delay(c->restart.delay, lasted)))
                return false;
        record->restart_count++;
        return true;
}

void restart_forget(Container *c) {
        c->restart.timer = sd_event_source_disable_unref(c->restart.timer);
        c->restart.due = false;
}

void restart_cancel(Container *c) {
        restart_forget(c);
        if (c->state != CONTAINER_RESTARTING)
                return;
        c->record->restarting = false;
        c->state = CONTAINER_EXITED;
        container_changed(c, "State", NULL);
        waiters_answer(c, NULL, WAIT_NOT_RUNNING, c->record->exit_code);
        container_save(c);
}

void restart_started(Container *c) {
        c->restart.delay = 0;
        c->record->stopped = false;
        if (c->record->restart_count > 0) {
                c->record->restart_count = 0;
                container_changed(c, "RestartCount", NULL);
        }
        restart_cancel(c);
}

void restart_stopped(Container *c) {
        c->record->stopped = true;
        /* Should the daemon not live to see the end, it must not be a reason to start it again. */
        if (c->state != CONTAINER_RESTARTING && c->record->restart.kind != RESTART_NO)
                container_save(c);
        restart_cancel(c);
}

void restart_set_policy(Container *c, RestartPolicy policy) {
        if (policy.kind != c->record->restart.kind || policy.max != c->record->restart.max) {
                c->record->restart = policy;
                container_changed(c, "RestartPolicy", NULL);
        }
        if (c->state == CONTAINER_RESTARTING && policy.kind == RESTART_NO)
                restart_cancel(c);
}

/* What could not be started is tried again, like what ended at once. */
static void on_started(Container *c, const Error *error, void *userdata) {
        if (!error)
                return;
        log_error_object(LOG_WARNING, error, "Cannot start container %s again", c->record->name);
        if (restart_plan(c, true)) {
                container_changed(c, "RestartCount", NULL);
        } else {
                c->state = CONTAINER_EXITED;
                container_changed(c, "State", NULL);
                waiters_answer(c, NULL, WAIT_NOT_RUNNING, c->record->exit_code);
        }
        container_save(c);
}

static void start_again(Container *c) {
        c->restart.due = false;
        container_start(c, on_started, NULL);
}

void restart_settle(Container *c) {
        if (c->restart.due && !c->busy && !c->forgotten)
                start_again(c);
}

/* Whether a container that does not run when the daemon starts shall. */
static bool is_wanted_at_begin(const ContainerRecord *record) {
        if (record->state != RECORD_EXITED)
                return false;
        return record->restarting || record->restart.kind == RESTART_ALWAYS ||
               (record->restart.kind == RESTART_UNLESS_STOPPED && !record->stopped);
}

void restart_all(Manager *m) {
        LIST_FOREACH(c, m->container_list, links) {
                /* Those whose end was only now seen have their plan already. */
                if (container_is_up(c) || c->busy || c->state == CONTAINER_RESTARTING ||
                    !is_wanted_at_begin(c->record) || !arm(c, DELAY_MIN))
                        continue;
                c->record->stopped = false;
                c->state = CONTAINER_RESTARTING;
        }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Signals, stopping with a time limit, and removing. */

#include <signal.h>

#include "daemon/container.h"
#include "daemon/errors.h"
#include "daemon/exit-record.h"
#include "daemon/supervisor-client.h"
#include "shared/fault.h"
#include "shared/log.h"

/* Until SIGKILL is tried again that could not be sent, in seconds. */
#define KILL_AGAIN 1

static int on_stop_timeout(sd_event_source *source, uint64_t usec, void *userdata);

/* Of two who stop it the less patient one decides. */
static int arm_timer(Container *c, unsigned timeout) {
        uint64_t now, end, before;

        TRY(sd_event_now(c->manager->event, CLOCK_MONOTONIC, &now));
        end = now + (uint64_t)timeout * 1000000;
        if (!c->stop_timer)
                return sd_event_add_time(c->manager->event, &c->stop_timer, CLOCK_MONOTONIC, end,
                                         1000, on_stop_timeout, c);
        TRY(sd_event_source_get_time(c->stop_timer, &before));
        return end < before ? sd_event_source_set_time(c->stop_timer, end) : 0;
}

/* Somebody waits for the end, so that one attempt is not enough. */
static void on_killed(Reply *reply, int *fds, size_t n_fds, void *userdata) {
        _cleanup_(container_unrefp) Container *c = userdata;
        const Error *e = &reply->error;
        int r;

        /* Without a supervisor the next one is asked; see container_stop_again(). */
        if (e->number == 0 || e->number == ECONNRESET || error_is_ended(e) ||
            !container_is_killed(c))
                return;
        log_error_object(LOG_ERR, e, "Cannot kill container %s yet", c->record->name);
        r = arm_timer(c, KILL_AGAIN);
        if (r < 0)
                log_errno(LOG_ERR, r, "Cannot kill container %s", c->record->name);
}

/* Ends a frozen container, too. */
static int send_kill(Container *c, Error *e) {
        TRY(supervisor_call_simple(c->manager->supervisor, REQUEST_KILL, c->record->spec->id,
                                   on_killed, c, e));
        container_ref(c);
        c->stop_timer = sd_event_source_disable_unref(c->stop_timer);
        return 0;
}

static int send_signal(Container *c, int signal, Error *e) {
        Request request = {.type = REQUEST_SIGNAL, .signal = signal};

        memcpy(request.container, c->record->spec->id, sizeof(request.container));
        return supervisor_call(c->manager->supervisor, &request, NULL, 0, NULL, NULL, e);
}

static void set_stopping(Container *c) {
        if (c->state == CONTAINER_STOPPING)
                return;
        c->state = CONTAINER_STOPPING;
        container_changed(c, "State", NULL);
}

static int on_stop_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        Container *c = userdata;

        c->stop_timer = sd_event_source_disable_unref(c->stop_timer);
        set_stopping(c);
        container_stop_again(c);
        return 0;
}

/* Begins to end it gently. */
static int ask_to_end(Container *c, int signal, unsigned timeout, Error *e) {
        int r;

        TRY(send_signal(c, signal, e));
        if (c->state == CONTAINER_PAUSED)
                TRY(supervisor_call_simple(c->manager->supervisor, REQUEST_THAW,
                                           c->record->spec->id, NULL, NULL, e));
        r = arm_timer(c, timeout);
        return r < 0 ? error_set(e, r, "stop", "cannot wait for the end of %s", c->record->name) :
                       0;
}

int container_stop(Container *c, int signal, unsigned timeout, Error *e) {
        restart_stopped(c);
        if (timeout == 0 || signal == SIGKILL)
                TRY(send_kill(c, e));
        else if (!container_is_killed(c))
                TRY(ask_to_end(c, signal, timeout, e));
        set_stopping(c);
        return 0;
}

bool container_is_killed(const Container *c) {
        return c->state == CONTAINER_STOPPING && !c->stop_timer;
}

void container_stop_again(Container *c) {
        Error e = ERROR_INIT;

        if (container_is_killed(c) && send_kill(c, &e) < 0)
                log_error_object(LOG_ERR, &e, "Cannot kill container %s", c->record->name);
}

typedef struct Remove {
        Container *container;
        void (*callback)(const Error *error, void *userdata);
        void *userdata;
} Remove;

static void finish_remove(Remove *remove, const Error *error) {
        Container *c = remove->container;
        Manager *m = c->manager;
        Error e = ERROR_INIT;

        if (!error && store_trash(m->store, m->store->containers, c->record->spec->id, &e) < 0)
                error = &e;
        if (!error) {
                (void)FAULT("remove.trashed");
                /* One is left if it could not be taken over into the container's own. */
                exit_record_forget(m, c->record->spec->id);
                health_forget(c);
                container_forget(c);
        } else {
                log_error_object(LOG_ERR, error, "Cannot remove container %s", c->record->name);
                /* It is as it was. What goes by itself is not tried again and again. */
                c->state = c->record->auto_remove             ? CONTAINER_DEAD :
                           c->record->state == RECORD_CREATED ? CONTAINER_CREATED :
                                                                CONTAINER_EXITED;
                container_changed(c, "State", NULL);
        }
        if (remove->callback)
                remove->callback(error, remove->userdata);
        free(remove);
        container_busy_end(c);
        manager_empty_trash(m);
}

static void on_unmounted(Reply *reply, int *fds, size_t n_fds, void *userdata) {
        Remove *remove = userdata;

        finish_remove(remove, reply->error.number != 0 ? &reply->error : NULL);
}

void container_remove(Container *c, void (*callback)(const Error *error, void *userdata),
                      void *userdata) {
        Remove *remove = calloc(1, sizeof(*remove));
        Error e = ERROR_INIT;

        if (!remove) {
                error_oom(&e);
                if (callback)
                        callback(&e, userdata);
                return;
        }
        *remove = (Remove){c, callback, userdata};
        restart_cancel(c);
        container_busy_begin(c);
        c->state = CONTAINER_REMOVING;
        if (!container_is_mounted(c)) {
                finish_remove(remove, NULL);
                return;
        }
        container_changed(c, "State", NULL);
        if (supervisor_call_simple(c->manager->supervisor, REQUEST_UNMOUNT, c->record->spec->id,
                                   on_unmounted, remove, &e) < 0)
                finish_remove(remove, &e);
}

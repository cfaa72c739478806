/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Signals, stopping with a time limit, and removing. */

#include <signal.h>

#include "daemon/container.h"
#include "daemon/exit-record.h"
#include "daemon/supervisor-client.h"
#include "shared/fault.h"
#include "shared/log.h"

int container_kill(Container *c, int signal, Error *e) {
        Request request = {.type = REQUEST_SIGNAL, .signal = signal};

        /* Ends a frozen container, too. */
        if (signal == SIGKILL)
                return supervisor_call_simple(c->manager->supervisor, REQUEST_KILL,
                                              c->record->spec->id, NULL, NULL, e);
        memcpy(request.container, c->record->spec->id, sizeof(request.container));
        return supervisor_call(c->manager->supervisor, &request, NULL, 0, NULL, NULL, e);
}

static int on_stop_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        Container *c = userdata;
        Error e = ERROR_INIT;

        c->stop_timer = sd_event_source_disable_unref(c->stop_timer);
        if (container_kill(c, SIGKILL, &e) < 0)
                log_error_object(LOG_ERR, &e, "Cannot kill container %s", c->record->name);
        return 0;
}

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

int container_stop(Container *c, int signal, unsigned timeout, Error *e) {
        bool paused = c->state == CONTAINER_PAUSED;
        int r;

        restart_stopped(c);
        TRY(container_kill(c, timeout == 0 ? SIGKILL : signal, e));
        if (paused && timeout > 0)
                TRY(supervisor_call_simple(c->manager->supervisor, REQUEST_THAW,
                                           c->record->spec->id, NULL, NULL, e));
        if (timeout > 0) {
                r = arm_timer(c, timeout);
                if (r < 0)
                        return error_set(e, r, "stop", "cannot wait for the end of %s",
                                         c->record->name);
        }
        if (c->state != CONTAINER_STOPPING) {
                c->state = CONTAINER_STOPPING;
                container_changed(c, "State", NULL);
        }
        return 0;
}

void container_stop_again(Container *c) {
        Error e = ERROR_INIT;

        if (c->state == CONTAINER_STOPPING && !c->stop_timer && container_kill(c, SIGKILL, &e) < 0)
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

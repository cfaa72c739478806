/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/call.h"
#include "daemon/authorize.h"
#include "daemon/bus-util.h"
#include "daemon/errors.h"
#include "daemon/supervisor-client.h"

Call *call_new(Container *c, sd_bus_message *message) {
        Call *call = calloc(1, sizeof(*call));

        if (!call)
                return NULL;
        call->container = container_ref(c);
        call->message = sd_bus_message_ref(message);
        return call;
}

Call *call_free(Call *call) {
        if (!call)
                return NULL;
        container_unref(call->container);
        sd_bus_message_unref(call->message);
        free(call);
        return NULL;
}

void call_dispatch_again(Manager *m, sd_bus_message *message) {
        int r = sd_bus_message_rewind(message, true);

        if (r >= 0)
                r = sd_bus_enqueue_for_read(m->bus, message);
        if (r < 0)
                reply_error(message, ERROR_LIMITS_EXCEEDED, "Not enough memory");
        authorize_release(m, message);
}

static void on_ended(Container *c, Call *waiting) {
        _cleanup_(call_freep) Call *call = waiting;

        if (c->record->auto_remove)
                reply_error(call->message, ERROR_NO_SUCH_CONTAINER, "Container %s has been removed",
                            c->record->name);
        else
                call_dispatch_again(c->manager, call->message);
}

bool call_again_when_ended(Container *c, sd_bus_message *message) {
        Call *call = c->forgotten ? NULL : call_new(c, message);

        if (!call)
                return false;
        if (!container_is_up(c)) {
                on_ended(c, call);
                return true;
        }
        if (container_on_exit(c, 0, on_ended, call) >= 0) /* at once, so it counts for nobody */
                return true;
        call_free(call);
        return false;
}

static void on_supervisor_reply(Reply *reply, int *fds, size_t n_fds, void *userdata) {
        _cleanup_(call_freep) Call *call = userdata;

        if (reply->error.number != 0)
                reply_failure(call->message, &reply->error);
        else
                reply_done_empty(call->message);
}

int call_supervisor(Container *c, sd_bus_message *message, Request *request, sd_bus_error *error) {
        _cleanup_(call_freep) Call *call = call_new(c, message);
        Error e = ERROR_INIT;

        if (!call)
                return bus_failure(error, ENOMEM, "call");
        memcpy(request->container, c->record->spec->id, sizeof(request->container));
        if (supervisor_call(c->manager->supervisor, request, NULL, 0, on_supervisor_reply, call,
                            &e) < 0)
                return error_to_bus(&e, error);
        call = NULL;
        return 1;
}

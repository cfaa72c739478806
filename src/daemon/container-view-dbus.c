/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Mount, Unmount, Export. */

#include "daemon/authorize.h"
#include "daemon/bus-util.h"
#include "daemon/container-methods.h"
#include "daemon/errors.h"
#include "daemon/save.h"
#include "daemon/supervisor-client.h"
#include "shared/log.h"

static int reply_path(Container *c, sd_bus_message *message) {
        _cleanup_free_ char *path = NULL;

        path = strf("%s/containers/%s/merged", c->manager->store->path, c->record->spec->id);
        if (!path)
                return -ENOMEM;
        return sd_bus_reply_method_return(message, "s", path);
}

static void on_mounted(Reply *reply, int *fds, size_t n_fds, void *userdata) {
        _cleanup_(call_freep) Call *call = userdata;
        Container *c = call->container;
        int r;

        if (reply->error.number != 0) {
                reply_failure(call->message, &reply->error);
        } else {
                r = reply_path(c, call->message);
                reply_check(call->message, r);
        }
        container_busy_end(c);
}

static void on_volumes(Container *c, const int *fds, const Error *error, void *userdata) {
        Call *call = userdata;
        Request request = {
                .type = REQUEST_MOUNT,
                .spec = c->record->spec,
                .running = container_is_up(c),
        };
        Error e = ERROR_INIT;

        memcpy(request.container, c->record->spec->id, sizeof(request.container));
        if (!error && supervisor_call(c->manager->supervisor, &request, fds,
                                      c->record->spec->n_volumes, on_mounted, call, &e) < 0)
                error = &e;
        if (!error)
                return;
        reply_failure(call->message, error);
        call_free(call);
        container_busy_end(c);
}

int container_method_mount(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Container *c = userdata;
        Call *call;
        int r;

        TRY(options_read_none(message, error));
        r = container_authorize(c, message, false, ACTION_MOUNT, "mount", error);
        if (r > 0)
                r = container_wait_turn(c, message, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (container_is_mounted(c))
                return reply_path(c, message);
        call = call_new(c, message);
        if (!call)
                return bus_failure(error, ENOMEM, "call");
        container_busy_begin(c);
        container_open_volumes(c, false, on_volumes, call);
        return 1;
}

int container_method_unmount(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Container *c = userdata;
        Request request = {.type = REQUEST_UNMOUNT};
        int r;

        TRY(options_read_none(message, error));
        r = container_authorize(c, message, false, ACTION_MOUNT, "unmount", error);
        if (r > 0)
                r = container_wait_turn(c, message, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return call_supervisor(c, message, &request, error);
}

int container_method_export(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Container *c = userdata;
        int r;

        TRY(options_read_none(message, error));
        r = container_authorize(c, message, false, ACTION_COMMIT, "export", error);
        if (r > 0)
                r = container_wait_turn(c, message, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return container_export(c, message, error);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Pause, Resume, Rename, Update. */

#include "daemon/authorize.h"
#include "daemon/bus-util.h"
#include "daemon/container-methods.h"
#include "daemon/errors.h"
#include "daemon/limit-options.h"
#include "daemon/quota.h"
#include "daemon/run-options.h"
#include "daemon/supervisor-client.h"
#include "shared/log.h"

/* What happens to a container that is killed says nothing any more. */
static void set_state(Container *c, ContainerState state) {
        if (container_is_killed(c))
                return;
        c->state = state;
        container_changed(c, "State", NULL);
}

static void on_frozen(Reply *reply, int *fds, size_t n_fds, void *userdata) {
        _cleanup_(call_freep) Call *call = userdata;
        Container *c = call->container;

        if (reply->error.number != 0) {
                reply_failure(call->message, &reply->error);
        } else {
                if (container_is_up(c)) {
                        c->frozen = c->record->paused = true;
                        set_state(c, CONTAINER_PAUSED);
                }
                container_save_and_reply(c, call->message);
        }
        container_busy_end(c);
}

static void on_thawed(Reply *reply, int *fds, size_t n_fds, void *userdata) {
        _cleanup_(call_freep) Call *call = userdata;
        Container *c = call->container;

        if (reply->error.number != 0) {
                reply_failure(call->message, &reply->error);
        } else {
                if (container_is_up(c)) {
                        c->frozen = c->record->paused = false;
                        set_state(c, c->stop_timer ? CONTAINER_STOPPING : CONTAINER_RUNNING);
                }
                container_save_and_reply(c, call->message);
        }
        container_busy_end(c);
}

static int freeze_or_thaw(Container *c, sd_bus_message *message, bool freeze, sd_bus_error *error) {
        Call *call = call_new(c, message);
        Error e = ERROR_INIT;

        if (!call)
                return bus_failure(error, ENOMEM, "call");
        if (supervisor_call_simple(c->manager->supervisor, freeze ? REQUEST_FREEZE : REQUEST_THAW,
                                   c->record->spec->id, freeze ? on_frozen : on_thawed, call,
                                   &e) < 0) {
                call_free(call);
                return error_to_bus(&e, error);
        }
        container_busy_begin(c);
        return 1;
}

int container_method_pause(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Container *c = userdata;
        int r;

        TRY(options_read_none(message, error));
        r = container_authorize(c, message, true, ACTION_LIFECYCLE, "pause", error);
        if (r > 0)
                r = container_wait_turn(c, message, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        TRY(container_check_up(c, false, error));
        return freeze_or_thaw(c, message, true, error);
}

int container_method_resume(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Container *c = userdata;
        int r;

        TRY(options_read_none(message, error));
        r = container_authorize(c, message, true, ACTION_LIFECYCLE, "resume", error);
        if (r > 0)
                r = container_wait_turn(c, message, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        TRY(container_check_up(c, true, error));
        if (c->state != CONTAINER_PAUSED)
                return sd_bus_reply_method_return(message, NULL);
        return freeze_or_thaw(c, message, false, error);
}

static void on_synced(int result, void *userdata) {
        _cleanup_(call_freep) Call *call = userdata;
        Error e = ERROR_INIT;

        if (result < 0) {
                error_set(&e, result, "store", "cannot write to the disk");
                reply_failure(call->message, &e);
        } else {
                reply_done_empty(call->message);
        }
}

/* The container's name in the table lies in its record. */
static int rename_to(Container *c, const char *name, Error *e) {
        Manager *m = c->manager;
        _cleanup_free_ char *copy = strdup(name);
        char *old = c->record->name;
        int r;

        if (!copy)
                return error_oom(e);
        r = map_put(&m->container_names, copy, c);
        if (r < 0)
                return error_set(e, r, "name", "%s", name);
        c->record->name = copy;
        r = store_container_write(m->store, c->record, e);
        if (r < 0) {
                c->record->name = old;
                map_remove(&m->container_names, copy);
                return r;
        }
        copy = NULL;
        map_remove(&m->container_names, old);
        free(old);
        container_changed(c, "Name", NULL);
        return 0;
}

int container_method_rename(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Container *c = userdata;
        Manager *m = c->manager;
        Container *other;
        const char *name;
        Error e = ERROR_INIT;
        Call *call;
        int r;

        TRY(sd_bus_message_read(message, "s", &name));
        TRY(options_read_none(message, error));
        if (!container_name_is_valid(name))
                return sd_bus_error_set(error, ERROR_INVALID_ARGS,
                                        "Argument name is no name for a container");
        r = container_authorize(c, message, true, ACTION_LIFECYCLE, "rename", error);
        if (r <= 0)
                return r < 0 ? r : 1;
        other = map_get(&m->container_names, name);
        if (other == c)
                return sd_bus_reply_method_return(message, NULL);
        if (other)
                return sd_bus_error_setf(error, ERROR_NAME_IN_USE,
                                         "The name %s is in use by container %s", name,
                                         other->record->spec->id);
        if (rename_to(c, name, &e) < 0)
                return error_to_bus(&e, error);
        call = call_new(c, message);
        if (!call || offload_sync(m->offload, m->store->fd, on_synced, call) < 0) {
                call_free(call);
                return bus_failure(error, ENOMEM, "call");
        }
        return 1;
}

/* New limits on their way to the supervisor. */
typedef struct Update {
        Call *call;
        Limits limits;
        RestartPolicy restart;
} Update;

typedef struct UpdateOptions {
        LimitOptions limits;
        char *restart;
} UpdateOptions;

static void update_options_done(UpdateOptions *options) {
        free(options->limits.cpuset);
        free(options->restart);
}

static Update *update_free(Update *update) {
        if (!update)
                return NULL;
        call_free(update->call);
        limits_done(&update->limits);
        free(update);
        return NULL;
}
DEFINE_CLEANUP(Update *, update_free)

static void take_update(Container *c, Limits *limits, RestartPolicy restart) {
        limits_done(&c->record->spec->limits);
        c->record->spec->limits = *limits;
        *limits = (Limits){};
        container_changed(c, "MemoryLimit", "MemorySwapLimit", "CpuLimit", "CpuShares",
                          "CpusetCpus", "PidsLimit", NULL);
        restart_set_policy(c, restart);
}

static void on_updated(Reply *reply, int *fds, size_t n_fds, void *userdata) {
        _cleanup_(update_freep) Update *update = userdata;
        Container *c = update->call->container;

        /* It has just ended, and takes them at its next start. */
        if (reply->error.number != 0 && !error_is_ended(&reply->error)) {
                reply_failure(update->call->message, &reply->error);
        } else {
                take_update(c, &update->limits, update->restart);
                container_save_and_reply(c, update->call->message);
        }
        container_busy_end(c);
}

static int update_running(Container *c, sd_bus_message *message, Limits *limits,
                          RestartPolicy restart, sd_bus_error *error) {
        _cleanup_(update_freep) Update *update = calloc(1, sizeof(*update));
        Request request = {.type = REQUEST_UPDATE};
        Error e = ERROR_INIT;

        if (update)
                update->call = call_new(c, message);
        if (!update || !update->call)
                return bus_failure(error, ENOMEM, "call");
        update->restart = restart;
        update->limits = *limits;
        *limits = (Limits){};
        memcpy(request.container, c->record->spec->id, sizeof(request.container));
        request.limits = update->limits; /* lent */
        if (supervisor_call(c->manager->supervisor, &request, NULL, 0, on_updated, update, &e) < 0)
                return error_to_bus(&e, error);
        container_busy_begin(c);
        update = NULL;
        return 1;
}

int container_method_update(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        static const Option table[] = {
                LIMIT_OPTION_LINES(offsetof(UpdateOptions, limits)),
                {"restart", OPTION_STRING, offsetof(UpdateOptions, restart)},
        };
        Container *c = userdata;
        _cleanup_(update_options_done) UpdateOptions options = {.limits = LIMIT_OPTIONS_INIT};
        RestartPolicy restart = c->record->restart;
        _cleanup_(limits_done) Limits limits = {};
        Error e = ERROR_INIT;
        int r;

        TRY(options_read(message, table, ELEMENTSOF(table), &options, error));
        if (limits_copy(&limits, &c->record->spec->limits) < 0)
                return bus_failure(error, ENOMEM, "limits");
        TRY(limits_apply(&options.limits, true, &limits, error));
        if (options.restart)
                TRY(restart_option_parse(options.restart, c->record->auto_remove, &restart, error));
        r = container_authorize(c, message, !limits_exceed(&c->manager->config, &limits),
                                ACTION_LIMIT, "update", error);
        if (r > 0)
                r = container_wait_turn(c, message, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (container_is_up(c) &&
            quota_check_limits(c->manager, c->record->owner, c, &limits, &e) < 0)
                return error_to_bus(&e, error);
        if (container_is_up(c))
                return update_running(c, message, &limits, restart, error);
        take_update(c, &limits, restart);
        container_save_and_reply(c, message);
        return 1;
}

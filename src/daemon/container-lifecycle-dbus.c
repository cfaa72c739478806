/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Start, Stop, Kill, Restart, Wait, Remove. */

#include <signal.h>

#include "daemon/authorize.h"
#include "daemon/bus-util.h"
#include "daemon/container-methods.h"
#include "daemon/errors.h"
#include "daemon/options.h"
#include "daemon/waiter.h"
#include "shared/log.h"

static void on_started(Container *c, const Error *error, void *userdata) {
        _cleanup_(call_freep) Call *call = userdata;

        if (error)
                reply_failure(call->message, error);
        else
                reply_done_empty(call->message);
}

/* What it was before, its properties cannot tell. */
static void on_restarted(Container *c, const Error *error, void *userdata) {
        int r = 0;

        on_started(c, error, userdata);
        if (!error && c->announced)
                r = sd_bus_emit_signal(c->manager->bus, c->path, "org.mydocker.Container",
                                       "Restarted", "");
        if (r < 0)
                log_errno(LOG_WARNING, r, "Cannot announce the restart of container %s",
                          c->record->spec->id);
}

/* The container is down and not busy. */
static int start(Container *c, sd_bus_message *message,
                 void (*then)(Container *c, const Error *error, void *userdata),
                 sd_bus_error *error) {
        Call *call = call_new(c, message);

        if (!call)
                return bus_failure(error, ENOMEM, "call");
        restart_started(c);
        container_start(c, then, call);
        return 1;
}

int container_method_start(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Container *c = userdata;
        int r;

        TRY(options_read_none(message, error));
        r = container_authorize(c, message, true, ACTION_LIFECYCLE, "start", error);
        if (r > 0)
                r = container_wait_turn(c, message, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (container_is_up(c)) {
                TRY(container_check_up(c, false, error));
                return sd_bus_reply_method_return(message, NULL);
        }
        return start(c, message, on_started, error);
}

/* What Stop and Restart have in common. */
typedef struct StopOptions {
        uint32_t timeout;
        int signal;
} StopOptions;

static const StopOptions kill_now = {.timeout = 0, .signal = SIGKILL};

static const Option stop_options[] = {
        {"timeout", OPTION_U32, offsetof(StopOptions, timeout)},
        {"signal", OPTION_INT, offsetof(StopOptions, signal)},
};

/* More than a year; the sum with a clock must not overflow. */
#define TIMEOUT_MAX (400U * 24 * 3600)

static int read_stop_options(Container *c, sd_bus_message *message, StopOptions *ret,
                             sd_bus_error *error) {
        *ret = (StopOptions){c->record->stop_timeout, c->record->stop_signal};
        TRY(options_read(message, stop_options, ELEMENTSOF(stop_options), ret, error));
        if (ret->signal < 1 || ret->signal > SIGRTMAX)
                return sd_bus_error_set(error, ERROR_INVALID_ARGS,
                                        "Option signal is no number of a signal");
        if (ret->timeout > TIMEOUT_MAX)
                return sd_bus_error_set(error, ERROR_INVALID_ARGS, "Option timeout is too large");
        return 0;
}

/* A container that is being started or removed has to be waited for; one that is being frozen or
 * committed is up, and can be ended meanwhile. */
static int wait_until_settled(Container *c, sd_bus_message *message, sd_bus_error *error) {
        return container_is_up(c) ? 1 : container_wait_turn(c, message, error);
}

static void on_stopped(Container *c, Call *stopped) {
        _cleanup_(call_freep) Call *call = stopped;

        reply_done_empty(call->message);
}

/* Begins to stop, and has `then` called with a Call when it has happened. */
static int stop(Container *c, sd_bus_message *message, const StopOptions *options,
                void (*then)(Container *c, Call *call), sd_bus_error *error) {
        const Caller *caller;
        Call *call;
        Error e = ERROR_INIT;
        int r;

        r = caller_get(c->manager, message, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        /* A signal can be ignored for as long as the timeout is. */
        if (options->timeout > 0 && options->signal != SIGKILL)
                TRY(waiters_check_quota(c->manager, caller->uid, error));
        if (container_stop(c, options->signal, options->timeout, &e) < 0)
                return error_to_bus(&e, error);
        call = call_new(c, message);
        if (!call || container_on_exit(c, caller->uid, then, call) < 0) {
                call_free(call);
                return bus_failure(error, ENOMEM, "call");
        }
        return 1;
}

int container_method_stop(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Container *c = userdata;
        StopOptions options;
        int r;

        TRY(read_stop_options(c, message, &options, error));
        r = container_authorize(c, message, true, ACTION_LIFECYCLE, "stop", error);
        if (r > 0)
                r = wait_until_settled(c, message, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (!container_is_up(c)) {
                if (c->state == CONTAINER_RESTARTING)
                        restart_stopped(c);
                return sd_bus_reply_method_return(message, NULL);
        }
        return stop(c, message, &options, on_stopped, error);
}

static void on_stopped_for_restart(Container *c, Call *stopped) {
        _cleanup_(call_freep) Call *call = stopped;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        /* Before the supervisor can write how the next one ended in the same place. */
        container_note_exit(c);
        /* Put aside it comes again as a call to restart what does not run. */
        r = container_wait_turn(c, call->message, &error);
        if (r > 0)
                r = start(c, call->message, on_restarted, &error);
        if (r < 0)
                reply_bus_error(call->message, &error);
}

int container_method_restart(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Container *c = userdata;
        StopOptions options;
        int r;

        TRY(read_stop_options(c, message, &options, error));
        r = container_authorize(c, message, true, ACTION_LIFECYCLE, "restart", error);
        if (r > 0)
                r = wait_until_settled(c, message, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (!container_is_up(c))
                return start(c, message, on_restarted, error);
        return stop(c, message, &options, on_stopped_for_restart, error);
}

int container_method_kill(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Container *c = userdata;
        Request request = {.type = REQUEST_SIGNAL};
        int r;

        TRY(sd_bus_message_read(message, "i", &request.signal));
        TRY(options_read_none(message, error));
        if (request.signal < 1 || request.signal > SIGRTMAX)
                return sd_bus_error_set(error, ERROR_INVALID_ARGS,
                                        "Argument signal is no number of a signal");
        r = container_authorize(c, message, true, ACTION_LIFECYCLE, "kill", error);
        if (r > 0)
                r = wait_until_settled(c, message, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        TRY(container_check_up(c, true, error));
        /* What cannot be ignored is waited for: it can be removed then, for instance. */
        if (request.signal == SIGKILL)
                return stop(c, message, &kill_now, on_stopped, error);
        if (request.signal == c->record->stop_signal)
                restart_stopped(c);
        return call_supervisor(c, message, &request, error);
}

/* Whether it makes sense to wait for a container to be healthy. */
static int check_healthy_comes(const Container *c, sd_bus_error *error) {
        if (!c->record->health_check.command)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGS,
                                         "Option condition: container %s has no health check",
                                         c->record->name);
        return c->busy || c->state == CONTAINER_RESTARTING ? 0 : container_check_up(c, true, error);
}

int container_method_wait(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        static const Option options[] = {{"condition", OPTION_STRING, 0}};
        Container *c = userdata;
        _cleanup_free_ char *word = NULL;
        WaitCondition condition;
        const Caller *caller;
        int r;

        TRY(options_read(message, options, ELEMENTSOF(options), &word, error));
        if (wait_condition_parse(word ?: "not-running", &condition) < 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGS,
                                         "Option condition: “%.64s” is not known", word);
        if (condition == WAIT_NOT_RUNNING && !container_is_up(c) && !c->busy &&
            (c->record->state == RECORD_EXITED || c->record->state == RECORD_CREATED) &&
            c->state != CONTAINER_RESTARTING)
                return sd_bus_reply_method_return(
                        message, "i", c->record->state == RECORD_EXITED ? c->record->exit_code : 0);
        if (condition == WAIT_HEALTHY) {
                TRY(check_healthy_comes(c, error));
                if (c->record->health_status == HEALTH_HEALTHY)
                        return sd_bus_reply_method_return(message, "i", 0);
        }
        r = caller_get(c->manager, message, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        TRY(waiter_add(c, NULL, condition, message, caller->uid, error));
        return 1;
}

static void on_removed(const Error *error, void *userdata) {
        _cleanup_(call_freep) Call *call = userdata;

        if (error)
                reply_failure(call->message, error);
        else
                reply_done_empty(call->message);
}

static int remove_now(Container *c, sd_bus_message *message, sd_bus_error *error) {
        Call *call = call_new(c, message);

        if (!call)
                return bus_failure(error, ENOMEM, "call");
        container_remove(c, on_removed, call);
        return 1;
}

static void on_killed_for_remove(Container *c, Call *stopped) {
        _cleanup_(call_freep) Call *call = stopped;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = container_wait_turn(c, call->message, &error);
        if (r > 0)
                r = remove_now(c, call->message, &error);
        if (r < 0)
                reply_bus_error(call->message, &error);
}

int container_method_remove(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        static const Option options[] = {{"force", OPTION_BOOL, 0}};
        Container *c = userdata;
        bool force = false;
        int r;

        TRY(options_read(message, options, ELEMENTSOF(options), &force, error));
        r = container_authorize(c, message, true, ACTION_REMOVE, "remove", error);
        /* Nobody can keep it from being removed by feeding it slowly. */
        if (r > 0 && !container_is_up(c))
                container_cancel_copies(c);
        if (r > 0)
                r = wait_until_settled(c, message, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (!container_is_up(c) && (force || c->state != CONTAINER_RESTARTING))
                return remove_now(c, message, error);
        if (!force)
                return sd_bus_error_setf(error,
                                         c->state == CONTAINER_PAUSED ? ERROR_CONTAINER_PAUSED :
                                                                        ERROR_CONTAINER_RUNNING,
                                         "Container %s is %s", c->record->name,
                                         container_state_to_string(c->state));
        return stop(c, message, &kill_now, on_killed_for_remove, error);
}

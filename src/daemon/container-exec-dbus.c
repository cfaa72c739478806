/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Exec and ExecCollect. */

#include <signal.h>

#include "daemon/authorize.h"
#include "daemon/bus-util.h"
#include "daemon/collect.h"
#include "daemon/container-methods.h"
#include "daemon/errors.h"
#include "daemon/exec.h"
#include "daemon/options.h"
#include "daemon/quota.h"
#include "daemon/run-options.h"
#include "shared/log.h"

static const Option exec_options[] = {
        {"env", OPTION_STRV, offsetof(ExecOptions, env)},
        {"workdir", OPTION_STRING, offsetof(ExecOptions, workdir)},
        {"user", OPTION_STRING, offsetof(ExecOptions, user)},
        /* Exec only */
        {"tty", OPTION_BOOL, offsetof(ExecOptions, tty)},
        {"rows", OPTION_U16, offsetof(ExecOptions, rows)},
        {"columns", OPTION_U16, offsetof(ExecOptions, columns)},
        {"open-stdin", OPTION_BOOL, offsetof(ExecOptions, open_stdin)},
        {"stdin", OPTION_FD, offsetof(ExecOptions, streams[0])},
        {"stdout", OPTION_FD, offsetof(ExecOptions, streams[1])},
        {"stderr", OPTION_FD, offsetof(ExecOptions, streams[2])},
};

#define N_COLLECT_OPTIONS 3

static int authorize_exec(Container *c, sd_bus_message *message, const ExecOptions *o,
                          sd_bus_error *error) {
        _cleanup_strv_free_ char **details = NULL;

        if (container_details(c, "exec", o->user, &details) < 0)
                return bus_failure(error, ENOMEM, "container");
        return authorize_owner(c->manager, message, c->record->owner, ACTION_EXEC, details, error);
}

/* Everything up to the request. Return: 1, 0 when the call is dispatched again later, or a negative
 * errno with `error` set. */
static int prepare(Container *c, sd_bus_message *message, size_t n_options, char ***command,
                   ExecOptions *o, const Caller **caller, sd_bus_error *error) {
        int r;

        TRY(argument_read_strv(message, "command", 1, command, error));
        TRY(options_read(message, exec_options, n_options, o, error));
        TRY(process_options_check(o->env, o->workdir, o->user, o->tty, o->rows, o->columns,
                                  o->streams, o->open_stdin, error));
        r = authorize_exec(c, message, o, error);
        if (r > 0)
                r = caller_get(c->manager, message, caller, error);
        /* Frozen only while it is being committed. */
        if (r > 0 && c->busy && c->frozen && c->state != CONTAINER_PAUSED)
                r = container_wait_turn(c, message, error);
        if (r <= 0)
                return r;
        TRY(container_check_up(c, false, error));
        TRY(quota_check_streams(c->manager, (*caller)->uid, error));
        return 1;
}

static int reply_process(sd_bus_message *message, const Process *p, char *const *streams,
                         const int *fds, size_t n_fds) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        TRY(sd_bus_message_new_method_return(message, &reply));
        TRY(sd_bus_message_append(reply, "o", p->path));
        TRY(sd_bus_message_open_container(reply, 'a', "{sv}"));
        for (size_t i = 0; i < n_fds; i++)
                TRY(append_entry(reply, streams[i], "h", fds[i]));
        TRY(sd_bus_message_close_container(reply));
        return sd_bus_send(NULL, reply, NULL);
}

typedef struct ExecCall {
        Call *call;
        uid_t uid;
} ExecCall;

static void on_exec(Process *p, const Error *error, char *const *streams, int *fds, size_t n_fds,
                    void *userdata) {
        _cleanup_free_ ExecCall *exec = userdata;
        _cleanup_(call_freep) Call *call = exec->call;
        int r;

        if (error) {
                reply_failure(call->message, error);
                return;
        }
        p->owner = exec->uid;
        p->creator = strdup(sd_bus_message_get_sender(call->message));
        process_announce(p);
        r = reply_process(call->message, p, streams, fds, n_fds);
        reply_check(call->message, r);
}

/* What Exec and ExecCollect have in common. */
static int begin(Container *c, sd_bus_message *message, size_t n_options, ExecCallback callback,
                 sd_bus_error *error) {
        _cleanup_(exec_options_done) ExecOptions o = EXEC_OPTIONS_INIT;
        _cleanup_strv_free_ char **command = NULL;
        _cleanup_free_ ExecCall *exec = NULL;
        const Caller *caller;
        Error e = ERROR_INIT;
        int r;

        r = prepare(c, message, n_options, &command, &o, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        exec = calloc(1, sizeof(*exec));
        if (!exec || !(exec->call = call_new(c, message)))
                return bus_failure(error, ENOMEM, "call");
        exec->uid = o.uid = caller->uid;
        if (exec_begin(c, command, &o, callback, exec, &e) < 0) {
                call_free(exec->call);
                return error_to_bus(&e, error);
        }
        exec = NULL;
        return 1;
}

int container_method_exec(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return begin(userdata, message, ELEMENTSOF(exec_options), on_exec, error);
}

static void on_exec_collect(Process *p, const Error *error, char *const *streams, int *fds,
                            size_t n_fds, void *userdata) {
        _cleanup_free_ ExecCall *exec = userdata;
        _cleanup_(call_freep) Call *call = exec->call;
        Error e = ERROR_INIT;

        if (p)
                p->owner = exec->uid;

        if (!error && n_fds != 2) {
                error_set(&e, EBADMSG, "supervisor", "unexpected reply");
                error = &e;
        }
        if (!error && collect_begin(p, fds, call->message, &e) < 0)
                error = &e;
        if (!error)
                return;
        reply_failure(call->message, error);
        if (p)
                process_free(p);
}

int container_method_exec_collect(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return begin(userdata, message, N_COLLECT_OPTIONS, on_exec_collect, error);
}

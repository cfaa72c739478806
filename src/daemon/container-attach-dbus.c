/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Attach and Resize. */

#include <fcntl.h>
#include <sys/socket.h>

#include "daemon/authorize.h"
#include "daemon/bus-util.h"
#include "daemon/container-methods.h"
#include "daemon/errors.h"
#include "daemon/options.h"
#include "daemon/supervisor-client.h"
#include "shared/fd.h"
#include "shared/log.h"

typedef struct AttachOptions {
        uint16_t rows, columns;
} AttachOptions;

static const Option attach_options[] = {
        {"rows", OPTION_U16, offsetof(AttachOptions, rows)},
        {"columns", OPTION_U16, offsetof(AttachOptions, columns)},
};

static int reply_streams(sd_bus_message *message, char *const *streams, const int *fds,
                         size_t n_fds) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        TRY(sd_bus_message_new_method_return(message, &reply));
        TRY(sd_bus_message_open_container(reply, 'a', "{sv}"));
        for (size_t i = 0; i < n_fds; i++)
                TRY(append_entry(reply, streams[i], "h", fds[i]));
        TRY(sd_bus_message_close_container(reply));
        return sd_bus_send(NULL, reply, NULL);
}

static void on_attached(Reply *reply, int *fds, size_t n_fds, void *userdata) {
        _cleanup_(call_freep) Call *call = userdata;
        int r;

        if (reply->error.number == 0 && n_fds != strv_length(reply->streams))
                error_set(&reply->error, EBADMSG, "supervisor", "unexpected reply");
        if (reply->error.number != 0) {
                reply_failure(call->message, &reply->error);
                return;
        }
        r = reply_streams(call->message, reply->streams, fds, n_fds);
        reply_check(call->message, r);
}

static int attach_running(Container *c, sd_bus_message *message, const AttachOptions *o,
                          sd_bus_error *error) {
        Request resize = {.type = REQUEST_RESIZE, .rows = o->rows, .columns = o->columns};
        _cleanup_(call_freep) Call *call = NULL;
        Error e = ERROR_INIT;

        memcpy(resize.container, c->record->spec->id, sizeof(resize.container));
        if ((o->rows != 0 || o->columns != 0) &&
            supervisor_call(c->manager->supervisor, &resize, NULL, 0, NULL, NULL, &e) < 0)
                return error_to_bus(&e, error);
        call = call_new(c, message);
        if (!call)
                return bus_failure(error, ENOMEM, "call");
        if (supervisor_call_simple(c->manager->supervisor, REQUEST_ATTACH, c->record->spec->id,
                                   on_attached, call, &e) < 0)
                return error_to_bus(&e, error);
        call = NULL;
        return 1;
}

/* Makes the two ends of a stream that is handed over at the start: not a byte of the output is missed.
 * Return: the client's end or a negative errno. */
static int make_stream(Container *c, int stream, bool tty) {
        int fds[2], r;

        if (tty)
                r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
        else
                r = pipe2(fds, O_CLOEXEC);
        if (r < 0)
                return -errno;
        r = container_attach_at_start(c, stream, fds[1]);
        if (r < 0) {
                safe_close(fds[0]);
                return r;
        }
        return fds[0];
}

static int attach_before_start(Container *c, sd_bus_message *message, const AttachOptions *o,
                               sd_bus_error *error) {
        static char *const tty_names[] = {(char *)"tty", NULL};
        static char *const pipe_names[] = {(char *)"stdout", (char *)"stderr", NULL};
        bool tty = c->record->spec->process.tty;
        int fds[2] = {-EBADF, -EBADF}, n, r = 0;

        for (n = 0; n < (tty ? 1 : 2) && r >= 0; n++)
                r = fds[n] = make_stream(c, n, tty);
        if (r == -EUSERS)
                sd_bus_error_setf(error, ERROR_LIMITS_EXCEEDED,
                                  "Too many clients are attached to container %s", c->record->name);
        else if (r < 0)
                bus_failure(error, r, "cannot make a stream");
        else {
                if (o->rows != 0 || o->columns != 0) {
                        c->record->spec->process.rows = o->rows;
                        c->record->spec->process.columns = o->columns;
                }
                r = reply_streams(message, tty ? tty_names : pipe_names, fds, (size_t)n);
        }
        fd_close_many(fds, ELEMENTSOF(fds));
        return r;
}

int container_method_attach(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Container *c = userdata;
        AttachOptions o = {};
        int r;

        TRY(options_read(message, attach_options, ELEMENTSOF(attach_options), &o, error));
        if (!c->record->spec->process.tty && (o.rows != 0 || o.columns != 0))
                return sd_bus_error_set(error, ERROR_INVALID_ARGS,
                                        "Options rows and columns need a terminal");
        r = container_authorize(c, message, true, ACTION_EXEC, "attach", error);
        if (r > 0 && !container_is_up(c))
                r = container_wait_turn(c, message, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (!container_is_up(c))
                return attach_before_start(c, message, &o, error);
        return attach_running(c, message, &o, error);
}

int container_method_resize(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Container *c = userdata;
        Request request = {.type = REQUEST_RESIZE};
        int r;

        TRY(sd_bus_message_read(message, "qq", &request.rows, &request.columns));
        TRY(options_read_none(message, error));
        if (!c->record->spec->process.tty)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGS, "Container %s has no terminal",
                                         c->record->name);
        r = container_authorize(c, message, true, ACTION_EXEC, "resize", error);
        if (r <= 0)
                return r < 0 ? r : 1;
        TRY(container_check_up(c, true, error));
        return call_supervisor(c, message, &request, error);
}

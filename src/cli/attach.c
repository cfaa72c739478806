/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/attach.h"

#include "cli/containers.h"
#include "cli/report.h"
#include "shared/error.h"

/* The kind of the streams is in the reply itself: a terminal is called "tty". */
static int find_tty(sd_bus_message *reply, bool *ret) {
        const char *name;
        int fd, r;

        TRY(sd_bus_message_enter_container(reply, 'a', "{sv}"));
        while ((r = sd_bus_message_read(reply, "{sv}", &name, "h", &fd)) > 0)
                if (name[0] == 't')
                        *ret = true;
        return r < 0 ? r : sd_bus_message_rewind(reply, true);
}

static int attach(Session *session, const char *operand, sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *call = NULL;
        Client *client = session->client;
        int r = client_new_call(client, session->path, CONTAINER_INTERFACE, "Attach", &call);

        if (r != 0)
                return r;
        r = options_open(call);
        if (r >= 0)
                r = session_add_size(call);
        if (r >= 0)
                r = options_close(call);
        if (r >= 0)
                r = session_open_signals(session);
        return r < 0 ? report_errno(client, r, "cannot make a message") :
                       client_send(client, call, operand, ret);
}

int attach_streams(Session *session, const char *operand, bool input) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        Client *client = session->client;
        int r = attach(session, operand, &reply);

        if (r != 0)
                return r;
        r = find_tty(reply, &session->tty);
        if (r >= 0)
                r = session_take_streams(session, reply, input);
        if (r < 0)
                return report_errno(client, r, "cannot use the container's streams");
        if (session->tty && input && !isatty(STDIN_FILENO)) {
                report(client, "the input device is not a TTY");
                return 1;
        }
        return 0;
}

/* Input alone. */
static int attach_input(Session *session, const char *operand) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        Container container = {};
        int r = container_get(session->client, session->path, operand, &container);
        bool over = r == 0 && !container_is_running(&container);

        container_done(&container);
        if (over) /* already; its output is there all the same */
                return 0;
        if (r == 0)
                r = attach(session, operand, &reply);
        if (r != 0)
                return r;
        r = session_take_input(session, reply);
        return r < 0 ? report_errno(session->client, r, "cannot use the container's streams") : 0;
}

static int start(Session *session, const char *operand) {
        return client_call(session->client, operand, session->path, CONTAINER_INTERFACE, "Start",
                           NULL, "a{sv}", 0);
}

int attach_and_start(Session *session, const char *operand, bool input) {
        int r = attach_streams(session, operand, input);

        if (r == 0)
                r = start(session, operand);
        /* Standard input that is no terminal is not there before. */
        return r != 0 || !input || session->tty ? r : attach_input(session, operand);
}

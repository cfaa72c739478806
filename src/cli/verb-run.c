/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker run */

#include <limits.h>

#include "cli/attach.h"
#include "cli/container-options.h"
#include "cli/report.h"
#include "cli/run-log.h"
#include "cli/session.h"
#include "cli/verbs.h"

static bool detach, signal_proxy = true;

static int new_call(Client *client, const char *member, char **operands, sd_bus_message **ret) {
        int r = container_options_call(client, member, operands, ret);

        if (r != 0 || !container_options.interactive)
                return r;
        r = container_options_open_stdin(*ret, !detach);
        return r < 0 ? report_errno(client, r, "cannot make a message") : 0;
}

static int run_detached(Client *client, char **operands) {
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_free_ char *path = NULL;
        int r = new_call(client, "Run", operands, &call);

        if (r == 0)
                r = container_options_send(client, call, operands, &path);
        if (r == 0)
                printf("%s\n", path_id(path));
        return r;
}

/* The process of a container that leaves nothing behind uses our own streams. Of others the output is in the log
 * afterwards, and reaches us from there. What is left to do is to wait: one round trip. */
static int run_with_streams(Session *session, char **operands) {
        _cleanup_message_ sd_bus_message *call = NULL;
        Client *client = session->client;
        int r = session_watch_all(session);

        session->logged = !container_options.remove;
        if (r == 0)
                r = new_call(client, "Run", operands, &call);
        if (r == 0)
                r = session_give_streams(session, container_options.interactive);
        if (r != 0)
                return r;
        r = session_add_streams(session, call);
        if (r >= 0)
                r = session_open_signals(session);
        if (r < 0)
                return report_errno(client, r, "cannot make a message");
        r = container_options_send(client, call, operands, &session->path);
        /* With it go our own ends of what the process writes to, so that its end is seen. */
        call = sd_bus_message_unref(call);
        return r != 0 ? r : session_run(session);
}

/* Nothing of a container that could not be started stays behind. */
static void remove_created(Session *session) {
        (void)sd_bus_call_method(session->client->bus, BUS_NAME, session->path, CONTAINER_INTERFACE,
                                 "Remove", NULL, NULL, "a{sv}", 0);
}

/* With a terminal of its own: connected before the first byte is written. */
static int run_with_terminal(Session *session, char **operands) {
        _cleanup_message_ sd_bus_message *call = NULL;
        Client *client = session->client;
        int r = new_call(client, "Create", operands, &call);

        if (r != 0)
                return r;
        r = session_add_size(call);
        if (r >= 0)
                r = session_open_signals(session);
        if (r < 0)
                return report_errno(client, r, "cannot make a message");
        r = container_options_send(client, call, operands, &session->path);
        if (r == 0)
                r = session_watch(session);
        if (r != 0)
                return r;
        r = attach_streams(session, operands[0], container_options.interactive);
        if (r == 0)
                r = client_call(client, operands[0], session->path, CONTAINER_INTERFACE, "Start",
                                NULL, "a{sv}", 0);
        if (r != 0) {
                remove_created(session);
                return r;
        }
        return session_run(session);
}

static int run(Client *client, char **operands) {
        _cleanup_session_ Session session = {};
        int r;

        if (detach)
                return run_detached(client, operands);
        if (run_needs_log(client))
                return run_from_log(client, operands, signal_proxy);
        if (container_options.tty && container_options.interactive && !isatty(STDIN_FILENO)) {
                report(client, "the input device is not a TTY");
                return 1;
        }
        r = session_init(&session, client, CONTAINER_INTERFACE, container_options.detach_keys);
        if (r != 0)
                return r;
        session.signal_proxy = signal_proxy;
        session.wait_removed = container_options.remove;
        return container_options.tty ? run_with_terminal(&session, operands) :
                                       run_with_streams(&session, operands);
}

static const Option options[] = {
        {"d detach", NULL, "Run container in background and print container ID", option_bool,
         &detach},
        {"sig-proxy", NULL, "Proxy received signals to the process (default true)", option_bool,
         &signal_proxy},
        {},
};

const Verb verb_run = {
        .name = "run",
        .synopsis = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
        .summary = "Create and run a new container from an image",
        .options = options,
        .more_options = container_option_table,
        .min_operands = 1,
        .max_operands = UINT_MAX,
        .command = true,
        .first = OPERAND_IMAGE,
        .failure = EXIT_OUR_FAILURE,
        .run = run,
};

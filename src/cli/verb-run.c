/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker run */

#include <limits.h>

#include "cli/attach.h"
#include "cli/container-options.h"
#include "cli/remote-session.h"
#include "cli/remote.h"
#include "cli/report.h"
#include "cli/run-log.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "shared/strutil.h"

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
static void remove_created(Client *client, const char *path) {
        (void)sd_bus_call_method(client->bus, BUS_NAME, path, CONTAINER_INTERFACE, "Remove", NULL,
                                 NULL, "a{sv}", 0);
}

/* Connected before the first byte is written. */
static int start_connected(Session *session, const char *operand) {
        int r = session_watch(session);

        if (r == 0)
                r = attach_and_start(session, operand, container_options.interactive);
        if (r != 0) {
                remove_created(session->client, session->path);
                return r;
        }
        return session_run(session);
}

static int new_create_call(Client *client, char **operands, sd_bus_message **ret) {
        int r = new_call(client, "Create", operands, ret);

        if (r != 0 || !container_options.tty)
                return r;
        r = session_add_size(*ret);
        return r < 0 ? report_errno(client, r, "cannot make a message") : 0;
}

/* With a terminal of its own. */
static int run_with_terminal(Session *session, char **operands) {
        _cleanup_message_ sd_bus_message *call = NULL;
        Client *client = session->client;
        int r = new_create_call(client, operands, &call);

        if (r != 0)
                return r;
        r = session_open_signals(session);
        if (r < 0)
                return report_errno(client, r, "cannot block signals");
        r = container_options_send(client, call, operands, &session->path);
        return r != 0 ? r : start_connected(session, operands[0]);
}

static int block_signals(Client *client, sigset_t *ret) {
        int r = session_block_signals(ret);

        return r < 0 ? report_errno(client, r, "cannot block signals") : 0;
}

static int run_with_log(Client *client, char **operands) {
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_free_ char *path = NULL;
        sigset_t signals;
        int r = new_call(client, "Run", operands, &call);

        if (r == 0)
                r = block_signals(client, &signals);
        if (r == 0)
                r = container_options_send(client, call, operands, &path);
        return r != 0 ? r : run_show_log(client, path, operands[0], &signals, signal_proxy);
}

static bool lacks_terminal(const Client *client) {
        if (!container_options.tty || !container_options.interactive || isatty(STDIN_FILENO))
                return false;
        report(client, "the input device is not a TTY");
        return true;
}

/* All that is read here, such as files of variables, is in the call that creates it; the rest happens there. */
static int run_remotely(Client *client, char **operands) {
        const ContainerOptions *o = &container_options;
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_strv_free_ char **words = NULL;
        _cleanup_free_ char *path = NULL;
        RemoteSession session = {.starts = true,
                                 .created = true,
                                 .signal_proxy = signal_proxy,
                                 .input = o->interactive,
                                 .tty = o->tty};
        sigset_t signals;
        int r = new_create_call(client, operands, &call);

        /* What comes from now on the session deals with, which knows what to do with the container. */
        if (r == 0)
                r = block_signals(client, &signals);
        if (r == 0)
                r = container_options_send(client, call, operands, &path);
        if (r != 0)
                return r;
        r = remote_add(&words, verb_run_created.name, NULL);
        if (r >= 0 && o->interactive)
                r = remote_add(&words, "--interactive", NULL);
        if (r >= 0 && o->tty)
                r = remote_add(&words, "--tty", NULL);
        if (r >= 0 && o->remove)
                r = remote_add(&words, "--rm", NULL);
        if (r >= 0 && o->detach_keys)
                r = remote_add(&words, "--detach-keys", o->detach_keys, NULL);
        if (r >= 0 && o->restart)
                r = remote_add(&words, "--restart", o->restart, NULL);
        if (r >= 0 && o->log_driver)
                r = remote_add(&words, "--log-driver", o->log_driver, NULL);
        if (r >= 0)
                r = remote_add(&words, path_id(path), NULL);
        session.container = path;
        return r < 0 ? report_errno(client, r, "cannot go on") :
                       remote_session(client, &session, words);
}

static int run(Client *client, char **operands) {
        _cleanup_session_ Session session = {};
        int r;

        if (detach)
                return run_detached(client, operands);
        if (lacks_terminal(client))
                return 1;
        if (client->host)
                return run_remotely(client, operands);
        if (run_needs_log())
                return run_with_log(client, operands);
        r = session_init(&session, client, CONTAINER_INTERFACE, container_options.detach_keys);
        if (r != 0)
                return r;
        session.signal_proxy = signal_proxy;
        session.wait_removed = container_options.remove;
        return container_options.tty ? run_with_terminal(&session, operands) :
                                       run_with_streams(&session, operands);
}

static int start_and_show_log(Client *client, const char *path, const char *operand) {
        sigset_t signals;
        int r = block_signals(client, &signals);

        if (r == 0)
                r = client_call(client, operand, path, CONTAINER_INTERFACE, "Start", NULL, "a{sv}",
                                0);
        if (r == 0)
                return run_show_log(client, path, operand, &signals, signal_proxy);
        remove_created(client, path);
        return r;
}

/* The part of run_remotely() that happens there. */
static int run_created(Client *client, char **operands) {
        _cleanup_session_ Session session = {};
        int r = session_init(&session, client, CONTAINER_INTERFACE, container_options.detach_keys);

        if (r == 0)
                r = client_find_container(client, operands[0], &session.path);
        if (r != 0)
                return r;
        if (run_needs_log())
                return start_and_show_log(client, session.path, operands[0]);
        session.signal_proxy = signal_proxy;
        session.wait_removed = container_options.remove;
        return start_connected(&session, operands[0]);
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

const Verb verb_run_created = {
        .name = "run-created",
        .synopsis = "[OPTIONS] CONTAINER",
        .options = container_option_table,
        .min_operands = 1,
        .max_operands = 1,
        .first = OPERAND_CONTAINER,
        .failure = EXIT_OUR_FAILURE,
        .run = run_created,
};

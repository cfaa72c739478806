/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker attach */

#include <stdio.h>

#include "cli/attach.h"
#include "cli/containers.h"
#include "cli/remote-session.h"
#include "cli/remote.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "shared/strutil.h"

static const char *detach_keys;
static bool no_stdin, signal_proxy = true;

static const Option options[] = {
        {"detach-keys", "string", "Override the key sequence for detaching a container",
         option_string, &detach_keys},
        {"no-stdin", NULL, "Do not attach STDIN", option_bool, &no_stdin},
        {"sig-proxy", NULL, "Proxy all received signals to the process (default true)", option_bool,
         &signal_proxy},
        {},
};

/* The daemon would let us wait for the start, which nobody expects. */
static int check_running(Client *client, const char *path, const char *operand, bool *tty) {
        Container container = {};
        int r = container_get(client, path, operand, &container);

        *tty = container.tty;
        if (r == 0 && !container_is_running(&container))
                r = report(client, "You cannot attach to a stopped container, start it first");
        else if (r == 0 && streq(container.state, "paused"))
                r = report(client, "You cannot attach to a paused container, unpause it first");
        container_done(&container);
        return r;
}

static int attach_remotely(Client *client, const Session *session) {
        const RemoteSession remote = {.container = session->path,
                                      .signal_proxy = signal_proxy,
                                      .input = !no_stdin,
                                      .tty = session->tty};
        _cleanup_strv_free_ char **words = NULL;
        int r = remote_add(&words, "attach", no_stdin ? "--no-stdin" : NULL, NULL);

        if (r >= 0 && detach_keys)
                r = remote_add(&words, "--detach-keys", detach_keys, NULL);
        if (r >= 0)
                r = remote_add(&words, path_id(session->path), NULL);
        return r < 0 ? report_errno(client, r, "cannot go on") :
                       remote_session(client, &remote, words);
}

static int attach(Client *client, char **operands) {
        _cleanup_session_ Session session = {};
        int r = session_init(&session, client, CONTAINER_INTERFACE, detach_keys);

        if (r == 0)
                r = client_find_container(client, operands[0], &session.path);
        if (r == 0)
                r = check_running(client, session.path, operands[0], &session.tty);
        if (r == 0 && client->host)
                return attach_remotely(client, &session);
        if (r == 0)
                r = session_watch(&session);
        if (r != 0)
                return r;
        session.signal_proxy = signal_proxy;
        r = attach_streams(&session, operands[0], !no_stdin);
        return r != 0 ? r : session_run(&session);
}

const Verb verb_attach = {
        .name = "attach",
        .synopsis = "[OPTIONS] CONTAINER",
        .summary = "Attach local standard input, output, and error streams to a running container",
        .options = options,
        .min_operands = 1,
        .max_operands = 1,
        .first = OPERAND_RUNNING_CONTAINER,
        .failure = 1,
        .run = attach,
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker start */

#include <limits.h>
#include <stdio.h>

#include "cli/attach.h"
#include "cli/batch.h"
#include "cli/containers.h"
#include "cli/remote-session.h"
#include "cli/remote.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "shared/strutil.h"

static bool attach, interactive, signal_proxy = true;
static const char *detach_keys;

static const Option options[] = {
        {"a attach", NULL, "Attach STDOUT/STDERR and forward signals", option_bool, &attach},
        {"detach-keys", "string", "Override the key sequence for detaching a container",
         option_string, &detach_keys},
        {"i interactive", NULL, "Attach container's STDIN", option_bool, &interactive},
        {"sig-proxy", NULL, "Proxy received signals to the process (default true)", option_bool,
         &signal_proxy},
        {},
};

static int start_remotely(Client *client, const char *path, const char *operand) {
        RemoteSession remote = {
                .container = path, .signal_proxy = signal_proxy, .input = interactive};
        _cleanup_strv_free_ char **words = NULL;
        Container container = {};
        int r = container_get(client, path, operand, &container);

        remote.tty = container.tty;
        remote.starts = r == 0 && !container_is_running(&container);
        container_done(&container);
        if (r != 0)
                return r;
        r = remote_add(&words, "start", "--attach", interactive ? "--interactive" : NULL, NULL);
        if (r >= 0 && detach_keys)
                r = remote_add(&words, "--detach-keys", detach_keys, NULL);
        if (r >= 0)
                r = remote_add(&words, path_id(path), NULL);
        return r < 0 ? report_errno(client, r, "cannot go on") :
                       remote_session(client, &remote, words);
}

static int start_attached(Client *client, const char *operand) {
        _cleanup_session_ Session session = {};
        int r = session_init(&session, client, CONTAINER_INTERFACE, detach_keys);

        if (r == 0)
                r = client_find_container(client, operand, &session.path);
        if (r == 0 && client->host)
                return start_remotely(client, session.path, operand);
        if (r == 0)
                r = session_watch(&session);
        if (r != 0)
                return r;
        session.signal_proxy = signal_proxy;
        r = attach_and_start(&session, operand, interactive);
        return r != 0 ? r : session_run(&session);
}

static int start(Client *client, char **operands) {
        static const Batch batch = {.member = "Start", .arguments = batch_no_arguments};

        if (!attach && !interactive)
                return batch_run(client, &batch, operands);
        if (operands[1])
                return report(client, "you cannot start and attach multiple containers at once");
        return start_attached(client, operands[0]);
}

const Verb verb_start = {
        .name = "start",
        .synopsis = "[OPTIONS] CONTAINER [CONTAINER...]",
        .summary = "Start one or more stopped containers",
        .options = options,
        .min_operands = 1,
        .max_operands = UINT_MAX,
        .first = OPERAND_CONTAINER,
        .others = OPERAND_CONTAINER,
        .failure = 1,
        .run = start,
};

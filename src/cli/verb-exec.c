/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker exec */

#include <fcntl.h>
#include <limits.h>

#include "cli/environment.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "shared/error.h"
#include "shared/fd.h"

static bool detach, interactive, privileged, tty;
static const char *detach_keys, *user, *workdir;
static char **env, **env_files;

static const Option options[] = {
        {"d detach", NULL, "Detached mode: run command in the background", option_bool, &detach},
        {"detach-keys", "string", "Override the key sequence for detaching a container",
         option_string, &detach_keys},
        {"e env", "list", "Set environment variables", option_list, &env},
        {"env-file", "list", "Read in a file of environment variables", option_list, &env_files},
        {"i interactive", NULL, "Keep STDIN open even if not attached", option_bool, &interactive},
        {"privileged", NULL, "Refused: a process has the rights of its container", option_bool,
         &privileged},
        {"t tty", NULL, "Allocate a pseudo-TTY", option_bool, &tty},
        {"u user", "string", "Username or UID (format: <name|uid>[:<group|gid>])", option_string,
         &user},
        {"w workdir", "string", "Working directory inside the container", option_string, &workdir},
        {},
};

/* Command and the options that do not concern the streams; the options are still open. */
static int new_call(Client *client, const char *path, const char *member, char **command,
                    sd_bus_message **ret) {
        int r = client_new_call(client, path, CONTAINER_INTERFACE, member, ret);

        if (r != 0)
                return r;
        r = sd_bus_message_append_strv(*ret, command);
        if (r >= 0)
                r = options_open(*ret);
        if (r >= 0 && user)
                r = options_add(*ret, "user", "s", user);
        if (r >= 0 && workdir)
                r = options_add(*ret, "workdir", "s", workdir);
        return r < 0 ? report_errno(client, r, "cannot make a message") :
                       environment_add(client, *ret, env_files, env);
}

/* For another machine, where no descriptor gets to. */
static int exec_collect(Client *client, const char *path, char **operands) {
        _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
        const void *data;
        size_t size;
        int32_t status;
        int r = new_call(client, path, "ExecCollect", operands + 1, &call);

        if (r != 0)
                return r;
        r = options_close(call);
        if (r < 0)
                return report_errno(client, r, "cannot make a message");
        r = client_send(client, call, operands[0], &reply);
        if (r != 0)
                return r;
        r = sd_bus_message_read(reply, "i", &status);
        for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO && r >= 0; fd++) {
                r = sd_bus_message_read_array(reply, 'y', &data, &size);
                if (r >= 0)
                        r = fd_write_all(fd, data, size);
        }
        return r < 0 ? report_errno(client, r, "cannot pass on the output") : status;
}

static int add_terminal(sd_bus_message *call) {
        TRY(options_add(call, "tty", "b", true));
        if (interactive)
                TRY(options_add(call, "open-stdin", "b", true));
        return session_add_size(call);
}

static int give_null(Session *session) {
        for (size_t i = 0; i < ELEMENTSOF(session->given); i++) {
                session->given[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
                if (session->given[i] < 0)
                        return report_errno(session->client, errno, "/dev/null");
        }
        return 0;
}

static int exec_in(Session *session, const char *path, char **operands) {
        _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
        Client *client = session->client;
        const char *process;
        int r = new_call(client, path, "Exec", operands + 1, &call);

        if (r == 0 && detach)
                r = give_null(session);
        else if (r == 0 && !tty)
                r = session_give_streams(session, interactive);
        if (r != 0)
                return r;
        r = tty && !detach ? add_terminal(call) : session_add_streams(session, call);
        if (r >= 0)
                r = options_close(call);
        if (r >= 0 && !detach)
                r = session_open_signals(session);
        if (r < 0)
                return report_errno(client, r, "cannot make a message");

        r = client_send(client, call, operands[0], &reply);
        if (r != 0 || detach)
                return r;
        r = sd_bus_message_read(reply, "o", &process);
        if (r >= 0)
                r = (session->path = strdup(process)) ? 0 : -ENOMEM;
        if (r >= 0)
                r = session_take_streams(session, reply, interactive);
        return r < 0 ? report_errno(client, r, "cannot use the process's streams") :
                       session_run(session);
}

static int exec_verb(Client *client, char **operands) {
        _cleanup_session_ Session session = {};
        _cleanup_free_ char *path = NULL;
        int r;

        if (privileged)
                return report(
                        client,
                        "--privileged is not supported: a process has at most the rights of its "
                        "container, see --cap-add of run");
        if (detach || interactive || tty) {
                r = client_require_local(client, "exec with -d, -i or -t");
                if (r != 0)
                        return r;
        }
        if (tty && interactive && !isatty(STDIN_FILENO)) {
                report(client, "the input device is not a TTY");
                return 1;
        }
        r = session_init(&session, client, PROCESS_INTERFACE, detach_keys);
        if (r == 0)
                r = client_find_container(client, operands[0], &path);
        if (r != 0)
                return r;
        if (client->host)
                return exec_collect(client, path, operands);
        session.signal_proxy = true;
        session.tty = tty;
        return exec_in(&session, path, operands);
}

const Verb verb_exec = {
        .name = "exec",
        .synopsis = "[OPTIONS] CONTAINER COMMAND [ARG...]",
        .summary = "Execute a command in a running container",
        .options = options,
        .min_operands = 2,
        .max_operands = UINT_MAX,
        .command = true,
        .first = OPERAND_RUNNING_CONTAINER,
        .failure = EXIT_OUR_FAILURE,
        .run = exec_verb,
};

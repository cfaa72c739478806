/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker exec */

#include <fcntl.h>
#include <limits.h>

#include "cli/environment.h"
#include "cli/remote-session.h"
#include "cli/remote.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "shared/error.h"
#include "shared/strutil.h"

static bool detach, interactive, privileged, tty;
static const char *detach_keys, *tell, *user, *workdir;
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
        /* From us to ourselves on another machine: where to say what has begun. */
        {"tell", "name", NULL, option_string, &tell},
        {"t tty", NULL, "Allocate a pseudo-TTY", option_bool, &tty},
        {"u user", "string", "Username or UID (format: <name|uid>[:<group|gid>])", option_string,
         &user},
        {"w workdir", "string", "Working directory inside the container", option_string, &workdir},
        {},
};

/* Command and the options that do not concern the streams; the options are still open. */
static int new_call(Client *client, const char *path, char **command, sd_bus_message **ret) {
        int r = client_new_call(client, path, CONTAINER_INTERFACE, "Exec", ret);

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
        int r = new_call(client, path, operands + 1, &call);

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
        if (r >= 0 && tell)
                remote_tell(client, tell, process);
        if (r >= 0)
                r = (session->path = strdup(process)) ? 0 : -ENOMEM;
        if (r >= 0)
                r = session_take_streams(session, reply, interactive);
        return r < 0 ? report_errno(client, r, "cannot use the process's streams") :
                       session_run(session);
}

/* What is read here, files and our own environment, gets there on the command line. */
static int add_remote_words(Client *client, const char *path, char **operands, char ***words) {
        _cleanup_strv_free_ char **variables = NULL;
        const char *file;
        int r = environment_collect(env_files, env, &variables, &file);

        if (r < 0)
                return report_errno(client, r, file ?: "cannot collect the environment");
        r = remote_add(words, "exec", NULL);
        if (r >= 0 && detach)
                r = remote_add(words, "--detach", NULL);
        if (r >= 0 && interactive)
                r = remote_add(words, "--interactive", NULL);
        if (r >= 0 && tty)
                r = remote_add(words, "--tty", NULL);
        if (r >= 0 && user)
                r = remote_add(words, "--user", user, NULL);
        if (r >= 0 && workdir)
                r = remote_add(words, "--workdir", workdir, NULL);
        if (r >= 0 && detach_keys)
                r = remote_add(words, "--detach-keys", detach_keys, NULL);
        for (char **v = variables; v && *v && r >= 0; v++)
                r = remote_add(words, "--env", *v, NULL);
        if (r >= 0 && !detach)
                r = remote_ask_to_tell(client, words);
        if (r >= 0)
                r = remote_add(words, path_id(path), NULL);
        for (char **word = operands + 1; *word && r >= 0; word++)
                r = remote_add(words, *word, NULL);
        return r < 0 ? report_errno(client, r, "cannot go on") : 0;
}

static int exec_remotely(Client *client, const char *path, char **operands) {
        const RemoteSession remote = {.container = path,
                                      .exec = true,
                                      .signal_proxy = true,
                                      .input = interactive && !detach,
                                      .tty = tty && !detach};
        _cleanup_strv_free_ char **words = NULL;
        int r = add_remote_words(client, path, operands, &words);

        return r != 0 ? r : remote_session(client, &remote, words);
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
                return exec_remotely(client, path, operands);
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

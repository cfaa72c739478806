/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What needs descriptors on another machine, where the bus carries none: this very command there, started by ssh(1),
 * whose standard streams take their place. */

#include <sys/types.h>

#include "cli/client.h"

/* Connects to the bus there. The ssh that does it is not ended by ctrl-c on our terminal.
 * Return: 0 or a negative errno; in any case *ssh has to be waited for if it is not 0. */
int remote_open_bus(Client *client, sd_bus **ret, pid_t *ssh);

/* Appends words of the command line there, up to a NULL. Return: 0 or -ENOMEM. */
int remote_add(char ***words, ...) __attribute__((sentinel));

typedef enum RemoteKind {
        REMOTE_PLAIN,
        REMOTE_SHIELDED, /* a terminal's SIGINT and SIGQUIT do not end it */
        REMOTE_TERMINAL, /* with a terminal there in the place of ours */
} RemoteKind;

/* Starts "mydocker WORDS…" on client->host with these descriptors as standard input and output; standard error is ours. */
int remote_start(Client *client, char *const *words, int input, int output, RemoteKind kind,
                 pid_t *ret);

/* The same with an empty standard input, and its output to be read from *ret_fd. */
int remote_start_reading(Client *client, char *const *words, int *ret_fd, pid_t *ret);

/* Waits for its end. Return: 0, or the verb's exit status for failures: there it was reported. */
int remote_wait(Client *client, pid_t pid);

/* Becomes "ssh … mydocker WORDS…", on a terminal there if ours is to be one. Return: only a failure. */
int remote_exec(Client *client, char *const *words, bool terminal);

/* The same with another standard input. */
int remote_exec_with(Client *client, char *const *words, int input);

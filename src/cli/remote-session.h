/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Being connected to a process in a container of another machine. A terminal there is ssh's business altogether; without
 * one it carries the streams, and signals go by the bus. */

#include "cli/client.h"

typedef struct RemoteSession {
        const char *container; /* its path */
        bool exec;         /* it is a process of "exec", not the first one, that signals are for */
        bool starts;       /* it does not run yet */
        bool created;      /* it is there for this session alone: goes if it was never started */
        bool signal_proxy; /* pass signals on */
        bool input;        /* our standard input is its own */
        bool tty;          /* it has a terminal */
} RemoteSession;

/* Runs "mydocker WORDS…" there. Return: its exit status, or 128 and the signal that ended the session, or, if the connection
 * broke, a failure, which is reported with what is known of the container. */
int remote_session(Client *client, const RemoteSession *session, char *const *words);

/* The words that have a process there tell us its path, once it has begun, and what it tells with. */
int remote_ask_to_tell(Client *client, char ***words);
void remote_tell(Client *client, const char *to, const char *process);

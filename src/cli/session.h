/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Being connected to a process in a container, from just before it starts until it ends: its streams, its terminal,
 * signals for it, and how it ended. */

#include <signal.h>

#include "cli/client.h"
#include "cli/relay.h"

typedef enum SessionEnd {
        SESSION_RUNNING,
        SESSION_EXITED,   /* `status` is how */
        SESSION_DETACHED, /* by keys */
        SESSION_KILLED,   /* by a signal to us, in `status`, that is not passed on */
        SESSION_LOST,     /* nobody can say how it ended any more */
} SessionEnd;

typedef struct Session {
        Client *client;
        const char *interface; /* CONTAINER_INTERFACE or PROCESS_INTERFACE */
        char *path;            /* of the container or process, once it is known */
        bool signal_proxy;     /* pass signals to us on, unless there is a terminal that does */
        bool wait_removed;     /* the end is when the container was removed */
        bool tty;
        bool logged; /* output goes to the log, and from there to us */
        DetachKeys keys;
        Relay *relays[3]; /* input, output, error output */
        int given[3];     /* descriptors for the process, or -EBADF */
        int signal_fd;
        int n_interrupts;

        SessionEnd end;
        int status;
        bool removed;
        bool watching_all;
        bool settled;     /* see session_settle() */
        bool daemon_lost; /* it has left the bus, and is waited for */
        sd_bus_slot *filter, *wait;
} Session;

/* Prepares a session for `interface`, connected to the bus. `detach_keys` is as written by the user, or NULL. */
int session_init(Session *session, Client *client, const char *interface, const char *detach_keys);
void session_done(Session *session);
#define _cleanup_session_ _cleanup_(session_done)

/* Chooses what the process gets as standard streams, in session->given: our own descriptors where they are pipes or
 * files; pipes of ours where they are terminals or anything else, which a container must not have, and for output that is
 * logged. Standard input only with `input`. */
int session_give_streams(Session *session, bool input);

/* Adds our given streams to a call's options, and forgets them. Return: 0 or a negative errno. */
int session_add_streams(Session *session, sd_bus_message *call);

/* Adds the size of our terminal, if it is one, to a call's options. Return: a negative errno on failure. */
int session_add_size(sd_bus_message *call);

/* Takes the streams of an Attach or Exec reply, an a{sv} at which it stands: output, and input too if wanted; or
 * input only. Return: 0 or a negative errno. */
int session_take_streams(Session *session, sd_bus_message *reply, bool input);
int session_take_input(Session *session, sd_bus_message *reply);

/* Asks for signals: before a container is made, of all containers; or of the one at session->path. */
int session_watch_all(Session *session);
int session_watch(Session *session);

/* Keeps signals to us for session_run(): to be called just before the process starts, or one that comes when it just has
 * would end us and leave it alone. Return: 0 or a negative errno. */
int session_open_signals(Session *session);

/* Relays until the end, with our terminal raw if session->tty and it is one. Return: the exit status of the command: that
 * of the process, 0 when detached, 128 and the signal when killed by one, or a failure, which is reported. */
int session_run(Session *session);

/* Blocks the signals that are passed on to the process, to be taken with signalfd(2) or sigtimedwait(2), and SIGWINCH; and
 * has SIGPIPE ignored. Return: 0 or a negative errno. */
int session_block_signals(sigset_t *ret);

/* Whether the user wants us to end, which is said then, whatever becomes of the process: a container's first process
 * ignores signals that it does not handle. *n_interrupts counts the signals to end. */
bool session_is_insisting(int number, int *n_interrupts);

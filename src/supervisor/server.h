/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The socket on which the daemon asks: connections, requests on their way to a reply, and events.
 * Nothing here waits for a peer: what a connection doesn't take is queued, and a connection whose
 * queue grows too long is closed. */

#include "protocol/message.h"
#include "shared/fd.h"
#include "supervisor/event.h"
#include "supervisor/state.h"

typedef struct Server Server;

/* A request with all that came with it and all that goes back. */
typedef struct Call {
        Server *server;
        uint64_t connection; /* a number, since the connection may be gone before the reply */
        Request request;
        int fds[FD_PASS_MAX];
        size_t n_fds;
        Reply reply;
        int reply_fds[FD_PASS_MAX];
        size_t n_reply_fds;
} Call;

/* Handles a request. With 0, the reply in *call is sent; a handler that replies later takes *call
 * (and leaves NULL), and finishes it with call_reply() or call_fail(). A negative errno with *e is
 * sent as the error. */
typedef int (*ServerHandler)(void *data, Call **call, Error *e);

typedef struct ServerConfig {
        ServerHandler handler;
        /* Called with the number of a connection that has ended. */
        void (*closed)(void *data, uint64_t connection);
        void *data;
} ServerConfig;

/* Listens on SUPERVISOR_SOCKET in the directory `runtime_dir`. Return: 0 or a negative errno. */
int server_new(EventLoop *loop, int runtime_dir, const ServerConfig *config, Server **ret,
               Error *e);
/* Return: NULL. */
Server *server_free(Server *server);
DEFINE_CLEANUP(Server *, server_free)

/* Sends the reply or the error, and frees the call. A connection that is gone is no error. */
void call_reply(Call *call);
void call_fail(Call *call, const Error *e);
/* Return: NULL. */
Call *call_free(Call *call);
DEFINE_CLEANUP(Call *, call_free)

/* Adds a descriptor to the reply, which takes it (also on failure). Return: 0 or -ENOMEM. */
int call_add_stream(Call *call, const char *name, int fd);

/* The connection which gets the events from now on. */
void server_subscribe(Server *server, uint64_t connection);

/* Sends an event to the subscriber, if there is one. */
void server_send_event(Server *server, const Event *event);

/* Hears no requests any more, or hears them again; replies and events are still sent. */
void server_pause(Server *server, bool pause);

/* To and from the program that takes our place: with all connections and what they have not got yet. Calls aren't
 * saved. Return: 0 or a negative errno. */
int server_save(const Server *server, State *state, Json **ret);
int server_load(EventLoop *loop, const ServerConfig *config, State *state, Json *json,
                Server **ret);

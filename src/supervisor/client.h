/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One who gets a copy of what a process puts out (output.h): a pipe or a stream socket, and what it has not taken yet. */

#include "supervisor/event.h"
#include "supervisor/state.h"

typedef struct Output Output;

typedef struct Client Client;
struct Client {
        Output *output;
        int fd;
        EventSource source;
        char *backlog;
        size_t n_backlog;
        bool moved;        /* it has taken something since the wait began */
        bool lagging;      /* misses what comes until the backlog is empty */
        uint64_t missed;   /* bytes, which it has to be told */
        bool input_closed; /* it has said all it wants to say */
        LIST_LINKS(Client) clients;
};

/* Takes `fd`, also on failure, and watches it; `handler` gets the client. Return: 0 or a negative errno. */
int client_new(Output *output, EventLoop *loop, int fd,
               void (*handler)(void *data, uint32_t events), Client **ret);
/* The client is in no list. */
void client_free(Client *client);

/* Waits for what it says, if `input` and it still may, and for room for its backlog. */
void client_update(Client *client, bool input);

/* Whether the process has to wait for it. */
bool client_is_behind(const Client *client);

/* Gives it a copy: now, or as soon as it takes it. The caller updates it then. Return: 0, or a negative errno when
 * it has gone. */
int client_send(Client *client, const char *data, size_t size);

/* Gives it of its backlog what it takes; with `note` also how much it has missed. Return: 1 when it is no longer behind
 * at all, 0, or a negative errno when it has gone. */
int client_flush(Client *client, bool note);

/* Writes as much as goes without waiting. Return: how much, or a negative errno when nobody reads it any more. */
ssize_t write_some(int fd, const char *data, size_t size);

/* To and from the program that takes our place. Return: 0 or a negative errno. */
int client_save(const Client *client, State *state, Json **ret);
int client_load(Output *output, EventLoop *loop, void (*handler)(void *data, uint32_t events),
                State *state, Json *json, Client **ret);

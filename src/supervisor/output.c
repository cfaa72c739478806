/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "shared/fd.h"
#include "shared/log.h"
#include "supervisor/client.h"
#include "supervisor/output.h"

/* One for all, since only one output is read at a time. */
static char buffer[64 * 1024];

/* Reads before the other sources get their turn. */
#define BURST 8

#define INPUT_SIZE 4096

/* Of one output; each costs a descriptor and what it has not read yet. */
#define CLIENTS_MAX 16

/* For how long a client that takes nothing is waited for: one that writes to a busy disk can stand still for seconds. And when
 * all is over but for its backlog: then nobody waits with it. */
#define STALL_MSEC 10000
#define LAST_STALL_MSEC 60000

struct Output {
        EventLoop *loop;
        OutputConfig config;
        EventSource source;
        EventTimer stall;
        Client *clients;
        Journal *journal;
        bool ended, released;
        bool paused;       /* a client has to take something first */
        bool journal_full; /* journald has to */
        /* Typed, but not yet taken by the terminal; NULL without one. */
        char *input;
        size_t n_input;
        LIST_LINKS(Output) outputs;
};

/* Those that belong to nobody else any more. */
static Output *released;

static bool is_waiting(const Output *output) {
        return output->paused || output->journal_full;
}

static void update_source(Output *output) {
        if (output->ended)
                return;
        event_source_set(&output->source,
                         (is_waiting(output) ? 0 : EPOLLIN) | (output->n_input > 0 ? EPOLLOUT : 0));
}

static void update_client(Client *client) {
        const Output *output = client->output;

        client_update(client, output->config.terminal && !output->ended && output->n_input == 0);
}

static void drop_client(Client *client) {
        LIST_REMOVE(client->output->clients, client, clients);
        client_free(client);
}

static void output_free(Output *output) {
        LIST_FOREACH(client, output->clients, clients)
        drop_client(client);
        if (output->released)
                LIST_REMOVE(released, output, outputs);
        event_timer_cancel(&output->stall);
        event_source_remove(&output->source);
        safe_close(output->config.fd);
        journal_release(output->journal);
        free(output->input);
        free(output);
}

DEFINE_CLEANUP(Output *, output_free)

static void check_pause(Output *output);

/* After a while of waiting for clients: gives up those that have taken nothing. */
static void on_stall(void *data) {
        Output *output = data;

        LIST_FOREACH(client, output->clients, clients)
        if (client->moved)
                client->moved = false;
        else if (output->released)
                drop_client(client);
        else if (client_is_behind(client))
                client->lagging = true;
        if (!output->released) {
                output->paused = false;
                check_pause(output);
                update_source(output);
        } else if (output->clients)
                event_timer_set_patient(output->loop, &output->stall, LAST_STALL_MSEC, on_stall,
                                        output);
        else
                output_free(output);
}

/* After a client has been given or has taken something, or has gone. */
static void check_pause(Output *output) {
        bool behind = false;

        LIST_FOREACH(client, output->clients, clients)
        if (client_is_behind(client))
                behind = true;
        if (output->ended || behind == output->paused)
                return;
        output->paused = behind;
        if (behind)
                event_timer_set_patient(output->loop, &output->stall, STALL_MSEC, on_stall, output);
        else
                event_timer_cancel(&output->stall);
        update_source(output);
}

/* Closes the clients that have got all, once nothing more comes. May free a released output. */
static void finish_clients(Output *output) {
        LIST_FOREACH(client, output->clients, clients)
        if (client->n_backlog == 0)
                drop_client(client);
        else
                update_client(client);
        if (output->released && !output->clients)
                output_free(output);
}

static void end_output(Output *output) {
        if (output->ended)
                return;
        output->ended = true;
        output->n_input = 0;
        event_timer_cancel(&output->stall);
        event_source_remove(&output->source);
        output->config.fd = safe_close(output->config.fd);
        output->journal = journal_release(output->journal);
        finish_clients(output);
}

static void deliver(Output *output, const char *data, size_t size) {
        if (output->config.log)
                logfile_write(output->config.log, output->config.stream, data, size);
        if (output->journal && !journal_write(output->journal, data, size)) {
                output->journal_full = true;
                update_source(output);
        }
        if (!output->clients)
                return;
        LIST_FOREACH(client, output->clients, clients)
        if (client_send(client, data, size) < 0)
                drop_client(client);
        else if (client->n_backlog > 0)
                update_client(client);
        check_pause(output);
}

/* Return: 1 when something was read, 0 when there is nothing now, -1 at the end. */
static int read_once(Output *output) {
        ssize_t n = read(output->config.fd, buffer, sizeof(buffer));

        if (n > 0) {
                deliver(output, buffer, n);
                return 1;
        }
        if (n < 0 && errno == EINTR)
                return 1;
        if (n < 0 && errno == EAGAIN)
                return 0;
        /* A terminal's master says EIO when nobody has the slave open. */
        if (n < 0 && errno != EIO)
                log_errno(LOG_WARNING, errno, "Can't read what a process puts out");
        return -1;
}

static void write_input(Output *output) {
        ssize_t n = write_some(output->config.fd, output->input, output->n_input);

        if (n < 0)
                n = (ssize_t)output->n_input; /* nobody reads it: typed into nothing */
        output->n_input -= n;
        memmove(output->input, output->input + n, output->n_input);
        LIST_FOREACH(client, output->clients, clients)
        update_client(client);
        update_source(output);
}

static void on_source(void *data, uint32_t events) {
        Output *output = data;
        int r = 1;

        if (events & EPOLLOUT)
                write_input(output);
        if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                return;
        for (unsigned i = 0; i < BURST && r > 0 && !is_waiting(output); i++)
                r = read_once(output);
        /* A pause with EPOLLHUP would spin: what is left is taken at once then. */
        if (is_waiting(output) && (events & (EPOLLHUP | EPOLLERR)))
                (void)output_drain(output);
        else if (r < 0)
                end_output(output);
        if (output->ended)
                output->config.ended(output->config.data);
}

static void read_input(Client *client) {
        Output *output = client->output;
        ssize_t n = read(client->fd, output->input, INPUT_SIZE);

        if (n > 0) {
                output->n_input = n;
                write_input(output);
        } else if (n == 0) {
                client->input_closed = true;
                update_client(client);
        } else if (errno != EAGAIN && errno != EINTR)
                drop_client(client);
}

/* A terminal's client isn't told what it lacks: it soon shows something else anyway. Return: whether the client is still
 * there. */
static bool flush_backlog(Client *client) {
        int r = client_flush(client, !client->output->config.terminal);

        if (r < 0)
                drop_client(client);
        else if (r > 0)
                update_client(client);
        return r >= 0;
}

static void on_client(void *data, uint32_t events) {
        Client *client = data;
        Output *output = client->output;
        bool there = true;

        if (events & EPOLLOUT)
                there = flush_backlog(client);
        if (there && (events & EPOLLIN) && output->n_input == 0 && !client->input_closed)
                read_input(client);
        else if (there && (events & (EPOLLHUP | EPOLLERR)))
                drop_client(client);
        if (output->ended)
                finish_clients(output);
        else
                check_pause(output);
}

static void on_journal_ready(void *data) {
        Output *output = data;

        output->journal_full = false;
        update_source(output);
}

static int open_journal(Output *output) {
        JournalConfig config;

        if (!output->config.journal)
                return 0;
        config = *output->config.journal;
        config.ready = on_journal_ready;
        config.data = output;
        return journal_new(output->loop, &config, &output->journal);
}

/* Without a descriptor it has ended. */
static int make(EventLoop *loop, const OutputConfig *config, Output **ret) {
        Output *output = calloc(1, sizeof(Output));
        int r = 0;

        if (!output) {
                safe_close(config->fd);
                return -ENOMEM;
        }
        *output = (Output){.loop = loop, .config = *config, .ended = config->fd < 0};
        if (config->terminal)
                output->input = malloc(INPUT_SIZE);
        if (config->terminal && !output->input)
                r = -ENOMEM;
        if (r >= 0 && !output->ended)
                r = fd_set_nonblock(config->fd, true);
        if (r >= 0 && !output->ended)
                r = event_source_add(loop, &output->source, config->fd, EPOLLIN, on_source, output);
        if (r < 0) {
                output_free(output);
                return r;
        }
        *ret = output;
        return 0;
}

int output_new(EventLoop *loop, const OutputConfig *config, Output **ret) {
        Output *output;
        int r;

        TRY(make(loop, config, &output));
        r = open_journal(output);
        if (r < 0) {
                output_free(output);
                return r;
        }
        *ret = output;
        return 0;
}

int output_attach(Output *output, int fd) {
        Client *client = NULL;
        unsigned n = 0;
        int r;

        LIST_FOREACH(other, output->clients, clients)
        n++;
        r = n < CLIENTS_MAX ? fd_set_nonblock(fd, true) : -EUSERS;
        if (r < 0 || output->ended) {
                safe_close(fd);
                return r;
        }
        TRY(client_new(output, output->loop, fd, on_client, &client));
        LIST_PREPEND(output->clients, client, clients);
        update_client(client);
        return 0;
}

bool output_drain(Output *output) {
        int r = 1;

        /* More than any pipe holds: who still writes then isn't waited for. */
        for (unsigned i = 0; i < 256 && !output->ended && r > 0; i++)
                r = read_once(output);
        if (r < 0)
                end_output(output);
        return output->ended;
}

uint64_t output_inode(const Output *output) {
        struct stat st;

        return output->ended || fstat(output->config.fd, &st) < 0 ? 0 : st.st_ino;
}

int output_fd(const Output *output) {
        return output->config.fd;
}

static void release(Output *output) {
        output->released = true;
        LIST_PREPEND(released, output, outputs);
        if (output->clients)
                event_timer_set_patient(output->loop, &output->stall, LAST_STALL_MSEC, on_stall,
                                        output);
        else
                output_free(output);
}

Output *output_release(Output *output) {
        if (!output)
                return NULL;
        end_output(output);
        output->config.log = NULL;
        release(output);
        return NULL;
}

int output_save(const Output *output, State *state, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object(), *clients = json_object_new_array();
        Json *item;

        if (!json || !clients)
                return -ENOMEM;
        TRY(state_add_fd(state, json, "fd", output->config.fd));
        TRY(json_add_bool(json, "terminal", output->config.terminal));
        TRY(state_add_bytes(state, json, "input", output->input, output->n_input));
        LIST_FOREACH(client, output->clients, clients) {
                TRY(client_save(client, state, &item));
                TRY(json_append(clients, item));
        }
        TRY(json_add(json, "clients", TAKE_PTR(clients)));
        if (output->journal) {
                TRY(journal_save(output->journal, state, &item));
                TRY(json_add(json, "journal", item));
        }
        *ret = TAKE_PTR(json);
        return 0;
}

int outputs_save_released(State *state, Json **ret) {
        _cleanup_json_ Json *array = json_object_new_array();

        if (!array)
                return -ENOMEM;
        LIST_FOREACH(output, released, outputs) {
                Json *item;

                TRY(output_save(output, state, &item));
                TRY(json_append(array, item));
        }
        *ret = TAKE_PTR(array);
        return 0;
}

static int load_clients(Output *output, State *state, Json *json) {
        Json *clients;
        int r = json_get_array(json, "clients", &clients);

        for (size_t i = 0; r > 0 && i < json_object_array_length(clients); i++) {
                Client *client;

                TRY(client_load(output, output->loop, on_client, state,
                                json_object_array_get_idx(clients, i), &client));
                LIST_PREPEND(output->clients, client, clients);
        }
        return r;
}

static int load_input(Output *output, const State *state, Json *json) {
        _cleanup_free_ char *input = NULL;
        size_t n = 0;

        if (!output->input)
                return 0;
        TRY(state_get_bytes(state, json, "input", INPUT_SIZE, &input, &n));
        memcpy(output->input, input ?: "", n);
        output->n_input = n;
        return 0;
}

/* The rest, once it reads. */
static int load(Output *output, State *state, Json *json) {
        Json *journal;
        int r;

        TRY(load_input(output, state, json));
        r = json_get_object(json, "journal", &journal);
        if (r > 0)
                r = journal_load(output->loop, state, journal, on_journal_ready, output,
                                 &output->journal);
        if (r < 0)
                return r;
        output->journal_full = output->journal && journal_is_full(output->journal);
        TRY(load_clients(output, state, json));
        LIST_FOREACH(client, output->clients, clients)
        update_client(client);
        check_pause(output);
        update_source(output);
        return 0;
}

int output_load(EventLoop *loop, const OutputConfig *config, State *state, Json *json,
                Output **ret) {
        _cleanup_(output_freep) Output *output = NULL;
        OutputConfig loaded = *config;
        int r;

        r = state_take_fd(state, json, "fd", &loaded.fd);
        if (r >= 0)
                r = json_get_bool(json, "terminal", &loaded.terminal);
        if (r < 0) {
                safe_close(loaded.fd);
                return r;
        }
        TRY(make(loop, &loaded, &output));
        TRY(load(output, state, json));
        *ret = TAKE_PTR(output);
        return 0;
}

int outputs_load_released(EventLoop *loop, State *state, Json *array) {
        for (size_t i = 0; i < json_object_array_length(array); i++) {
                Output *output;

                TRY(output_load(loop, &(OutputConfig){.fd = -EBADF}, state,
                                json_object_array_get_idx(array, i), &output));
                release(output);
        }
        return 0;
}

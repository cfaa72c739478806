/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shared/fd.h"
#include "shared/log.h"
#include "supervisor/output.h"

/* One for all, since only one output is read at a time. */
static char buffer[64 * 1024];

/* Reads before the other sources get their turn. */
#define BURST 8

/* Bytes that a client may be behind before the process has to wait for it, and in all (what is
 * there when a process ends is read without waiting). */
#define BACKLOG_PAUSE (256 * 1024)
#define BACKLOG_MAX (4 * 1024 * 1024)

#define INPUT_SIZE 4096

/* Of one output; each costs a descriptor and what it has not read yet. */
#define CLIENTS_MAX 16

/* For how long a client that takes nothing is waited for; and when all is over but for its backlog. */
#define STALL_MSEC 1000
#define LAST_STALL_MSEC 5000

#define NOTE_MAX 96

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
};

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
        bool input = output->config.terminal && !output->ended && !client->input_closed &&
                     output->n_input == 0;

        event_source_set(&client->source,
                         (input ? EPOLLIN : 0) | (client->n_backlog > 0 ? EPOLLOUT : 0));
}

static void client_free(Client *client) {
        LIST_REMOVE(client->output->clients, client, clients);
        event_source_remove(&client->source);
        safe_close(client->fd);
        free(client->backlog);
        free(client);
}

static void output_free(Output *output) {
        LIST_FOREACH(client, output->clients, clients)
        client_free(client);
        event_timer_cancel(&output->stall);
        event_source_remove(&output->source);
        safe_close(output->config.fd);
        journal_release(output->journal);
        free(output->input);
        free(output);
}

static bool is_behind(const Client *client) {
        return client->n_backlog > BACKLOG_PAUSE && !client->lagging;
}

static void check_pause(Output *output);

/* After a while of waiting for clients: gives up those that have taken nothing. */
static void on_stall(void *data) {
        Output *output = data;

        LIST_FOREACH(client, output->clients, clients)
        if (client->moved)
                client->moved = false;
        else if (output->released)
                client_free(client);
        else if (is_behind(client))
                client->lagging = true;
        if (!output->released) {
                output->paused = false;
                check_pause(output);
                update_source(output);
        } else if (output->clients)
                event_timer_set(output->loop, &output->stall, LAST_STALL_MSEC, on_stall, output);
        else
                output_free(output);
}

/* After a client has been given or has taken something, or has gone. */
static void check_pause(Output *output) {
        bool behind = false;

        LIST_FOREACH(client, output->clients, clients)
        if (is_behind(client))
                behind = true;
        if (output->ended || behind == output->paused)
                return;
        output->paused = behind;
        if (behind)
                event_timer_set(output->loop, &output->stall, STALL_MSEC, on_stall, output);
        else
                event_timer_cancel(&output->stall);
        update_source(output);
}

/* Closes the clients that have got all, once nothing more comes. May free a released output. */
static void finish_clients(Output *output) {
        LIST_FOREACH(client, output->clients, clients)
        if (client->n_backlog == 0)
                client_free(client);
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

static int append_backlog(Client *client, const char *data, size_t size) {
        char *grown;

        if (client->n_backlog + size > BACKLOG_MAX)
                return -ENOBUFS;
        grown = realloc(client->backlog, client->n_backlog + size);
        if (!grown)
                return -ENOMEM;
        memcpy(grown + client->n_backlog, data, size);
        client->backlog = grown;
        client->n_backlog += size;
        return 0;
}

/* Writes as much as goes without waiting. Return: how much, or a negative errno when the client has
 * gone. */
static ssize_t write_some(int fd, const char *data, size_t size) {
        size_t done = 0;

        while (done < size) {
                ssize_t n = write(fd, data + done, size - done);

                if (n < 0 && errno == EAGAIN)
                        break;
                if (n < 0 && errno != EINTR)
                        return -errno;
                done += MAX(n, 0);
        }
        return (ssize_t)done;
}

static void send_to_client(Client *client, const char *data, size_t size) {
        ssize_t n = 0;

        if (client->n_backlog == 0)
                n = write_some(client->fd, data, size);
        else if (client->lagging) {
                client->missed += size;
                return;
        }
        if (n < 0) {
                client_free(client);
                return;
        }
        if ((size_t)n == size)
                return;
        if (append_backlog(client, data + n, size - n) < 0) {
                client->lagging = true;
                client->missed += size - n;
        }
        update_client(client);
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
        send_to_client(client, data, size);
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
                client_free(client);
}

/* Tells a client what it lacks. A terminal's soon shows something else anyway. Return: whether there is something to
 * tell. */
static bool note_missed(Client *client) {
        char note[NOTE_MAX];
        int n = snprintf(note, sizeof(note),
                         "\n[mydocker: %" PRIu64 " bytes of output were not taken in time]\n",
                         client->missed);

        if (client->missed == 0 || client->output->config.terminal)
                return false;
        client->missed = 0;
        return append_backlog(client, note, n) >= 0;
}

/* Return: whether the client is still there. */
static bool flush_backlog(Client *client) {
        ssize_t n = write_some(client->fd, client->backlog, client->n_backlog);

        if (n < 0) {
                client_free(client);
                return false;
        }
        client->n_backlog -= n;
        memmove(client->backlog, client->backlog + n, client->n_backlog);
        client->moved = client->moved || n > 0;
        if (client->n_backlog > 0 || note_missed(client))
                return true;
        free(client->backlog);
        client->backlog = NULL;
        client->lagging = false;
        update_client(client);
        return true;
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
                client_free(client);
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

int output_new(EventLoop *loop, const OutputConfig *config, Output **ret) {
        Output *output = calloc(1, sizeof(Output));
        int r;

        if (!output) {
                safe_close(config->fd);
                return -ENOMEM;
        }
        *output = (Output){.loop = loop, .config = *config};
        if (config->terminal)
                output->input = malloc(INPUT_SIZE);
        r = config->terminal && !output->input ? -ENOMEM : fd_set_nonblock(config->fd, true);
        if (r >= 0)
                r = open_journal(output);
        if (r >= 0)
                r = event_source_add(loop, &output->source, config->fd, EPOLLIN, on_source, output);
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
        if (r >= 0) {
                client = calloc(1, sizeof(Client));
                r = client ? 0 : -ENOMEM;
        }
        if (r >= 0 && !output->ended) {
                *client = (Client){.output = output, .fd = fd};
                r = event_source_add(output->loop, &client->source, fd, 0, on_client, client);
                if (r >= 0) {
                        LIST_PREPEND(output->clients, client, clients);
                        update_client(client);
                        return 0;
                }
        }
        free(client);
        safe_close(fd);
        return r;
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

Output *output_release(Output *output) {
        if (!output)
                return NULL;
        end_output(output);
        output->config.log = NULL;
        output->released = true;
        if (output->clients)
                event_timer_set(output->loop, &output->stall, LAST_STALL_MSEC, on_stall, output);
        else
                output_free(output);
        return NULL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shared/error.h"
#include "supervisor/client.h"

/* Bytes that a client may be behind before the process has to wait for it, and in all (what is
 * there when a process ends is read without waiting). */
#define BACKLOG_PAUSE (256 * 1024)
#define BACKLOG_MAX (4 * 1024 * 1024)

#define NOTE_MAX 96

int client_new(Output *output, EventLoop *loop, int fd,
               void (*handler)(void *data, uint32_t events), Client **ret) {
        Client *client = calloc(1, sizeof(Client));
        int r = client ? 0 : -ENOMEM;

        if (client) {
                *client = (Client){.output = output, .fd = fd};
                r = event_source_add(loop, &client->source, fd, 0, handler, client);
        }
        if (r < 0) {
                free(client);
                safe_close(fd);
                return r;
        }
        *ret = client;
        return 0;
}

void client_free(Client *client) {
        event_source_remove(&client->source);
        safe_close(client->fd);
        free(client->backlog);
        free(client);
}

void client_update(Client *client, bool input) {
        event_source_set(&client->source, (input && !client->input_closed ? EPOLLIN : 0) |
                                                  (client->n_backlog > 0 ? EPOLLOUT : 0));
}

bool client_is_behind(const Client *client) {
        return client->n_backlog > BACKLOG_PAUSE && !client->lagging;
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

ssize_t write_some(int fd, const char *data, size_t size) {
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

int client_send(Client *client, const char *data, size_t size) {
        ssize_t n = 0;

        if (client->n_backlog == 0)
                n = write_some(client->fd, data, size);
        else if (client->lagging) {
                client->missed += size;
                return 0;
        }
        if (n < 0)
                return (int)n;
        if ((size_t)n < size && append_backlog(client, data + n, size - n) < 0) {
                client->lagging = true;
                client->missed += size - n;
        }
        return 0;
}

/* Return: whether there is something to tell. */
static bool note_missed(Client *client) {
        char note[NOTE_MAX];
        int n = snprintf(note, sizeof(note),
                         "\n[mydocker: %" PRIu64 " bytes of output were not taken in time]\n",
                         client->missed);

        if (client->missed == 0)
                return false;
        client->missed = 0;
        return append_backlog(client, note, n) >= 0;
}

int client_flush(Client *client, bool note) {
        ssize_t n = write_some(client->fd, client->backlog, client->n_backlog);

        if (n < 0)
                return (int)n;
        client->n_backlog -= n;
        memmove(client->backlog, client->backlog + n, client->n_backlog);
        client->moved = client->moved || n > 0;
        if (client->n_backlog > 0 || (note && note_missed(client)))
                return 0;
        free(client->backlog);
        client->backlog = NULL;
        client->lagging = false;
        return 1;
}

int client_save(const Client *client, State *state, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object();

        if (!json)
                return -ENOMEM;
        TRY(state_add_fd(state, json, "fd", client->fd));
        TRY(state_add_bytes(state, json, "backlog", client->backlog, client->n_backlog));
        TRY(json_add_bool(json, "lagging", client->lagging));
        TRY(json_add_u64(json, "missed", client->missed));
        TRY(json_add_bool(json, "input-closed", client->input_closed));
        *ret = TAKE_PTR(json);
        return 0;
}

static int load_backlog(Client *client, State *state, Json *json) {
        TRY(state_get_bytes(state, json, "backlog", BACKLOG_MAX, &client->backlog,
                            &client->n_backlog));
        TRY(json_get_bool(json, "lagging", &client->lagging));
        TRY(json_get_u64(json, "missed", &client->missed));
        TRY(json_get_bool(json, "input-closed", &client->input_closed));
        return 0;
}

int client_load(Output *output, EventLoop *loop, void (*handler)(void *data, uint32_t events),
                State *state, Json *json, Client **ret) {
        int fd = -EBADF, r;

        r = state_take_fd(state, json, "fd", &fd);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        TRY(client_new(output, loop, fd, handler, ret));
        r = load_backlog(*ret, state, json);
        if (r < 0)
                client_free(*ret);
        return r;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "shared/fault.h"
#include "shared/log.h"
#include "shared/strutil.h"
#include "supervisor/packet-queue.h"
#include "supervisor/server.h"

#define CONNECTIONS_MAX 16

/* How long nobody is let in after it was not possible. */
#define ACCEPT_AGAIN_MSEC 100

/* Packets that one connection may hand in before the others get their turn. */
#define BURST 16

typedef struct Connection Connection;
struct Connection {
        Server *server;
        uint64_t number;
        int fd;
        EventSource source;
        PacketQueue queue;
        LIST_LINKS(Connection) connections;
};

struct Server {
        EventLoop *loop;
        int fd;
        EventSource source;
        EventTimer accept_again;
        bool cannot_accept; /* said already */
        Connection *connections;
        size_t n_connections;
        uint64_t next_number;
        uint64_t subscriber;
        bool paused;
        ServerConfig config;
};

static void connection_close(Connection *connection) {
        Server *server = connection->server;
        uint64_t number = connection->number;

        event_source_remove(&connection->source);
        safe_close(connection->fd);
        packet_queue_done(&connection->queue);
        LIST_REMOVE(server->connections, connection, connections);
        server->n_connections--;
        free(connection);
        if (server->subscriber == number)
                server->subscriber = 0;
        server->config.closed(server->config.data, number);
}

static void update_connection(Connection *connection) {
        event_source_set(&connection->source, (connection->server->paused ? 0 : EPOLLIN) |
                                                      (connection->queue.first ? EPOLLOUT : 0));
}

/* Sends or queues one packet. The descriptors are taken. When the connection is lost by that, the
 * event loop hears of its end and closes it. */
static void connection_send(Connection *connection, Json *json, int *fds, size_t n_fds) {
        int r = -EAGAIN;

        if (!connection->queue.first)
                r = message_send(connection->fd, json, fds, n_fds);
        if (r == -EAGAIN) {
                r = packet_queue_add(&connection->queue, json, fds, n_fds);
                if (r >= 0) {
                        update_connection(connection);
                        return;
                }
        }
        fd_close_many(fds, n_fds);
        if (r >= 0)
                return;
        if (r != -EPIPE && r != -ECONNRESET)
                log_errno(LOG_WARNING, r, "Can't send to a client, closing its connection");
        shutdown(connection->fd, SHUT_RDWR);
}

/* Return: 0, or a negative errno when the connection is lost. */
static int connection_flush(Connection *connection) {
        TRY(packet_queue_flush(&connection->queue, connection->fd));
        update_connection(connection);
        return 0;
}

static Connection *find_connection(const Server *server, uint64_t number) {
        LIST_FOREACH(connection, server->connections, connections)
        if (connection->number == number)
                return connection;
        return NULL;
}

Call *call_free(Call *call) {
        if (!call)
                return NULL;
        fd_close_many(call->fds, call->n_fds);
        fd_close_many(call->reply_fds, call->n_reply_fds);
        request_done(&call->request);
        reply_done(&call->reply);
        free(call);
        return NULL;
}

void call_reply(Call *call) {
        Connection *connection = find_connection(call->server, call->connection);
        _cleanup_json_ Json *json = NULL;
        int r;

        if (!connection) {
                call_free(call);
                return;
        }
        (void)FAULT("supervisor.reply");
        call->reply.serial = call->request.serial;
        r = reply_encode(&call->reply, &json);
        if (r >= 0) {
                connection_send(connection, json, call->reply_fds, call->n_reply_fds);
                call->n_reply_fds = 0;
        } else {
                log_errno(LOG_ERR, r, "Can't make a reply, closing the connection");
                shutdown(connection->fd, SHUT_RDWR);
        }
        call_free(call);
}

void call_fail(Call *call, const Error *e) {
        reply_done(&call->reply);
        fd_close_many(call->reply_fds, call->n_reply_fds);
        call->n_reply_fds = 0;
        call->reply.error = *e;
        call_reply(call);
}

int call_add_stream(Call *call, const char *name, int fd) {
        if (call->n_reply_fds >= FD_PASS_MAX || strv_extend(&call->reply.streams, name) < 0) {
                safe_close(fd);
                return -ENOMEM;
        }
        call->reply_fds[call->n_reply_fds++] = fd;
        return 0;
}

void server_subscribe(Server *server, uint64_t connection) {
        server->subscriber = connection;
}

void server_send_event(Server *server, const Event *event) {
        Connection *connection = find_connection(server, server->subscriber);
        _cleanup_json_ Json *json = NULL;
        int r;

        if (!connection)
                return;
        r = event_encode(event, &json);
        if (r >= 0) {
                connection_send(connection, json, NULL, 0);
                return;
        }
        /* The daemon asks for everything again when it has connected again. */
        log_errno(LOG_ERR, r, "Can't make an event, closing the connection");
        shutdown(connection->fd, SHUT_RDWR);
}

static void handle_call(Server *server, Call *call, int decoded) {
        Error e = ERROR_INIT;
        int r = decoded;

        if (r == -EPROTONOSUPPORT)
                error_set(&e, r, "protocol", "the daemon speaks another version of the protocol");
        else if (r < 0)
                error_set(&e, r, "protocol", "the request can't be understood");
        else
                r = server->config.handler(server->config.data, &call, &e);
        if (!call)
                return;
        if (r < 0)
                call_fail(call, &e);
        else
                call_reply(call);
}

/* Return: 1, 0 when nothing (more) is there, or a negative errno when the connection has ended. */
static int connection_read(Connection *connection) {
        _cleanup_(call_freep) Call *call = calloc(1, sizeof(Call));
        _cleanup_json_ Json *json = NULL;
        int r;

        if (!call)
                return -ENOMEM;
        r = message_receive(connection->fd, &json, call->fds, &call->n_fds);
        if (r == -EAGAIN)
                return 0;
        if (r <= 0)
                return r < 0 ? r : -EPIPE;
        call->server = connection->server;
        call->connection = connection->number;
        r = request_decode(json, &call->request);
        handle_call(connection->server, TAKE_PTR(call), r);
        return 1;
}

static void on_connection(void *data, uint32_t events) {
        Connection *connection = data;
        int r = 0;

        if (events & EPOLLOUT)
                r = connection_flush(connection);
        for (unsigned i = 0; i < BURST && r >= 0 && (events & (EPOLLIN | EPOLLHUP)); i++) {
                r = connection_read(connection);
                if (r == 0)
                        break;
        }
        if (r >= 0 && !(events & EPOLLERR))
                return;
        if (r < 0 && r != -EPIPE && r != -ECONNRESET)
                log_errno(LOG_WARNING, r, "Closing a client's connection");
        connection_close(connection);
}

static int check_peer(int fd) {
        struct ucred ucred;
        socklen_t size = sizeof(ucred);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &ucred, &size) < 0)
                return -errno;
        return ucred.uid == 0 ? 0 : -EPERM;
}

/* Takes `fd` when it succeeds. */
static int enter_connection(Server *server, int fd, uint64_t number, Connection **ret) {
        Connection *connection = calloc(1, sizeof(Connection));
        int r;

        if (!connection)
                return -ENOMEM;
        *connection = (Connection){.server = server, .fd = fd, .number = number};
        r = event_source_add(server->loop, &connection->source, fd, server->paused ? 0 : EPOLLIN,
                             on_connection, connection);
        if (r < 0) {
                free(connection);
                return r;
        }
        LIST_PREPEND(server->connections, connection, connections);
        server->n_connections++;
        *ret = connection;
        return 0;
}

static int add_connection(Server *server, int fd) {
        Connection *connection;
        int r;

        r = check_peer(fd);
        if (r >= 0)
                r = message_socket_prepare(fd);
        if (r < 0)
                return r;
        if (server->n_connections >= CONNECTIONS_MAX)
                return -EUSERS;
        return enter_connection(server, fd, ++server->next_number, &connection);
}

static void on_accept_again(void *data) {
        Server *server = data;

        event_source_set(&server->source, EPOLLIN);
}

/* Without descriptors or memory whoever waits stays waiting, of which the event loop would tell again and again. */
static void accept_later(Server *server, int number) {
        if (!server->cannot_accept)
                log_errno(LOG_WARNING, number, "Can't accept a connection, trying again");
        server->cannot_accept = true;
        event_source_set(&server->source, 0);
        event_timer_set(server->loop, &server->accept_again, ACCEPT_AGAIN_MSEC, on_accept_again,
                        server);
}

static void on_listen(void *data, uint32_t events) {
        Server *server = data;
        int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), r;

        if (fd < 0) {
                if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
                        accept_later(server, errno);
                return;
        }
        server->cannot_accept = false;
        r = add_connection(server, fd);
        if (r < 0) {
                log_errno(LOG_WARNING, r, "Refusing a connection");
                safe_close(fd);
        }
}

/* Binds through the directory's descriptor: its path may be longer than a socket address. */
static int listen_in(int runtime_dir) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char dir[FD_PATH_MAX];
        mode_t mask;
        int r;

        if (fd < 0)
                return -errno;
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", fd_path(runtime_dir, dir),
                 SUPERVISOR_SOCKET);
        if (unlinkat(runtime_dir, SUPERVISOR_SOCKET, 0) < 0 && errno != ENOENT)
                return -errno;
        mask = umask(0177);
        r = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
        umask(mask);
        if (r < 0)
                return r;
        return listen(fd, CONNECTIONS_MAX) < 0 ? -errno : TAKE_FD(fd);
}

/* Takes the listening socket, also on failure. */
static int make(EventLoop *loop, const ServerConfig *config, int fd, Server **ret) {
        Server *server = calloc(1, sizeof(Server));
        int r;

        if (!server) {
                safe_close(fd);
                return -ENOMEM;
        }
        *server = (Server){.loop = loop, .config = *config, .fd = fd};
        r = event_source_add(loop, &server->source, fd, EPOLLIN, on_listen, server);
        if (r < 0) {
                server_free(server);
                return r;
        }
        *ret = server;
        return 0;
}

int server_new(EventLoop *loop, int runtime_dir, const ServerConfig *config, Server **ret,
               Error *e) {
        int fd = listen_in(runtime_dir), r = fd;

        if (fd >= 0)
                r = make(loop, config, fd, ret);
        return r < 0 ? error_set(e, r, "server", "listening on %s", SUPERVISOR_SOCKET) : 0;
}

Server *server_free(Server *server) {
        if (!server)
                return NULL;
        while (server->connections)
                connection_close(server->connections);
        event_timer_cancel(&server->accept_again);
        event_source_remove(&server->source);
        safe_close(server->fd);
        free(server);
        return NULL;
}

void server_pause(Server *server, bool pause) {
        server->paused = pause;
        LIST_FOREACH(connection, server->connections, connections)
        update_connection(connection);
}

static int save_connection(const Connection *connection, State *state, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object();
        Json *queue;

        if (!json)
                return -ENOMEM;
        TRY(state_add_fd(state, json, "fd", connection->fd));
        TRY(json_add_u64(json, "number", connection->number));
        TRY(packet_queue_save(&connection->queue, state, &queue));
        TRY(json_add(json, "queue", queue));
        *ret = TAKE_PTR(json);
        return 0;
}

int server_save(const Server *server, State *state, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object(),
                            *connections = json_object_new_array();

        if (!json || !connections)
                return -ENOMEM;
        TRY(state_add_fd(state, json, "fd", server->fd));
        TRY(json_add_u64(json, "next-number", server->next_number));
        TRY(json_add_u64(json, "subscriber", server->subscriber));
        LIST_FOREACH(connection, server->connections, connections) {
                Json *item;

                TRY(save_connection(connection, state, &item));
                TRY(json_append(connections, item));
        }
        TRY(json_add(json, "connections", TAKE_PTR(connections)));
        *ret = TAKE_PTR(json);
        return 0;
}

static int load_connection(Server *server, State *state, Json *json) {
        _cleanup_close_ int fd = -EBADF;
        Connection *connection;
        uint64_t number;
        Json *queue;

        if (state_take_fd(state, json, "fd", &fd) <= 0 ||
            json_get_u64(json, "number", &number) <= 0 ||
            json_get_array(json, "queue", &queue) <= 0)
                return -EBADMSG;
        TRY(enter_connection(server, fd, number, &connection));
        TAKE_FD(fd);
        TRY(packet_queue_load(&connection->queue, state, queue));
        update_connection(connection);
        return 0;
}

int server_load(EventLoop *loop, const ServerConfig *config, State *state, Json *json,
                Server **ret) {
        _cleanup_(server_freep) Server *server = NULL;
        int fd = -EBADF;
        Json *connections;

        if (state_take_fd(state, json, "fd", &fd) <= 0)
                return -EBADMSG;
        TRY(make(loop, config, fd, &server));
        if (json_get_u64(json, "next-number", &server->next_number) <= 0 ||
            json_get_u64(json, "subscriber", &server->subscriber) <= 0 ||
            json_get_array(json, "connections", &connections) <= 0)
                return -EBADMSG;
        for (size_t i = 0; i < json_object_array_length(connections); i++)
                TRY(load_connection(server, state, json_object_array_get_idx(connections, i)));
        *ret = TAKE_PTR(server);
        return 0;
}

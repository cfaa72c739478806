/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/start-program.h"
#include "daemon/supervisor-client.h"
#include "shared/fault.h"
#include "shared/fd.h"
#include "shared/list.h"
#include "shared/log.h"

/* How soon to look again whether somebody listens. */
#define RETRY_USEC (20ULL * 1000)
/* How long to wait for a supervisor that an init system, or we, have started. */
#define PATIENCE 500
/* After how many attempts to start one again that has died early. */
#define START_AGAIN 50

/* A request that was sent, or waits in the queue until the socket takes it. */
typedef struct Call {
        LIST_LINKS(struct Call) links;
        uint64_t serial;
        SupervisorCallback callback;
        void *userdata;
        Json *packet; /* NULL once it was sent */
        int fds[FD_PASS_MAX];
        size_t n_fds;
} Call;

struct Supervisor {
        Manager *manager;
        int fd;
        bool greeted; /* HELLO was answered */
        unsigned attempts;
        unsigned start_at; /* the attempt after which we may start one */
        bool started;      /* the one that we have started runs, though it may not listen yet */
        uint64_t last_serial;
        Call *calls; /* oldest first */
        sd_event_source *io, *retry;
};

static void connect_soon(Supervisor *s);

static void call_free(Supervisor *s, Call *call) {
        LIST_REMOVE(s->calls, call, links);
        json_object_put(call->packet);
        fd_close_many(call->fds, call->n_fds);
        free(call);
}

static void disconnect(Supervisor *s) {
        s->io = sd_event_source_disable_unref(s->io);
        s->fd = safe_close(s->fd);
        s->greeted = false;
}

static void finish(Supervisor *s, Call *call, Reply *reply, int *fds, size_t n_fds) {
        SupervisorCallback callback = call->callback;
        void *userdata = call->userdata;

        call_free(s, call);
        if (callback)
                callback(reply, fds, n_fds, userdata);
}

static void fail_calls(Supervisor *s) {
        while (s->calls) {
                Reply reply = {};

                error_set(&reply.error, ECONNRESET, "supervisor",
                          "the connection with the supervisor was lost");
                finish(s, s->calls, &reply, NULL, 0);
        }
}

Supervisor *supervisor_free(Supervisor *s) {
        if (!s)
                return NULL;
        disconnect(s);
        fail_calls(s);
        sd_event_source_disable_unref(s->retry);
        free(s);
        return NULL;
}

/* The connection is of no more use: what was asked for has failed, as far as we know. */
static void lost(Supervisor *s, int number, const char *why) {
        log_errno(LOG_WARNING, number, "Lost the connection with the supervisor: %s", why);
        disconnect(s);
        fail_calls(s);
        s->attempts = s->start_at = 0;
        connect_soon(s);
}

static void on_reply(Supervisor *s, Json *packet, int *fds, size_t n_fds) {
        Reply reply = {};
        Call *call = s->calls;
        int r;

        r = reply_decode(packet, &reply);
        while (call && call->serial != reply.serial)
                call = call->links.next;
        if (!call) {
                log_warning("The supervisor answered what nobody asked");
        } else {
                if (r < 0 && reply.error.number == 0)
                        error_set(&reply.error, r, "supervisor", "unexpected reply");
                finish(s, call, &reply, fds, n_fds);
        }
        reply_done(&reply);
}

/* Sends what waits, as much as the socket takes. */
static int flush(Supervisor *s) {
        LIST_FOREACH(call, s->calls, links) {
                int r;

                if (!call->packet)
                        continue;
                r = message_send(s->fd, call->packet, call->fds, call->n_fds);
                if (r == -EAGAIN)
                        return sd_event_source_set_io_events(s->io, EPOLLIN | EPOLLOUT);
                if (r < 0)
                        return r;
                json_object_put(call->packet);
                call->packet = NULL;
                fd_close_many(call->fds, call->n_fds);
                call->n_fds = 0;
        }
        return sd_event_source_set_io_events(s->io, EPOLLIN);
}

/* One packet. Return: 1, 0 when there is none, or a negative errno. */
static int receive(Supervisor *s) {
        _cleanup_json_ Json *packet = NULL;
        int fds[FD_PASS_MAX];
        size_t n_fds = 0;
        int r;

        r = message_receive(s->fd, &packet, fds, &n_fds);
        if (r == -EAGAIN)
                return 0;
        if (r == 0)
                return -ECONNRESET;
        if (r < 0)
                return r;
        if (message_is_event(packet)) {
                Event event;

                r = event_decode(packet, &event);
                if (r >= 0)
                        manager_on_event(s->manager, &event);
                else
                        log_errno(LOG_WARNING, r, "Unexpected event of the supervisor");
        } else {
                on_reply(s, packet, fds, n_fds);
        }
        fd_close_many(fds, n_fds);
        return 1;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Supervisor *s = userdata;
        int r = 0;

        if (revents & EPOLLOUT)
                r = flush(s);
        if (r >= 0 && (revents & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                r = receive(s);
        if (r < 0 && s->fd >= 0)
                lost(s, r, "reading or writing failed");
        return 0;
}

int supervisor_call(Supervisor *s, Request *request, const int *fds, size_t n_fds,
                    SupervisorCallback callback, void *userdata, Error *e) {
        Call *call;
        int r;

        if (!s || s->fd < 0 || (!s->greeted && request->type != REQUEST_HELLO))
                return error_set(e, ENOTCONN, "supervisor", "the supervisor is not there");
        if (n_fds > FD_PASS_MAX)
                return error_set(e, E2BIG, "supervisor", "too many descriptors");
        call = calloc(1, sizeof(*call));
        if (!call)
                return error_oom(e);
        call->serial = request->serial = ++s->last_serial;
        call->callback = callback;
        call->userdata = userdata;
        LIST_APPEND(s->calls, call, links);
        r = FAULT("supervisor.ask") < 0 ? -errno : request_encode(request, &call->packet);
        for (; r >= 0 && call->n_fds < n_fds; call->n_fds++) {
                call->fds[call->n_fds] = fcntl(fds[call->n_fds], F_DUPFD_CLOEXEC, 3);
                if (call->fds[call->n_fds] < 0) {
                        r = -errno;
                        break;
                }
        }
        if (r >= 0)
                r = flush(s);
        if (r < 0) {
                call_free(s, call);
                return error_set(e, r, "supervisor", "cannot ask the supervisor to %s",
                                 request_type_to_string(request->type));
        }
        return 0;
}

int supervisor_call_simple(Supervisor *s, RequestType type, const char *container,
                           SupervisorCallback callback, void *userdata, Error *e) {
        Request request = {.type = type};

        memcpy(request.container, container, sizeof(request.container));
        return supervisor_call(s, &request, NULL, 0, callback, userdata, e);
}

static void on_hello(Reply *reply, int *fds, size_t n_fds, void *userdata) {
        Supervisor *s = userdata;

        if (reply->error.number == ECONNRESET)
                return; /* handled by lost() */
        if (reply->error.number != 0 || !reply->inventory) {
                log_error_object(LOG_ERR, &reply->error, "The supervisor does not understand us");
                sd_event_exit(s->manager->event, EXIT_FAILURE);
                return;
        }
        s->greeted = true;
        manager_reconcile(s->manager, reply->inventory);
}

/* Return: 0, or a negative errno; -ECONNREFUSED or -ENOENT when nobody listens. */
static int try_connect(Supervisor *s) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_close_ int dir = -EBADF, fd = -EBADF;
        struct ucred peer;
        socklen_t size = sizeof(peer);
        char path[FD_PATH_MAX];

        /* By the directory's descriptor: its path may be longer than a socket's address. */
        dir = open(s->manager->config.runtime_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return -errno;
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/" SUPERVISOR_SOCKET,
                 fd_path(dir, path));
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        if (peer.uid != 0)
                return -EPERM;
        TRY(message_socket_prepare(fd));
        TRY(sd_event_add_io(s->manager->event, &s->io, fd, EPOLLIN, on_io, s));
        s->fd = TAKE_FD(fd);
        return 0;
}

/* A service manager has a unit for it: started by us, the supervisor would be in our control group and under
 * our restrictions, and its containers too. */
static bool should_start(const Supervisor *s) {
        return !s->started && s->attempts >= s->start_at && !getenv("NOTIFY_SOCKET");
}

static void start(Supervisor *s) {
        const Config *config = &s->manager->config;
        _cleanup_free_ char *program = strf("%s/mydocker-supervisor", config->libexec_dir);
        Error e = ERROR_INIT;

        if (!program)
                return;
        const char *argv[] = {program,
                              "--state-dir",
                              s->manager->store->path,
                              "--runtime-dir",
                              config->runtime_dir,
                              "--cgroup-parent",
                              config->cgroup_parent,
                              NULL};
        s->start_at = s->attempts + START_AGAIN;
        if (spawn_detached(s->manager->event, argv, &s->started, &e) < 0)
                log_error_object(LOG_ERR, &e, "Cannot start the supervisor");
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Supervisor *s = userdata;
        Request hello = {.type = REQUEST_HELLO};
        Error e = ERROR_INIT;
        int r;

        r = try_connect(s);
        if (r >= 0) {
                s->attempts = s->start_at = 0;
                if (supervisor_call(s, &hello, NULL, 0, on_hello, s, &e) < 0)
                        lost(s, -e.number, e.text);
                return 0;
        }
        if (r != -ECONNREFUSED && r != -ENOENT && r != -EAGAIN) {
                if (s->attempts == 0)
                        log_errno(LOG_ERR, r, "Cannot connect with the supervisor");
        } else if (should_start(s)) {
                start(s);
        }
        if (++s->attempts > PATIENCE) {
                log_error("No supervisor listens in %s", s->manager->config.runtime_dir);
                s->attempts = s->start_at = 0;
        }
        connect_soon(s);
        return 0;
}

static void connect_soon(Supervisor *s) {
        uint64_t delay = s->attempts == 0 ? 0 : RETRY_USEC;
        int r;

        sd_event_source_disable_unref(s->retry);
        s->retry = NULL;
        r = sd_event_add_time_relative(s->manager->event, &s->retry, CLOCK_MONOTONIC, delay, 1000,
                                       on_retry, s);
        if (r < 0) {
                log_errno(LOG_ERR, r, "Cannot connect with the supervisor again");
                sd_event_exit(s->manager->event, EXIT_FAILURE);
        }
}

int supervisor_new(Manager *m, Supervisor **ret) {
        Supervisor *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->manager = m;
        s->fd = -EBADF;
        connect_soon(s);
        *ret = s;
        return 0;
}

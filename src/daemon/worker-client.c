/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "daemon/errors.h"
#include "daemon/start-program.h"
#include "daemon/worker-client.h"
#include "shared/fault.h"
#include "shared/fd.h"
#include "shared/log.h"
#include "shared/syscalls.h"

struct Worker {
        LIST_LINKS(Worker) links;
        Manager *manager;
        uid_t uid;
        int socket, pidfd;
        bool canceled;
        Json *result;
        Error error;
        WorkerProgress progress;
        WorkerDone done;
        void *userdata;
        sd_event_source *io, *exit;
};

static void worker_free(Worker *worker) {
        LIST_REMOVE(worker->manager->workers, worker, links);
        sd_event_source_disable_unref(worker->io);
        sd_event_source_disable_unref(worker->exit);
        safe_close(worker->socket);
        safe_close(worker->pidfd);
        json_object_put(worker->result);
        free(worker);
}

void worker_cancel(Worker *worker) {
        worker->canceled = true;
        (void)sys_pidfd_send_signal(worker->pidfd, SIGKILL);
}

void worker_tell(Worker *worker) {
        (void)shutdown(worker->socket, SHUT_WR);
}

void workers_done(Manager *m) {
        while (m->workers) {
                Worker *worker = m->workers;
                WorkerDone done = worker->done;
                void *userdata = worker->userdata;
                Error error;
                siginfo_t info;

                worker_cancel(worker);
                (void)waitid(P_PIDFD, (id_t)worker->pidfd, &info, WEXITED);
                worker_free(worker);
                error_set(&error, ECANCELED, "worker", "mydockerd ends");
                done(&error, NULL, userdata);
        }
}

uint64_t workers_of(Manager *m, uid_t uid) {
        uint64_t n = 0;

        LIST_FOREACH(worker, m->workers, links)
        n += worker->uid == uid;
        return n;
}

/* One packet of the worker. Return: 1, 0 when there is none, or a negative errno. */
static int receive(Worker *worker) {
        _cleanup_json_ Json *packet = NULL;
        int fds[FD_PASS_MAX];
        size_t n_fds = 0;
        Json *part;
        double progress;
        int r;

        r = message_receive(worker->socket, &packet, fds, &n_fds);
        if (r == -EAGAIN)
                return 0;
        if (r <= 0)
                return r < 0 ? r : -ECONNRESET;
        fd_close_many(fds, n_fds);
        if (json_get_double(packet, "progress", &progress) > 0) {
                if (worker->progress && progress >= 0 && progress <= 1)
                        worker->progress(progress, worker->userdata);
                return 1;
        }
        if (json_get_object(packet, "error", &part) > 0)
                return (r = error_from_json(part, &worker->error)) < 0 ? r : 1;
        if (json_get_object(packet, "done", &part) > 0 && !worker->result)
                worker->result = json_object_get(part);
        return 1;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Worker *worker = userdata;

        if (receive(worker) < 0)
                worker->io = sd_event_source_disable_unref(worker->io);
        return 0;
}

static void describe_end(Worker *worker, const siginfo_t *info) {
        if (worker->canceled)
                error_set(&worker->error, ECANCELED, "worker", "canceled");
        else if (worker->error.number == 0 && !worker->result)
                error_set(&worker->error, EIO, "worker",
                          info->si_code == CLD_EXITED ? "the worker exited with status %d" :
                                                        "the worker was killed by signal %d",
                          info->si_status);
}

static int on_exit_event(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Worker *worker = userdata;
        _cleanup_json_ Json *result = NULL;
        WorkerDone done = worker->done;
        void *owner = worker->userdata;
        siginfo_t info = {};
        Error error;

        if (waitid(P_PIDFD, (id_t)worker->pidfd, &info, WEXITED | WNOHANG) < 0)
                log_errno(LOG_WARNING, errno, "Cannot wait for a worker");
        else if (info.si_pid == 0)
                return 0;
        while (worker->io && receive(worker) > 0)
                ;
        describe_end(worker, &info);
        error = worker->error;
        if (error.number == 0)
                result = json_object_get(worker->result);
        worker_free(worker);
        done(error.number != 0 ? &error : NULL, result, owner);
        return 0;
}

static int begin(Worker *worker, const Work *work, const int *fds, size_t n_fds, Error *e) {
        Manager *m = worker->manager;
        _cleanup_free_ char *program =
                strf("%s/%s", m->config.libexec_dir, work_program(work->type));
        _cleanup_json_ Json *order = NULL;
        _cleanup_close_ int theirs = -EBADF;
        int pair[2], r;
        pid_t pid;

        if (!program || work_encode(work, &order) < 0)
                return error_oom(e);
        if (FAULT("worker.start") < 0 ||
            socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return error_set(e, errno, "worker", "cannot make a socket");
        worker->socket = pair[0];
        theirs = pair[1];
        r = message_socket_prepare(worker->socket);
        if (r >= 0)
                r = message_send(worker->socket, order, fds, n_fds);
        if (r >= 0)
                r = fd_set_nonblock(worker->socket, true);
        if (r < 0)
                return error_set(e, r, "worker", "cannot tell a worker what to do");

        const char *argv[] = {program, NULL};
        TRY(spawn_child(argv, theirs, WORKER_SOCKET_FD, &pid, &worker->pidfd, e));
        r = sd_event_add_io(m->event, &worker->io, worker->socket, EPOLLIN, on_io, worker);
        if (r >= 0)
                r = sd_event_add_io(m->event, &worker->exit, worker->pidfd, EPOLLIN, on_exit_event,
                                    worker);
        if (r < 0) {
                siginfo_t info;

                worker_cancel(worker);
                (void)waitid(P_PIDFD, (id_t)worker->pidfd, &info, WEXITED);
                return error_set(e, r, "worker", "cannot watch a worker");
        }
        return 0;
}

int worker_start(Manager *m, uid_t uid, const Work *work, const int *fds, size_t n_fds,
                 WorkerProgress progress, WorkerDone done, void *userdata, Worker **ret, Error *e) {
        Worker *worker;
        int r;

        if (m->ending)
                return error_set(e, ESHUTDOWN, "worker", "mydockerd ends");
        worker = calloc(1, sizeof(*worker));
        if (!worker)
                return error_oom(e);
        worker->manager = m;
        worker->uid = uid;
        worker->socket = worker->pidfd = -EBADF;
        worker->progress = progress;
        worker->done = done;
        worker->userdata = userdata;
        LIST_PREPEND(m->workers, worker, links);
        r = begin(worker, work, fds, n_fds, e);
        if (r < 0) {
                worker_free(worker);
                return r;
        }
        if (ret)
                *ret = worker;
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/terminal.h"
#include "runtime/view.h"
#include "shared/fd.h"
#include "shared/log.h"
#include "shared/syscalls.h"
#include "supervisor/container.h"
#include "supervisor/inventory.h"
#include "supervisor/launch.h"
#include "supervisor/pause.h"
#include "supervisor/request.h"

static int request_signal(Supervisor *supervisor, Call **call, Error *e) {
        const Request *request = &(*call)->request;
        Container *container = container_find(supervisor, request->container, e);
        Process *process;

        if (!container)
                return -e->number;
        process = container_find_process(container, request->process, e);
        if (!process)
                return -e->number;
        if (sys_pidfd_send_signal(process->pidfd, request->signal) < 0)
                return error_set(e, errno, "process", "sending signal %d", request->signal);
        return 0;
}

/* With its first process the whole pid namespace ends. The group is killed as well where that is
 * one write. */
static int request_kill(Supervisor *supervisor, Call **call, Error *e) {
        Container *container = map_get(&supervisor->containers, (*call)->request.container);

        if (container && !container->running) {
                container_free(container, true); /* answers the start */
                return 0;
        }
        container = container_find(supervisor, (*call)->request.container, e);
        if (!container)
                return -e->number;
        if (sys_pidfd_send_signal(container->main->pidfd, SIGKILL) < 0 && errno != ESRCH)
                return error_set(e, errno, "process", "killing the main process");
        container->killed = true;
        if (cgroup_tree_version(supervisor->cgroups) == 2)
                TRY(cgroup_kill(container->cgroup, e));
        return pause_end(container, e);
}

static int request_update(Supervisor *supervisor, Call **call, Error *e) {
        const Request *request = &(*call)->request;
        Container *container = container_find(supervisor, request->container, e);

        if (!container)
                return -e->number;
        return cgroup_set_limits(container->cgroup, &request->limits, e);
}

static int request_resize(Supervisor *supervisor, Call **call, Error *e) {
        const Request *request = &(*call)->request;
        Container *container = container_find(supervisor, request->container, e);
        Process *process;
        int r;

        if (!container)
                return -e->number;
        process = container_find_process(container, request->process, e);
        if (!process)
                return -e->number;
        if (process->terminal < 0)
                return error_set(e, ENOTTY, "terminal", "the process has no terminal here");
        r = terminal_set_size(process->terminal, request->rows, request->columns);
        return r < 0 ? error_set(e, r, "terminal", "setting the size") : 0;
}

/* A terminal's client talks both ways. */
static int attach_terminal(Process *process, Call *call, Error *e) {
        int pair[2], r;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return error_set(e, errno, "streams", "making a socket");
        r = output_attach(process->outputs[0], pair[0]);
        if (r < 0) {
                safe_close(pair[1]);
                return error_set(e, r, "streams", "attaching a client");
        }
        return call_add_stream(call, "tty", pair[1]) < 0 ? error_oom(e) : 0;
}

static int attach_input(Container *container, Call *call, Error *e) {
        int fd = container->input_once ? TAKE_FD(container->input) :
                                         fcntl(container->input, F_DUPFD_CLOEXEC, 3);

        if (fd < 0)
                return error_set(e, errno, "streams", "sharing stdin");
        return call_add_stream(call, "stdin", fd) < 0 ? error_oom(e) : 0;
}

static int attach_pipe(Output *output, const char *name, Call *call, Error *e) {
        int pair[2], r;

        if (pipe2(pair, O_CLOEXEC) < 0)
                return error_set(e, errno, "streams", "making a pipe");
        r = output_attach(output, pair[1]);
        if (r < 0) {
                safe_close(pair[0]);
                return error_set(e, r, "streams", "attaching a client");
        }
        return call_add_stream(call, name, pair[0]) < 0 ? error_oom(e) : 0;
}

static int request_attach(Supervisor *supervisor, Call **call, Error *e) {
        static const char *const names[] = {"stdout", "stderr"};
        Container *container = container_find(supervisor, (*call)->request.container, e);
        Process *process;

        if (!container)
                return -e->number;
        process = container->main;
        if (process->tty && process->outputs[0])
                return attach_terminal(process, *call, e);
        if (container->input >= 0)
                TRY(attach_input(container, *call, e));
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (process->outputs[i])
                        TRY(attach_pipe(process->outputs[i], names[i], *call, e));
        if ((*call)->n_reply_fds == 0)
                return error_set(e, EOPNOTSUPP, "streams",
                                 "the container uses descriptors of its own");
        return 0;
}

/* Return: the descriptor of a view as the request wants it, or a negative errno. */
static int make_view(Supervisor *supervisor, const Call *call, Error *e) {
        const Request *request = &call->request;
        size_t n_volumes = request->no_upper ? 0 : request->spec->n_volumes;
        int main_pidfd = -EBADF;

        if (call->n_fds != n_volumes && call->n_fds != request->spec->n_volumes)
                return error_set(e, EBADMSG, "protocol", "%zu descriptors came with the request",
                                 call->n_fds);
        if (request->running) {
                Container *container = container_find(supervisor, request->container, e);

                if (!container)
                        return -e->number;
                main_pidfd = container->main->pidfd;
        }
        return container_view(supervisor->runtime, request->spec, call->fds, main_pidfd,
                              request->no_upper, e);
}

static int request_view(Supervisor *supervisor, Call **call, Error *e) {
        int view = make_view(supervisor, *call, e);

        if (view < 0)
                return view;
        return call_add_stream(*call, "root", view) < 0 ? error_oom(e) : 0;
}

static int request_mount(Supervisor *supervisor, Call **call, Error *e) {
        _cleanup_close_ int view = make_view(supervisor, *call, e);

        if (view < 0)
                return view;
        return container_view_attach(supervisor->runtime, (*call)->request.container, view, e);
}

static int request_unmount(Supervisor *supervisor, Call **call, Error *e) {
        return container_view_detach(supervisor->runtime, (*call)->request.container, e);
}

static int request_stats(Supervisor *supervisor, Call **call, Error *e) {
        Container *container = container_find(supervisor, (*call)->request.container, e);

        if (!container)
                return -e->number;
        return cgroup_stats(container->cgroup, &(*call)->reply.stats, e);
}

static int request_processes(Supervisor *supervisor, Call **call, Error *e) {
        Container *container = container_find(supervisor, (*call)->request.container, e);

        if (!container)
                return -e->number;
        return cgroup_pids(container->cgroup, &(*call)->reply.pids, &(*call)->reply.n_pids, e);
}

static int (*const handlers[_REQUEST_MAX])(Supervisor *supervisor, Call **call, Error *e) = {
        [REQUEST_HELLO] = request_hello,         [REQUEST_START] = request_start,
        [REQUEST_EXEC] = request_exec,           [REQUEST_SIGNAL] = request_signal,
        [REQUEST_KILL] = request_kill,           [REQUEST_FREEZE] = request_freeze,
        [REQUEST_THAW] = request_thaw,           [REQUEST_UPDATE] = request_update,
        [REQUEST_RESIZE] = request_resize,       [REQUEST_ATTACH] = request_attach,
        [REQUEST_VIEW] = request_view,           [REQUEST_MOUNT] = request_mount,
        [REQUEST_UNMOUNT] = request_unmount,     [REQUEST_STATS] = request_stats,
        [REQUEST_PROCESSES] = request_processes,
};

int request_handle(void *data, Call **call, Error *e) {
        Supervisor *supervisor = data;
        Container *container;
        int r;

        /* cppcheck-suppress nullPointerRedundantCheck ; NULL only once a handler has taken the call over */
        r = handlers[(*call)->request.type](data, call, e);
        if (r >= 0 || !*call)
                return r;
        container = map_get(&supervisor->containers, (*call)->request.container);
        return container && container->running && container_is_ending(container) ?
                       container_error_ended(e) :
                       r;
}

/* 0: of any. */
static bool is_of(const Call *call, uint64_t connection) {
        return call && (connection == 0 || call->connection == connection);
}

static void give_up(Supervisor *supervisor, uint64_t connection) {
        LIST_FOREACH(container, supervisor->list, containers) {
                if (is_of(container->freeze_call, connection))
                        pause_give_up(container);
                if (is_of(container->call, connection) ||
                    (container->main && is_of(container->main->call, connection))) {
                        container_free(container, true);
                        continue;
                }
                LIST_FOREACH(process, container->processes, processes)
                if (is_of(process->call, connection))
                        process_free(process);
        }
}

void request_connection_closed(void *data, uint64_t connection) {
        give_up(data, connection);
}

void request_give_up_all(Supervisor *supervisor) {
        give_up(supervisor, 0);
}

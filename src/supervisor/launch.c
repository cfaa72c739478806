/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "shared/fd.h"
#include "shared/log.h"
#include "shared/process.h"
#include "supervisor/container.h"
#include "supervisor/fdstore.h"
#include "supervisor/launch.h"
#include "supervisor/record.h"

/* A start finds the control group of the container's last run still there: tried again after this,
 * so often. */
#define GROUP_WAIT_MSEC 5
#define GROUP_WAIT_MAX 1000

/* The descriptors of a START: streams, volumes and devices, attached clients. */
typedef struct StartFds {
        size_t n_given, n_volumes;
        uint64_t n_attach; /* the sum of two numbers that somebody sent */
} StartFds;

static size_t count_given(const ProcessSpec *spec) {
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(spec->streams); i++)
                n += !spec->tty && spec->streams[i] == STREAM_GIVEN;
        return n;
}

static int check_fds(const Call *call, StartFds *ret, Error *e) {
        const ContainerSpec *spec = call->request.spec;

        ret->n_given = count_given(&spec->process);
        ret->n_volumes = spec->n_volumes + spec->n_devices;
        ret->n_attach = (uint64_t)call->request.attach[0] + call->request.attach[1];
        if (call->n_fds != ret->n_given + ret->n_volumes + ret->n_attach)
                return error_set(e, EBADMSG, "protocol",
                                 "%zu descriptors came with the request, %" PRIu64 " are needed",
                                 call->n_fds, ret->n_given + ret->n_volumes + ret->n_attach);
        return 0;
}

/* A new main process: its streams are all ours. */
static int take_main_streams(Process *process, Error *e) {
        Container *container = process->container;
        const LogSpec *log = &process->call->request.spec->log;
        Launch *launch = &process->launch;
        int r = 0;

        container->input = TAKE_FD(launch->streams[STDIN_FILENO]);
        container->input_once = process->call->request.spec->process.stdin_once;
        if (process->tty) {
                process->terminal = TAKE_FD(launch->terminal_slave);
                r = process_add_output(process, 0, TAKE_FD(launch->terminal_master), log);
        }
        if (r >= 0 && launch->streams[STDOUT_FILENO] >= 0)
                r = process_add_output(process, 0, TAKE_FD(launch->streams[STDOUT_FILENO]), log);
        if (r >= 0 && launch->streams[STDERR_FILENO] >= 0)
                r = process_add_output(process, 1, TAKE_FD(launch->streams[STDERR_FILENO]), log);
        return r < 0 ? error_set(e, r, "streams", "taking over the streams") : 0;
}

/* Attaches to output `i` the client that `fd` leads to, which is taken. */
static int attach_client(const Process *process, size_t i, int fd, Error *e) {
        _cleanup_close_ int given = fd;
        int r;

        if (!process->outputs[i])
                return error_set(e, EINVAL, "protocol",
                                 "a stream that isn't read can't be attached");
        /* Whoever made a pipe shares its flags; those of this new end are ours alone, so that it never
         * makes us wait. */
        if (!process->tty) {
                r = fd_open_pipe(given, O_WRONLY | O_NONBLOCK);
                if (r == -ENXIO) /* nobody reads it any more */
                        return 0;
                if (r < 0)
                        return error_set(e, r, "streams", "opening a client's pipe");
                safe_close(given);
                given = r;
        }
        r = output_attach(process->outputs[i], TAKE_FD(given));
        return r < 0 ? error_set(e, r, "streams", "attaching a client") : 0;
}

static int attach_clients(Process *process, Error *e) {
        Call *call = process->call;
        const uint32_t *attach = call->request.attach;
        size_t first = call->n_fds - attach[0] - attach[1];

        for (size_t i = first; i < call->n_fds; i++)
                TRY(attach_client(process, i - first < attach[0] ? 0 : 1, TAKE_FD(call->fds[i]),
                                  e));
        return 0;
}

/* One that was killed before it had made its terminal leaves an empty one. */
static int take_exec_terminal(Process *process) {
        int master = TAKE_FD(process->launch.terminal_master), pair[2];

        process->terminal = TAKE_FD(process->launch.terminal_slave);
        if (master < 0) {
                if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                        return -errno;
                safe_close(pair[1]);
                master = pair[0];
        }
        return call_add_stream(process->call, "tty", master);
}

/* An exec'ed one: what isn't for the log is its caller's. */
static int take_exec_streams(Process *process, Error *e) {
        static const char *const names[] = {"stdin", "stdout", "stderr"};
        const ProcessSpec *spec = &process->call->request.exec;
        Launch *launch = &process->launch;
        int r = 0;

        if (process->tty)
                r = take_exec_terminal(process);
        for (int i = 0; i < 3 && r >= 0; i++) {
                if (launch->streams[i] < 0)
                        continue;
                if (spec->streams[i] == STREAM_LOG && i > 0)
                        r = process_add_output(process, i - 1, TAKE_FD(launch->streams[i]), NULL);
                else
                        r = call_add_stream(process->call, names[i], TAKE_FD(launch->streams[i]));
        }
        return r < 0 ? error_set(e, r, "streams", "taking over the streams") : 0;
}

static int finish_start(Process *process, Error *e) {
        Container *container = process->container;
        Call *call = process->call;
        int r;

        TRY(take_main_streams(process, e));
        TRY(attach_clients(process, e));
        container->started_at = now_realtime();
        process->pid = process->launch.pid;
        call->reply.start_time = container->start_time;
        call->reply.started_at = container->started_at;
        call->reply.cgroup = strdup(cgroup_path(container->cgroup));
        if (!call->reply.cgroup)
                return error_oom(e);
        r = record_write(container, call->request.spec);
        if (r < 0)
                return error_set(e, r, "state", "writing the container's state");
        return 0;
}

/* The command has been executed. */
static int finish_launch(Process *process, Error *e) {
        Container *container = process->container;
        Launch *launch = &process->launch;
        bool is_main = process == container->main;
        int r;

        r = is_main ? finish_start(process, e) : take_exec_streams(process, e);
        if (r < 0)
                return r;
        process->pid = process->call->reply.pid = launch->pid;
        process->pidfd = TAKE_FD(launch->pidfd);
        process->root = TAKE_FD(launch->root);
        r = process_watch(process);
        if (r < 0) {
                launch->pidfd =
                        TAKE_FD(process->pidfd); /* for the caller, who gives up the launch */
                return error_set(e, r, "namespace", "watching the process");
        }
        *launch = LAUNCH_INIT;
        if (is_main)
                container->running = true;
        call_reply(TAKE_PTR(process->call));
        if (is_main) {
                container_watch_oom(container);
                fdstore_keep(container);
        }
        return 0;
}

/* Frees what a failed launch leaves: the process, and with the main one the container. */
static void give_up(Process *process, const Error *e) {
        Container *container = process->container;
        Error ended = ERROR_INIT;

        if (process != container->main && container_is_ending(container)) {
                container_error_ended(&ended);
                e = &ended;
        }
        call_fail(TAKE_PTR(process->call), e);
        if (process != container->main) {
                process_free(process);
                return;
        }
        record_remove(container);
        container_free(container, true);
}

static int watch_launch(Process *process, Error *e);

static void on_channel(void *data, uint32_t events) {
        Process *process = data;
        Error e = ERROR_INIT;
        int r;

        /* It is closed with the last word from it. */
        event_source_remove(&process->channel);
        r = launch_continue(&process->launch, &e);
        if (r == 0)
                r = watch_launch(process, &e);
        else if (r > 0 && !process->launch.prepared && container_is_ending(process->container))
                r = container_error_ended(&e);
        else if (r > 0)
                r = finish_launch(process, &e);
        if (r < 0) {
                process_abort_launch(process);
                give_up(process, &e);
        }
}

/* For the channel's end alone, before which there is nothing to be done: what has been reported is read then. */
static int watch_launch(Process *process, Error *e) {
        int r = event_source_add(process->container->supervisor->loop, &process->channel,
                                 process->launch.channel, 0, on_channel, process);

        if (r < 0)
                return error_set(e, r, "namespace", "watching the new process");
        return 0;
}

/* Begins the start; on failure the caller frees the container. */
static int begin_start(Container *container, const Call *call, Error *e) {
        Supervisor *supervisor = container->supervisor;
        const ContainerSpec *spec = call->request.spec;
        StartFds fds;
        int r;

        TRY(check_fds(call, &fds, e));
        TRY(container_open_log(container, &spec->log, e));
        TRY(cgroup_make(supervisor->cgroups, spec->id, &spec->limits, &container->cgroup, e));
        if (process_new(container, 0, &container->main) < 0)
                return error_oom(e);
        container->id_base = spec->host_userns ? 0 : spec->id_base;
        container->main->tty = spec->process.tty;
        TRY(container_start_begin(supervisor->runtime, spec, container->cgroup,
                                  call->fds + fds.n_given, call->fds, &container->main->launch, e));
        /* Now, while the process sets the container up. */
        r = process_start_time(container->main->launch.pid, &container->start_time);
        if (r < 0)
                return error_set(e, r, "namespace", "reading the start time");
        return watch_launch(container->main, e);
}

static void on_group_timer(void *data) {
        Container *container = data;
        _cleanup_free_ char *path =
                strf("%s/%s", container->supervisor->options.cgroup_parent, container->id);
        Call *call = TAKE_PTR(container->call);
        Error e = ERROR_INIT;
        int r;

        if (!path)
                r = error_oom(&e);
        else if (!reaper_has(container->supervisor->reaper, path)) {
                r = begin_start(container, call, &e);
                if (r >= 0) {
                        container->main->call = call;
                        return;
                }
        } else if (container->waited++ < GROUP_WAIT_MAX) {
                container->call = call;
                event_timer_set(container->supervisor->loop, &container->timer, GROUP_WAIT_MSEC,
                                on_group_timer, container);
                return;
        } else
                error_set(&e, EBUSY, "cgroup", "processes of the container's last run are left");
        call_fail(call, &e);
        container_free(container, true);
}

int request_start(Supervisor *supervisor, Call **call, Error *e) {
        const ContainerSpec *spec = (*call)->request.spec;
        _cleanup_free_ char *path = strf("%s/%s", supervisor->options.cgroup_parent, spec->id);
        Container *container;
        int r;

        if (!path)
                return error_oom(e);
        r = container_new(supervisor, spec->id, &container);
        if (r < 0)
                return error_set(e, r, "container", "the container runs already");
        if (reaper_has(supervisor->reaper, path)) {
                container->call = TAKE_PTR(*call);
                event_timer_set(supervisor->loop, &container->timer, GROUP_WAIT_MSEC,
                                on_group_timer, container);
                return 0;
        }
        r = begin_start(container, *call, e);
        if (r < 0) {
                container_free(container, true);
                return r;
        }
        container->main->call = TAKE_PTR(*call);
        return 0;
}

int request_exec(Supervisor *supervisor, Call **call, Error *e) {
        const Request *request = &(*call)->request;
        Container *container = container_find(supervisor, request->container, e);
        Process *process;
        int r;

        if (!container)
                return -e->number;
        if (container->frozen || container->freeze_call)
                return error_set(e, EBUSY, "container", "the container is paused");
        if ((*call)->n_fds != count_given(&request->exec))
                return error_set(e, EBADMSG, "protocol", "%zu descriptors came with the request",
                                 (*call)->n_fds);
        LIST_FOREACH(other, container->processes, processes)
        if (other->number == request->process)
                return error_set(e, EEXIST, "protocol", "the process number is in use");
        if (process_new(container, request->process, &process) < 0)
                return error_oom(e);
        process->tty = request->exec.tty;
        r = container_exec_begin(supervisor->runtime, container->main->pidfd, container->id_base,
                                 container->cgroup, &request->exec, (*call)->fds, &process->launch,
                                 e);
        if (r >= 0)
                r = watch_launch(process, e);
        if (r < 0) {
                process_free(process);
                return r;
        }
        process->call = TAKE_PTR(*call);
        return 0;
}

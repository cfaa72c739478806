/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syslog.h>
#include <sys/wait.h>

#include "shared/log.h"
#include "shared/process.h"
#include "supervisor/container.h"
#include "supervisor/exit-status.h"
#include "supervisor/fdstore.h"
#include "supervisor/record.h"

/* How long the end of the outputs is waited for after the main process has ended. All processes of
 * a container end with it, and so do the pipes, unless one was handed to somebody outside. */
#define OUTPUT_MSEC 500

/* How often, and for how long in all, an adopted process's parent is given to reap it. */
#define REAP_MSEC 20
#define REAP_TRIES 100

int container_error_ended(Error *e) {
        return error_set(e, ESRCH, "container", "the container doesn't run");
}

bool container_is_ending(const Container *container) {
        char path[32], target;

        snprintf(path, sizeof(path), "%d/exe", container->main->pid);
        /* Its memory goes first, then all others in its pid namespace are killed, and only when they are gone has it
         * ended. Meanwhile entering its namespaces fails in various ways. */
        return container->main->ended ||
               (readlinkat(runtime_proc(container->supervisor->runtime), path, &target, 1) < 0 &&
                errno == ENOENT);
}

int container_new(Supervisor *supervisor, const char *id, Container **ret) {
        Container *container = calloc(1, sizeof(Container));
        int r;

        if (!container)
                return -ENOMEM;
        container->supervisor = supervisor;
        container->input = -EBADF;
        memcpy(container->id, id, ID_LENGTH + 1);
        r = map_put(&supervisor->containers, container->id, container);
        if (r < 0) {
                free(container);
                return r;
        }
        LIST_PREPEND(supervisor->list, container, containers);
        *ret = container;
        return 0;
}

void container_free(Container *container, bool remove_group) {
        const Error e = {
                .number = ECANCELED, .stage = "container", .text = "the container was given up"};
        Error ended = ERROR_INIT;

        map_remove(&container->supervisor->containers, container->id);
        LIST_REMOVE(container->supervisor->list, container, containers);
        if (container->call)
                call_fail(container->call, &e);
        if (container->freeze_call) {
                container_error_ended(&ended);
                call_fail(container->freeze_call, &ended);
        }
        LIST_FOREACH(process, container->processes, processes)
        process_free(process);
        event_timer_cancel(&container->timer);
        event_timer_cancel(&container->freeze_timer);
        event_source_remove(&container->oom_source);
        event_timer_cancel(&container->oom_timer);
        safe_close(container->input);
        logfile_free(container->log);
        if (container->cgroup && remove_group)
                reaper_add(container->supervisor->reaper, container->cgroup);
        else
                cgroup_free(container->cgroup);
        free(container);
}

Container *container_find(Supervisor *supervisor, const char *id, Error *e) {
        Container *container = map_get(&supervisor->containers, id);

        if (container && container->running && !container->main->ended)
                return container;
        container_error_ended(e);
        return NULL;
}

Process *container_find_process(Container *container, uint64_t number, Error *e) {
        LIST_FOREACH(process, container->processes, processes)
        if (process->number == number && !process->call && !process->ended)
                return process;
        error_set(e, ESRCH, "process", "the process doesn't run");
        return NULL;
}

int process_new(Container *container, uint64_t number, Process **ret) {
        Process *process = malloc(sizeof(Process));

        if (!process)
                return -ENOMEM;
        *process = (Process){
                .container = container,
                .number = number,
                .pidfd = -EBADF,
                .terminal = -EBADF,
                .root = -EBADF,
                .launch = LAUNCH_INIT,
        };
        LIST_PREPEND(container->processes, process, processes);
        *ret = process;
        return 0;
}

void process_abort_launch(Process *process) {
        Supervisor *supervisor = process->container->supervisor;

        reaper_watch(supervisor->reaper, launch_abort(supervisor->runtime, &process->launch));
}

bool container_is_launching(const Container *container) {
        LIST_FOREACH(process, container->processes, processes)
        if (process->call)
                return true;
        return false;
}

void process_free(Process *process) {
        Container *container = process->container;
        const Error e = {.number = ECANCELED,
                         .stage = "container",
                         .text = "the container has ended or was given up"};

        LIST_REMOVE(container->processes, process, processes);
        event_source_remove(&process->channel);
        event_source_remove(&process->exit_source);
        process_abort_launch(process);
        for (size_t i = 0; i < ELEMENTSOF(process->outputs); i++)
                output_release(process->outputs[i]);
        safe_close(process->pidfd);
        safe_close(process->terminal);
        safe_close(process->root);
        if (process->call)
                call_fail(process->call, &e);
        free(process);
}

static void send_end(Process *process) {
        Supervisor *supervisor = process->container->supervisor;
        int r;

        if (process->number == 0) {
                r = record_exit(supervisor, &process->end);
                if (r < 0)
                        log_errno(LOG_ERR, r, "Can't write the exit record of container %s",
                                  process->container->id);
                record_remove(process->container);
                fdstore_drop(process->container->id);
        }
        server_send_event(supervisor->server, &process->end);
}

/* Whether all is read that the process put out. */
static bool outputs_ended(Process *process) {
        bool ended = true;

        for (size_t i = 0; i < ELEMENTSOF(process->outputs); i++)
                if (process->outputs[i] && !output_drain(process->outputs[i]))
                        ended = false;
        return ended;
}

/* After a process other than the main one has ended. */
static void finish_process(Process *process) {
        bool over = outputs_ended(process);

        if (!process->told)
                send_end(process);
        process->told = true;
        if (over)
                process_free(process);
}

static void finish_container(Container *container) {
        Supervisor *supervisor = container->supervisor;
        Process *process = container->main;

        /* Those whose end was not seen yet; the kernel has ended them before the main process. */
        LIST_FOREACH(other, container->processes, processes)
        if (other != container->main && !other->call && !other->told) {
                if (!other->ended)
                        process_take_end(other);
                send_end(other);
        }
        process->end.oom_killed = process->end.status != 0 && container->oom_kills > 0;
        send_end(process);
        reaper_watch(supervisor->reaper,
                     mount_release(supervisor->runtime, TAKE_FD(process->root)));
        container_free(container, true);
}

static void on_outputs_timeout(void *data) {
        Container *container = data;

        log_warning("Output of container %s is held open by somebody outside", container->id);
        finish_container(container);
}

/* After any of the processes or outputs has ended. May free the container. */
static void check_end(Container *container) {
        bool others = false;

        LIST_FOREACH(process, container->processes, processes) {
                if (process == container->main)
                        continue;
                if (process->ended)
                        finish_process(process);
                else if (!process->call)
                        others = true;
        }
        if (!container->main || !container->main->ended)
                return;
        if (outputs_ended(container->main) && !others)
                finish_container(container);
        else if (!container->timer.loop)
                event_timer_set(container->supervisor->loop, &container->timer, OUTPUT_MSEC,
                                on_outputs_timeout, container);
}

static void on_output_ended(void *data) {
        check_end(data);
}

static const char *const stream_names[] = {"stdout", "stderr"};

int process_add_output(Process *process, size_t i, int fd, const LogSpec *log) {
        const JournalConfig journal = {
                .socket = JOURNAL_SOCKET,
                .id = process->container->id,
                .log = log,
                .priority = i == 0 ? LOG_INFO : LOG_ERR,
        };
        const OutputConfig config = {
                .fd = fd,
                .terminal = process->tty,
                .stream = stream_names[i],
                .log = process->container->log,
                .journal = log && streq_ptr(log->driver, "journald") ? &journal : NULL,
                .ended = on_output_ended,
                .data = process->container,
        };

        return output_new(process->container->supervisor->loop, &config, &process->outputs[i]);
}

int process_load_output(Process *process, size_t i, State *state, Json *json) {
        const OutputConfig config = {
                .fd = -EBADF,
                .stream = stream_names[i],
                .log = process->container->log,
                .ended = on_output_ended,
                .data = process->container,
        };

        return output_load(process->container->supervisor->loop, &config, state, json,
                           &process->outputs[i]);
}

#define OWN_DIR_SIZE (sizeof("containers/") + ID_LENGTH)

/* The container's own directory, below the state directory. */
static const char *own_dir(const Container *container, char path[static OWN_DIR_SIZE]) {
        snprintf(path, OWN_DIR_SIZE, "containers/%s", container->id);
        return path;
}

int container_open_log(Container *container, const LogSpec *log, Error *e) {
        char path[OWN_DIR_SIZE];

        if (streq_ptr(log->driver, "journald") && access(JOURNAL_SOCKET, F_OK) < 0)
                return error_set(e, EOPNOTSUPP, "log", "journald does not run on this machine");
        if (!streq_ptr(log->driver, "file"))
                return 0;
        return logfile_open(container->supervisor->state_dir, own_dir(container, path),
                            log->max_size, &container->log, e);
}

int container_load_log(Container *container, Json *json, Error *e) {
        char path[OWN_DIR_SIZE];

        return logfile_load(container->supervisor->state_dir, own_dir(container, path), json,
                            &container->log, e);
}

/* How often, and how long after each other, the count of kills is looked at. */
#define OOM_LOOKS 50
#define OOM_MSEC 20

static void count_oom_kills(Container *container) {
        Event event = {.type = EVENT_OOM, .finished_at = now_realtime()};
        uint64_t kills;

        if (cgroup_oom_kills(container->cgroup, &kills) < 0 || kills <= container->oom_kills)
                return;
        container->oom_kills = kills;
        memcpy(event.container, container->id, sizeof(event.container));
        server_send_event(container->supervisor->server, &event);
}

static void on_oom_timer(void *data) {
        Container *container = data;
        uint64_t before = container->oom_kills;

        count_oom_kills(container);
        if (container->oom_kills == before && container->oom_looks++ < OOM_LOOKS)
                event_timer_set(container->supervisor->loop, &container->oom_timer, OOM_MSEC,
                                on_oom_timer, container);
}

/* Version 1 gives notice before it kills, and counts after. */
static void on_oom(void *data, uint32_t events) {
        Container *container = data;

        container->oom_looks = 0;
        on_oom_timer(container);
}

void container_watch_oom(Container *container) {
        uint32_t events;
        int fd = cgroup_watch_oom(container->cgroup, &events), r = fd;

        if (fd >= 0)
                r = event_source_add(container->supervisor->loop, &container->oom_source, fd,
                                     events, on_oom, container);
        if (r < 0 && r != -EOPNOTSUPP)
                log_errno(LOG_WARNING, r, "Can't watch the memory of container %s", container->id);
}

static void on_reap_timer(void *data);

/* The process has ended. */
static void take_end(Process *process) {
        Container *container = process->container;

        if (!process_take_end(process) && container->waited++ < REAP_TRIES) {
                event_timer_set(container->supervisor->loop, &container->timer, REAP_MSEC,
                                on_reap_timer, container);
                return;
        }
        process->ended = true;
        /* Nobody else has it open any more, so that the master's end comes when all is read. */
        process->terminal = safe_close(process->terminal);
        if (process == container->main)
                count_oom_kills(container);
        check_end(container);
}

static void on_reap_timer(void *data) {
        Container *container = data;

        take_end(container->main);
}

static void on_exit_source(void *data, uint32_t events) {
        Process *process = data;

        event_source_remove(&process->exit_source);
        take_end(process);
}

int process_watch(Process *process) {
        return event_source_add(process->container->supervisor->loop, &process->exit_source,
                                process->pidfd, EPOLLIN, on_exit_source, process);
}

void container_resume(Container *container) {
        container_watch_oom(container);
        /* There may have been notice already. */
        if (container->oom_source.loop)
                on_oom(container, 0);
        check_end(container);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "shared/log.h"
#include "shared/strutil.h"
#include "supervisor/container.h"
#include "supervisor/notify.h"
#include "supervisor/request.h"
#include "supervisor/upgrade.h"

/* Where the new program finds the number of the state's descriptor. */
#define VARIABLE "MYDOCKER_SUPERVISOR_STATE"

/* How often, and for how long, requests are waited for: longer than any takes that doesn't hang. */
#define WAIT_MSEC 5
#define WAIT_MSEC_MAX 12000

#define STRANGERS_MSEC 1000

static const char *const output_names[] = {"stdout", "stderr"};

static int save_process(const Process *process, State *state, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object();
        Json *item;

        if (!json)
                return -ENOMEM;
        TRY(json_add_u64(json, "number", process->number));
        TRY(json_add_int(json, "pid", process->pid));
        TRY(state_add_fd(state, json, "pidfd", process->pidfd));
        TRY(json_add_bool(json, "tty", process->tty));
        TRY(state_add_fd(state, json, "terminal", process->terminal));
        TRY(state_add_fd(state, json, "root", process->root));
        for (size_t i = 0; i < ELEMENTSOF(output_names); i++)
                if (process->outputs[i]) {
                        TRY(output_save(process->outputs[i], state, &item));
                        TRY(json_add(json, output_names[i], item));
                }
        if (process->ended) {
                TRY(event_encode(&process->end, &item));
                TRY(json_add(json, "end", item));
        }
        TRY(json_add_bool(json, "told", process->told));
        *ret = TAKE_PTR(json);
        return 0;
}

static int save_container(const Container *container, State *state, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object(), *processes = json_object_new_array();
        Json *item;

        if (!json || !processes)
                return -ENOMEM;
        TRY(json_add_string(json, "id", container->id));
        TRY(json_add_u64(json, "start-time", container->start_time));
        TRY(json_add_u64(json, "started-at", container->started_at));
        TRY(json_add_u64(json, "id-base", container->id_base));
        TRY(state_add_fd(state, json, "input", container->input));
        TRY(json_add_bool(json, "input-once", container->input_once));
        TRY(json_add_bool(json, "frozen", container->frozen));
        TRY(json_add_u64(json, "oom-kills", container->oom_kills));
        if (container->log) {
                TRY(logfile_save(container->log, &item));
                TRY(json_add(json, "log", item));
        }
        LIST_FOREACH(process, container->processes, processes) {
                TRY(save_process(process, state, &item));
                TRY(json_append(processes, item));
        }
        TRY(json_add(json, "processes", TAKE_PTR(processes)));
        *ret = TAKE_PTR(json);
        return 0;
}

static int save(const Supervisor *supervisor, State *state) {
        Json *root = state_root(state), *item;

        TRY(state_add_fd(state, root, "runtime-dir", supervisor->runtime_dir));
        TRY(state_add_fd(state, root, "cgroup-lock", cgroup_tree_lock(supervisor->cgroups)));
        item = json_object_new_array();
        TRY(json_add(root, "containers", item));
        LIST_FOREACH(container, supervisor->list, containers) {
                Json *one;

                TRY(save_container(container, state, &one));
                TRY(json_append(item, one));
        }
        TRY(outputs_save_released(state, &item));
        TRY(json_add(root, "outputs", item));
        TRY(journals_save_released(state, &item));
        TRY(json_add(root, "journals", item));
        TRY(reaper_save(supervisor->reaper, state, &item));
        TRY(json_add(root, "holders", item));
        TRY(server_save(supervisor->server, state, &item));
        return json_add(root, "server", item);
}

/* The new program is found where all programs are. Return: a negative errno when it couldn't be executed. */
static int execute(Supervisor *supervisor, int fd, Error *e) {
        const SupervisorOptions *options = &supervisor->options;
        const char *argv[] = {
                options->program,     "--state-dir",     options->state_dir,     "--runtime-dir",
                options->runtime_dir, "--cgroup-parent", options->cgroup_parent, NULL};
        char number[16];
        int r;

        snprintf(number, sizeof(number), "%d", fd);
        if (setenv(VARIABLE, number, true) < 0)
                return error_oom(e);
        r = runtime_leave(supervisor->runtime);
        if (r < 0)
                error_set(e, r, "upgrade", "returning to the host's mount namespace");
        else {
                execv(options->program, (char *const *)argv);
                r = error_set(e, errno, "upgrade", "executing %s", options->program);
                runtime_return(supervisor->runtime);
        }
        unsetenv(VARIABLE);
        return r;
}

static int replace(Supervisor *supervisor, Error *e) {
        _cleanup_(state_freep) State *state = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = state_new(&state);
        if (r >= 0)
                r = save(supervisor, state);
        if (r >= 0)
                r = fd = state_pass(state);
        if (r < 0)
                return error_set(e, r, "upgrade", "writing down the state");
        r = execute(supervisor, fd, e);
        state_keep(state);
        return r;
}

static bool is_busy(const Supervisor *supervisor) {
        LIST_FOREACH(container, supervisor->list, containers) {
                if (container->call || container->freeze_call || container_is_launching(container))
                        return true;
        }
        return false;
}

static void on_upgrade(void *data) {
        Supervisor *supervisor = data;
        Error e = ERROR_INIT;

        if (is_busy(supervisor) && supervisor->upgrade_waited < WAIT_MSEC_MAX) {
                supervisor->upgrade_waited += WAIT_MSEC;
                event_timer_set(supervisor->loop, &supervisor->upgrade, WAIT_MSEC, on_upgrade,
                                supervisor);
                return;
        }
        request_give_up_all(supervisor);
        replace(supervisor, &e);
        log_error_object(LOG_ERR, &e, "Can't upgrade, going on as before");
        server_pause(supervisor->server, false);
        notify("READY=1");
}

void upgrade_begin(Supervisor *supervisor) {
        struct timespec now;
        char text[64];

        if (supervisor->upgrade.loop)
                return;
        clock_gettime(CLOCK_MONOTONIC, &now);
        snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
                 (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
        notify(text);
        log_info("Upgrading to %s", supervisor->options.program);
        server_pause(supervisor->server, true);
        supervisor->upgrade_waited = 0;
        on_upgrade(supervisor);
}

void upgrade_receive(Supervisor *supervisor) {
        const char *text = getenv(VARIABLE);
        uint32_t fd;
        int r;

        if (!text)
                return;
        r = parse_u32(text, &fd);
        if (r >= 0)
                r = state_read((int)fd, &supervisor->state);
        unsetenv(VARIABLE);
        if (r < 0) {
                log_errno(LOG_ERR, r, "Can't read the state that was left for us");
                supervisor->incomplete = true;
        }
}

static int load_output(Process *process, size_t i, State *state, Json *json) {
        Json *output;
        int r = json_get_object(json, output_names[i], &output);

        return r <= 0 ? r : process_load_output(process, i, state, output);
}

static int load_process(Container *container, State *state, Json *json) {
        Process *process;
        uint64_t number;
        Json *end;
        int r;

        if (json_get_u64(json, "number", &number) <= 0)
                return -EBADMSG;
        TRY(process_new(container, number, &process));
        if (number == 0)
                container->main = process;
        if (json_get_int(json, "pid", &process->pid) <= 0 ||
            state_take_fd(state, json, "pidfd", &process->pidfd) <= 0)
                return -EBADMSG;
        TRY(json_get_bool(json, "tty", &process->tty));
        TRY(state_take_fd(state, json, "terminal", &process->terminal));
        TRY(state_take_fd(state, json, "root", &process->root));
        for (size_t i = 0; i < ELEMENTSOF(output_names); i++)
                TRY(load_output(process, i, state, json));
        TRY(json_get_bool(json, "told", &process->told));
        r = json_get_object(json, "end", &end);
        if (r <= 0)
                return r < 0 ? r : process_watch(process);
        process->ended = true;
        return event_decode(end, &process->end);
}

static int load_processes(Container *container, State *state, Json *json, Error *e) {
        Json *processes;
        int r = json_get_array(json, "processes", &processes);

        for (size_t i = 0; r > 0 && i < json_object_array_length(processes); i++)
                if (load_process(container, state, json_object_array_get_idx(processes, i)) < 0)
                        r = -EBADMSG;
        if (r <= 0 || !container->main)
                return error_set(e, EBADMSG, "upgrade", "reading the processes");
        return 0;
}

static int load_container(Container *container, State *state, Json *json, Error *e) {
        Json *log = NULL;

        if (json_get_u64(json, "start-time", &container->start_time) < 0 ||
            json_get_u64(json, "started-at", &container->started_at) < 0 ||
            json_get_u32(json, "id-base", &container->id_base) < 0 ||
            json_get_bool(json, "input-once", &container->input_once) < 0 ||
            json_get_bool(json, "frozen", &container->frozen) < 0 ||
            json_get_u64(json, "oom-kills", &container->oom_kills) < 0 ||
            state_take_fd(state, json, "input", &container->input) < 0 ||
            json_get_object(json, "log", &log) < 0)
                return error_set(e, EBADMSG, "upgrade", "reading the container");
        TRY(cgroup_open(container->supervisor->cgroups, container->id, &container->cgroup, e));
        if (log)
                TRY(container_load_log(container, log, e));
        TRY(load_processes(container, state, json, e));
        container->running = true;
        return 0;
}

static int load_one(Supervisor *supervisor, Json *json, Error *e) {
        char id[ID_LENGTH + 1];
        Container *container;
        int r;

        if (message_get_id(json, "id", id) <= 0)
                return error_set(e, EBADMSG, "upgrade", "reading a container's id");
        r = container_new(supervisor, id, &container);
        if (r < 0)
                return error_set(e, r, "upgrade", "entering container %s", id);
        r = load_container(container, supervisor->state, json, e);
        if (r < 0)
                container_free(container, false);
        return r;
}

static int load_rest(Supervisor *supervisor) {
        State *state = supervisor->state;
        Json *root = state_root(state), *array;
        int r;

        r = json_get_array(root, "outputs", &array);
        if (r > 0)
                r = outputs_load_released(supervisor->loop, state, array);
        if (r >= 0)
                r = json_get_array(root, "journals", &array);
        if (r > 0)
                r = journals_load_released(supervisor->loop, state, array);
        if (r >= 0)
                r = json_get_array(root, "holders", &array);
        if (r > 0)
                r = reaper_load(supervisor->reaper, state, array);
        return r;
}

void upgrade_load_containers(Supervisor *supervisor) {
        Json *containers;
        Error e = ERROR_INIT;
        int r;

        if (!supervisor->state)
                return;
        r = json_get_array(state_root(supervisor->state), "containers", &containers);
        for (size_t i = 0; r > 0 && i < json_object_array_length(containers); i++)
                if (load_one(supervisor, json_object_array_get_idx(containers, i), &e) < 0) {
                        log_error_object(LOG_ERR, &e, "Can't take over a container");
                        supervisor->incomplete = true; /* it is left to be adopted */
                }
        if (r > 0)
                r = load_rest(supervisor);
        if (r < 0) {
                log_errno(LOG_ERR, r, "Can't take over everything");
                supervisor->incomplete = true;
        }
}

int upgrade_load_server(Supervisor *supervisor, const ServerConfig *config, Error *e) {
        Json *server;
        int r = 0;

        if (supervisor->state) {
                r = json_get_object(state_root(supervisor->state), "server", &server);
                if (r > 0)
                        r = server_load(supervisor->loop, config, supervisor->state, server,
                                        &supervisor->server);
                if (r < 0)
                        log_errno(LOG_ERR, r, "Can't take over the connections");
        }
        if (supervisor->server)
                return 0;
        return server_new(supervisor->loop, supervisor->runtime_dir, config, &supervisor->server,
                          e);
}

static bool is_known(const Supervisor *supervisor, pid_t pid) {
        LIST_FOREACH(container, supervisor->list, containers)
        LIST_FOREACH(process, container->processes, processes)
        if (process->pid == pid || process->launch.pid == pid)
                return true;
        return false;
}

/* A container doesn't end before every process in it has been reaped, also those that weren't taken over. */
static void on_strangers(void *data) {
        Supervisor *supervisor = data;
        siginfo_t info = {};

        while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) >= 0 &&
               info.si_pid != 0 && !is_known(supervisor, info.si_pid)) {
                (void)waitpid(info.si_pid, NULL, WNOHANG | __WALL);
                info.si_pid = 0;
        }
        event_timer_set(supervisor->loop, &supervisor->strangers, STRANGERS_MSEC, on_strangers,
                        supervisor);
}

void upgrade_finish(Supervisor *supervisor) {
        if (supervisor->incomplete)
                on_strangers(supervisor);
        if (!supervisor->state)
                return;
        supervisor->state = state_free(supervisor->state);
        LIST_FOREACH(container, supervisor->list, containers)
        container_resume(container);
        log_info("Taken over %zu containers", supervisor->containers.n);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "daemon/container.h"
#include "daemon/exec.h"
#include "daemon/runtime-file.h"
#include "daemon/supervisor-client.h"
#include "daemon/waiter.h"
#include "shared/fd.h"
#include "shared/log.h"
#include "shared/process.h"

/* How soon to look again when the container was frozen at the time of a check. */
#define FROZEN_USEC (1000ULL * 1000)

/* A check that is under way. */
typedef struct HealthRun {
        Container *container;
        Process *process; /* NULL until it has been executed */
        uint64_t start;
        int fd;
        sd_event_source *io, *timeout;
        char output[HEALTH_OUTPUT_MAX];
        size_t size;
        bool timed_out;
} HealthRun;

static HealthRun *run_free(HealthRun *run) {
        if (!run)
                return NULL;
        if (run->container->health.run == run)
                run->container->health.run = NULL;
        sd_event_source_disable_unref(run->io);
        sd_event_source_disable_unref(run->timeout);
        safe_close(run->fd);
        container_unref(run->container);
        free(run);
        return NULL;
}
DEFINE_CLEANUP(HealthRun *, run_free)

static void result_done(HealthResult *result) {
        free(result->output);
        *result = (HealthResult){};
}

void health_done(Container *c) {
        c->health.timer = sd_event_source_disable_unref(c->health.timer);
        for (size_t i = 0; i < c->health.n_results; i++)
                result_done(&c->health.results[i]);
        c->health.n_results = 0;
}

static void set_status(Container *c, HealthStatus status) {
        if (c->record->health_status == status)
                return;
        c->record->health_status = status;
        container_changed(c, "Health", NULL);
        if (status == HEALTH_HEALTHY)
                waiters_answer(c, NULL, WAIT_HEALTHY, 0);
        if (container_is_up(c))
                container_save(c);
}

/* What a program wrote, as text that can be passed on: with its lines, without what moves a terminal's cursor. */
static char *make_text(const HealthRun *run) {
        char *text = strndup(run->output, run->size);
        size_t n;

        for (char *p = text; p && *p; p += n + (p[n] != '\0')) {
                char end;

                n = strcspn(p, "\n\t");
                end = p[n];
                p[n] = '\0';
                text_sanitize(p);
                p[n] = end;
        }
        return text;
}

static int describe_result(const HealthResult *result, Json *log) {
        Json *json = json_object_new_object();

        if (!json)
                return -ENOMEM;
        TRY(json_append(log, json));
        TRY(json_add_u64(json, "start", result->start));
        TRY(json_add_u64(json, "end", result->end));
        TRY(json_add_int(json, "exit-code", result->exit_code));
        return json_add_string(json, "output", result->output ?: "");
}

static int describe_results(const Health *health, Json *json) {
        Json *log = json_object_new_array();

        TRY(json_add(json, "log", log));
        for (size_t i = 0; i < health->n_results; i++)
                TRY(describe_result(&health->results[i], log));
        return 0;
}

static int read_result(Json *json, HealthResult *ret) {
        if (!json_object_is_type(json, json_type_object))
                return -EBADMSG;
        TRY(json_get_u64(json, "start", &ret->start));
        TRY(json_get_u64(json, "end", &ret->end));
        TRY(json_get_int(json, "exit-code", &ret->exit_code));
        return json_get_string(json, "output", &ret->output);
}

static int read_results(Json *json, Health *health) {
        Json *log = NULL;

        TRY(json_get_array(json, "log", &log));
        for (size_t i = 0; log && i < json_object_array_length(log) && i < HEALTH_RESULTS; i++)
                /* Counted when it cannot be read, too, so that it is freed. */
                TRY(read_result(json_object_array_get_idx(log, i),
                                &health->results[health->n_results++]));
        return 0;
}

void health_restore(Container *c) {
        _cleanup_json_ Json *json = NULL;
        int r;

        if (!c->record->health_check.command)
                return;
        r = runtime_file_read(c->manager, HEALTH_DIRECTORY, c->record->spec->id, &json);
        if (r >= 0)
                r = read_results(json, &c->health);
        if (r < 0 && r != -ENOENT)
                log_errno(LOG_WARNING, r, "Results of health checks of container %s are lost",
                          c->record->name);
}

void health_forget(const Container *c) {
        if (c->record->health_check.command)
                runtime_file_forget(c->manager, HEALTH_DIRECTORY, c->record->spec->id);
}

void health_sweep(const Manager *m) {
        runtime_files_sweep(m, HEALTH_DIRECTORY);
}

static void save_results(const Container *c) {
        _cleanup_json_ Json *json = json_object_new_object();
        int r = json ? describe_results(&c->health, json) : -ENOMEM;

        if (r >= 0)
                r = runtime_file_write(c->manager, HEALTH_DIRECTORY, c->record->spec->id, json);
        if (r < 0)
                log_errno(LOG_WARNING, r, "Cannot keep a result of container %s's health check",
                          c->record->name);
}

/* Keeps a result, the output of which is taken over, in place of the oldest. */
static void keep(Container *c, const HealthRun *run, int exit_code, char *output) {
        Health *health = &c->health;

        if (health->n_results == HEALTH_RESULTS) {
                result_done(&health->results[0]);
                memmove(&health->results[0], &health->results[1],
                        (HEALTH_RESULTS - 1) * sizeof(HealthResult));
                health->n_results--;
        }
        health->results[health->n_results++] = (HealthResult){
                .start = run->start,
                .end = now_realtime(),
                .exit_code = exit_code,
                .output = output,
        };
        save_results(c);
}

static void count(Container *c, bool passed) {
        ContainerRecord *record = c->record;
        const HealthCheck *check = &record->health_check;

        if (passed) {
                record->health_failures = 0;
                set_status(c, HEALTH_HEALTHY);
                return;
        }
        if (record->health_status == HEALTH_STARTING &&
            now_realtime() < record->started_at + check->start_period)
                return;
        if (record->health_failures < UINT32_MAX)
                record->health_failures++;
        if (record->health_failures >= check->retries)
                set_status(c, HEALTH_UNHEALTHY);
}

static void arm(Container *c, uint64_t delay);

static void arm_next(Container *c) {
        const HealthCheck *check = &c->record->health_check;
        bool beginning = c->record->health_status == HEALTH_STARTING &&
                         now_realtime() < c->record->started_at + check->start_period;

        arm(c, beginning ? check->start_interval : check->interval);
}

/* A check has a result; the next one follows. */
static void finish(HealthRun *r, int exit_code, char *output) {
        _cleanup_(run_freep) HealthRun *run = r;
        Container *c = run->container;

        /* It may be one of an earlier run of the container. */
        if (c->health.run != run || c->forgotten || c->manager->ending) {
                free(output);
                return;
        }
        c->health.run = NULL;
        keep(c, run, exit_code, output);
        /* A check that ends because all in the container does says nothing. */
        if (c->state != CONTAINER_STOPPING)
                count(c, exit_code == 0);
        arm_next(c);
}

/* What there is. After as much as is kept the rest is thrown away, so that nobody who writes waits. */
static int read_output(HealthRun *run) {
        char rest[4096];
        bool full = run->size == sizeof(run->output);
        ssize_t n = read(run->fd, full ? rest : run->output + run->size,
                         full ? sizeof(rest) : sizeof(run->output) - run->size);

        if (n < 0)
                return errno == EINTR ? 1 : -errno;
        if (!full)
                run->size += (size_t)n;
        return n > 0;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        HealthRun *run = userdata;
        int r = read_output(run);

        if (r <= 0 && r != -EAGAIN)
                run->io = sd_event_source_disable_unref(run->io);
        return 0;
}

void health_kill(Container *c, uint64_t number) {
        Request request = {.type = REQUEST_SIGNAL, .process = number, .signal = SIGKILL};
        Error e = ERROR_INIT;

        memcpy(request.container, c->record->spec->id, sizeof(request.container));
        if (supervisor_call(c->manager->supervisor, &request, NULL, 0, NULL, NULL, &e) < 0)
                log_error_object(LOG_WARNING, &e, "Cannot end a health check of container %s",
                                 c->record->name);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        HealthRun *run = userdata;

        run->timeout = sd_event_source_disable_unref(run->timeout);
        run->timed_out = true;
        if (run->process)
                health_kill(run->container, run->process->number);
        return 0;
}

static void on_exit_of(Process *p, void *userdata) {
        HealthRun *run = userdata;
        int status = p->status;

        while (read_output(run) > 0)
                ;
        if (run->timed_out)
                finish(run, -1,
                       strf("Health check exceeded timeout (%.3g s)",
                            (double)run->container->record->health_check.timeout / 1e6));
        else
                finish(run, status, make_text(run));
}

static void on_begun(Process *p, const Error *error, char *const *streams, int *fds, size_t n_fds,
                     void *userdata) {
        HealthRun *run = userdata;
        char text[640];

        if (!p) {
                error_format(error, text, sizeof(text));
                finish(run, -1, strdup(text));
                return;
        }
        run->process = p;
        p->on_exit = on_exit_of;
        p->userdata = run;
        if (run->timed_out)
                health_kill(run->container, p->number);
}

static int prepare(HealthRun *run, int *ret_write, Error *e) {
        Manager *m = run->container->manager;
        int fds[2], r;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return error_set(e, errno, "health", "cannot make a pipe");
        run->fd = fds[0];
        *ret_write = fds[1];
        r = fd_set_nonblock(run->fd, true);
        if (r >= 0)
                r = sd_event_add_io(m->event, &run->io, run->fd, EPOLLIN, on_readable, run);
        if (r >= 0)
                r = sd_event_add_time_relative(m->event, &run->timeout, CLOCK_MONOTONIC,
                                               run->container->record->health_check.timeout, 1000,
                                               on_timeout, run);
        return r < 0 ? error_set(e, r, "health", "cannot watch a health check") : 0;
}

static int begin_check(Container *c, Error *e) {
        _cleanup_(run_freep) HealthRun *run = calloc(1, sizeof(HealthRun));
        _cleanup_close_ int output = -EBADF;
        ExecOptions options = EXEC_OPTIONS_INIT;

        if (!run)
                return error_oom(e);
        run->container = container_ref(c);
        run->start = now_realtime();
        run->fd = -EBADF;
        TRY(prepare(run, &output, e));
        options.check = true;
        options.streams[1] = options.streams[2] = output;
        TRY(exec_begin(c, c->record->health_check.command, &options, on_begun, run, e));
        c->health.run = TAKE_PTR(run);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Container *c = userdata;
        Error e = ERROR_INIT;

        c->health.timer = sd_event_source_disable_unref(c->health.timer);
        if (c->frozen || c->busy) {
                arm(c, FROZEN_USEC);
                return 0;
        }
        if (begin_check(c, &e) < 0) {
                /* The service's trouble, not the container's. */
                log_error_object(LOG_WARNING, &e, "Cannot check container %s", c->record->name);
                arm_next(c);
        }
        return 0;
}

static void arm(Container *c, uint64_t delay) {
        int r;

        c->health.timer = sd_event_source_disable_unref(c->health.timer);
        r = sd_event_add_time_relative(c->manager->event, &c->health.timer, CLOCK_MONOTONIC, delay,
                                       1000, on_timer, c);
        if (r < 0)
                log_errno(LOG_ERR, r, "Container %s is not checked any more", c->record->name);
}

void health_begin(Container *c, bool fresh) {
        if (!c->record->health_check.command)
                return;
        if (fresh || c->record->health_status == HEALTH_NONE) {
                health_done(c);
                health_forget(c);
                c->record->health_failures = 0;
                set_status(c, HEALTH_STARTING);
        }
        arm_next(c);
}

void health_end(Container *c) {
        c->health.timer = sd_event_source_disable_unref(c->health.timer);
        c->health.run = NULL;
        set_status(c, HEALTH_NONE);
        if (c->state != CONTAINER_RESTARTING)
                waiters_fail(c, WAIT_HEALTHY);
}

int health_describe(const Container *c, Json *json) {
        Json *health;

        if (!c->record->health_check.command)
                return 0;
        health = json_object_new_object();
        TRY(json_add(json, "health", health));
        TRY(json_add_u64(health, "failures", c->record->health_failures));
        return describe_results(&c->health, health);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <stdarg.h>

#include "daemon/authorize.h"
#include "daemon/bus-util.h"
#include "daemon/call.h"
#include "daemon/container.h"
#include "daemon/errors.h"
#include "daemon/exit-record.h"
#include "daemon/image.h"
#include "daemon/process.h"
#include "daemon/quota.h"
#include "daemon/supervisor-client.h"
#include "daemon/waiter.h"
#include "shared/fd.h"
#include "shared/log.h"

#define PARKED_MAX 64

static const char *const state_names[_CONTAINER_STATE_MAX] = {
        [CONTAINER_CREATED] = "created", [CONTAINER_RUNNING] = "running",
        [CONTAINER_PAUSED] = "paused",   [CONTAINER_STOPPING] = "stopping",
        [CONTAINER_EXITED] = "exited",   [CONTAINER_REMOVING] = "removing",
        [CONTAINER_DEAD] = "dead",       [CONTAINER_RESTARTING] = "restarting",
};

const char *container_state_to_string(ContainerState state) {
        return state_names[state];
}

Container *container_ref(Container *c) {
        c->n_ref++;
        return c;
}

Container *container_unref(Container *c) {
        if (!c || --c->n_ref > 0)
                return NULL;
        for (size_t i = 0; i < c->n_parked; i++)
                sd_bus_message_unref(c->parked[i]);
        free(c->parked);
        container_drop_given(c);
        container_record_free(c->record);
        sd_event_source_disable_unref(c->stop_timer);
        restart_forget(c);
        health_done(c);
        free(c->cgroup);
        free(c->path);
        free(c);
        return NULL;
}

void container_drop_given(Container *c) {
        fd_close_many(c->streams, 3);
        if (c->volume_fds)
                fd_close_many(c->volume_fds, c->record->spec->n_volumes);
        free(c->volume_fds);
        c->volume_fds = NULL;
        for (size_t i = 0; i < ELEMENTSOF(c->attached); i++) {
                fd_close_many(c->attached[i], c->n_attached[i]);
                c->n_attached[i] = 0;
        }
}

/* Forgets clients that have gone since. Nobody else may be kept out by them. */
static void drop_hung_up(int *fds, size_t *n) {
        size_t kept = 0;

        for (size_t i = 0; i < *n; i++) {
                struct pollfd pollfd = {.fd = fds[i]};

                if (poll(&pollfd, 1, 0) > 0)
                        safe_close(fds[i]);
                else
                        fds[kept++] = fds[i];
        }
        *n = kept;
}

int container_attach_at_start(Container *c, int stream, int fd) {
        drop_hung_up(c->attached[stream], &c->n_attached[stream]);
        if (c->n_attached[stream] >= ELEMENTSOF(c->attached[stream])) {
                safe_close(fd);
                return -EUSERS;
        }
        c->attached[stream][c->n_attached[stream]++] = fd;
        return 0;
}

int container_add(Manager *m, ContainerRecord *record, Container **ret) {
        _cleanup_(container_unrefp) Container *c = calloc(1, sizeof(*c));
        int r;

        if (!c) {
                container_record_free(record);
                return -ENOMEM;
        }
        c->n_ref = 1;
        c->manager = m;
        c->record = record;
        c->state = record->state == RECORD_CREATED ? CONTAINER_CREATED : CONTAINER_EXITED;
        for (size_t i = 0; i < 3; i++)
                c->streams[i] = -EBADF;
        c->path = strf(PATH_CONTAINERS "/%s", record->spec->id);
        if (!c->path)
                return -ENOMEM;
        r = map_put(&m->container_names, record->name, c);
        if (r < 0)
                return r;
        r = map_put(&m->containers, record->spec->id, c);
        if (r >= 0)
                r = layers_use(m, record->spec->layers);
        if (r < 0) {
                map_remove(&m->containers, record->spec->id);
                map_remove(&m->container_names, record->name);
                return r;
        }
        LIST_PREPEND(m->container_list, c, links);
        *ret = TAKE_PTR(c);
        return 0;
}

void container_announce(Container *c) {
        Manager *m = c->manager;
        int r;

        c->announced = true;
        m->n_announced++;
        if (!m->exported)
                return;
        r = sd_bus_emit_object_added(m->bus, c->path);
        if (r < 0)
                log_errno(LOG_WARNING, r, "Cannot announce container %s", c->record->spec->id);
        manager_counts_changed(m);
}

/* Calls that were put aside are dispatched again. */
static void unpark(Container *c) {
        Manager *m = c->manager;
        sd_bus_message **parked = TAKE_PTR(c->parked);
        size_t n = c->n_parked;

        c->n_parked = 0;
        for (size_t i = 0; i < n; i++) {
                call_dispatch_again(m, parked[i]);
                sd_bus_message_unref(parked[i]);
        }
        free(parked);
}

/* Whoever waits for something of a container that has gone. */
static void refuse_parked(Container *c) {
        for (size_t i = 0; i < c->n_parked; i++) {
                reply_error(c->parked[i], ERROR_NO_SUCH_CONTAINER, "Container %s has been removed",
                            c->record->name);
                authorize_release(c->manager, c->parked[i]);
                sd_bus_message_unref(c->parked[i]);
        }
        c->n_parked = 0;
}

static void refuse_exit_hooks(Container *c) {
        ExitHook *hooks = TAKE_PTR(c->exit_hooks);

        LIST_FOREACH(hook, hooks, links) {
                reply_error(hook->call->message, ERROR_NO_SUCH_CONTAINER,
                            "Container %s has been removed", c->record->name);
                call_free(hook->call);
                free(hook);
        }
}

void container_forget(Container *c) {
        Manager *m = c->manager;
        int r;

        if (c->forgotten)
                return;
        waiters_answer(c, NULL, WAIT_REMOVED, c->record->exit_code);
        waiters_refuse(c);
        refuse_exit_hooks(c);
        while (c->processes)
                process_free(c->processes);
        if (c->announced) {
                if (m->exported) {
                        /* While it can still be found. */
                        r = sd_bus_emit_object_removed(m->bus, c->path);
                        if (r < 0)
                                log_errno(LOG_WARNING, r, "Cannot announce the end of container %s",
                                          c->record->spec->id);
                }
                c->announced = false;
                m->n_announced--;
        }
        c->forgotten = true;
        map_remove(&m->containers, c->record->spec->id);
        map_remove(&m->container_names, c->record->name);
        LIST_REMOVE(m->container_list, c, links);
        if (!m->ending)
                layers_unuse(m, c->record->spec->layers);
        refuse_parked(c);
        manager_counts_changed(m);
        container_unref(c);
}

Container *container_by_id(Manager *m, const char *id) {
        return map_get(&m->containers, id);
}

int container_find(Manager *m, const char *id_or_name, Container **ret, sd_bus_error *error) {
        Container *found = map_get(&m->container_names, id_or_name);

        if (found && !found->announced)
                found = NULL;
        if (!found && id_prefix_is_valid(id_or_name)) {
                LIST_FOREACH(c, m->container_list, links) {
                        if (!c->announced || !startswith(c->record->spec->id, id_or_name))
                                continue;
                        if (found)
                                return sd_bus_error_setf(
                                        error, ERROR_INVALID_ARGS,
                                        "More than one container has an id that begins with %s",
                                        id_or_name);
                        found = c;
                }
        }
        if (!found)
                return bus_error_setf(error, ERROR_NO_SUCH_CONTAINER, "No such container: %.256s",
                                      id_or_name);
        *ret = found;
        return 0;
}

bool container_is_up(const Container *c) {
        return c->pid != 0;
}

void container_changed(Container *c, const char *property, ...) {
        char *names[24];
        size_t n = 0;
        va_list ap;
        int r;

        if (!c->announced || !c->manager->exported)
                return;
        va_start(ap, property);
        for (; property && n + 1 < ELEMENTSOF(names); property = va_arg(ap, const char *))
                names[n++] = (char *)property;
        va_end(ap);
        names[n] = NULL;
        r = sd_bus_emit_properties_changed_strv(c->manager->bus, c->path, "org.mydocker.Container",
                                                names);
        if (r < 0)
                log_errno(LOG_WARNING, r, "Cannot announce changes of container %s",
                          c->record->spec->id);
}

static int save(Container *c, Error *e) {
        if (c->forgotten || store_container_write(c->manager->store, c->record, e) >= 0)
                return 0;
        log_error_object(LOG_ERR, e, "Container %s", c->record->name);
        return -e->number;
}

int container_save(Container *c) {
        Error e = ERROR_INIT;

        return save(c, &e);
}

void container_save_and_reply(Container *c, sd_bus_message *message) {
        Error e = ERROR_INIT;

        /* It has happened, but the next daemon would not know of it. */
        if (save(c, &e) < 0)
                reply_failure(message, &e);
        else
                reply_done_empty(message);
}

int container_wait_turn(Container *c, sd_bus_message *message, sd_bus_error *error) {
        sd_bus_message **grown;

        /* By another call that waited for the same. */
        if (c->forgotten)
                return bus_error_setf(error, ERROR_NO_SUCH_CONTAINER,
                                      "Container %s has been removed", c->record->name);
        if (!c->busy)
                return 1;
        if (c->n_parked >= PARKED_MAX)
                return sd_bus_error_setf(error, ERROR_LIMITS_EXCEEDED,
                                         "Too many calls wait for container %s", c->record->name);
        grown = reallocarray(c->parked, c->n_parked + 1, sizeof(*grown));
        if (!grown)
                return bus_failure(error, ENOMEM, "container");
        grown[c->n_parked++] = sd_bus_message_ref(message);
        c->parked = grown;
        authorize_hold(c->manager, message);
        return 0;
}

void container_busy_begin(Container *c) {
        c->busy = true;
        container_ref(c);
}

void container_busy_end(Container *c) {
        c->busy = false;
        unpark(c);
        container_settle(c);
        container_unref(c);
}

static bool is_to_be_removed(const Container *c) {
        /* Whoever waits for a process in it hears of its end first. */
        LIST_FOREACH(p, c->processes, links) {
                if (p->pid != 0)
                        return false;
        }
        return c->record->auto_remove && c->state == CONTAINER_EXITED && !c->busy && !c->forgotten;
}

void container_settle(Container *c) {
        if (is_to_be_removed(c))
                container_remove(c, NULL, NULL);
        else
                restart_settle(c);
}

int container_on_exit(Container *c, uid_t uid, void (*callback)(Container *c, Call *call),
                      Call *call) {
        ExitHook *hook = calloc(1, sizeof(*hook));

        if (!hook)
                return -ENOMEM;
        hook->uid = uid;
        hook->callback = callback;
        hook->call = call;
        LIST_APPEND(c->exit_hooks, hook, links);
        return 0;
}

int container_running(Container *c, const ContainerRun *run) {
        if (!container_is_up(c))
                c->manager->n_running++;
        TRY(free_and_strdup(&c->cgroup, run->cgroup ?: ""));
        c->pid = run->pid;
        c->frozen = run->frozen;
        c->state = run->frozen ? CONTAINER_PAUSED : CONTAINER_RUNNING;
        c->record->state = RECORD_RUNNING;
        c->record->restarting = false;
        restart_forget(c);
        c->record->started_at = run->started_at;
        c->record->exit_code = -1;
        c->record->oom_killed = false;
        free(c->record->error);
        c->record->error = NULL;
        manager_counts_changed(c->manager);
        c->upper_final = false;
        if (c->record->owner != 0)
                disk_watch(c->manager);
        return 0;
}

static int add_labels(char ***details, Json *labels) {
        json_object_object_foreach(labels, key, value) {
                _cleanup_free_ char *name = strf("label.%s", key);

                if (!name)
                        return -ENOMEM;
                TRY(details_add(details, name, json_object_get_string(value)));
        }
        return 0;
}

int container_record_details(const ContainerRecord *record, const char *verb, const char *user,
                             char ***ret) {
        _cleanup_strv_free_ char **details = NULL;
        _cleanup_free_ char *image = NULL;
        char owner[16];

        if (!id_is_valid(record->image))
                TRY(image_reference_normalize(record->image, &image));
        snprintf(owner, sizeof(owner), "%u", record->owner);
        TRY(details_add(&details, "verb", verb));
        TRY(details_add(&details, "container", record->name));
        TRY(details_add(&details, "image", image ?: record->image));
        TRY(details_add(&details, "image-id", record->image_id));
        TRY(details_add(&details, "owner", owner));
        TRY(details_add(&details, "user", user ?: record->spec->process.user));
        TRY(add_labels(&details, record->labels));
        *ret = TAKE_PTR(details);
        return 0;
}

int container_details(const Container *c, const char *verb, const char *user, char ***ret) {
        _cleanup_strv_free_ char **details = NULL;

        TRY(container_record_details(c->record, verb, user, &details));
        TRY(details_add(&details, "id", c->record->spec->id));
        *ret = TAKE_PTR(details);
        return 0;
}

int container_authorize(Container *c, sd_bus_message *message, bool owner_may, const char *action,
                        const char *verb, sd_bus_error *error) {
        _cleanup_strv_free_ char **details = NULL;

        if (container_details(c, verb, NULL, &details) < 0)
                return bus_failure(error, ENOMEM, "container");
        return authorize_owner(c->manager, message, owner_may ? c->record->owner : 0, action,
                               details, error);
}

static void run_exit_hooks(Container *c) {
        ExitHook *hooks = TAKE_PTR(c->exit_hooks);

        LIST_FOREACH(hook, hooks, links) {
                hook->callback(c, hook->call);
                free(hook);
        }
}

void container_note_exit(Container *c) {
        /* What goes away at once needs no record any more. */
        if (!c->forgotten && !is_to_be_removed(c) && container_save(c) < 0)
                return;
        exit_record_forget(c->manager, c->record->spec->id);
}

void container_exited(Container *c, const Event *event) {
        Manager *m = c->manager;
        ContainerRecord *record = c->record;
        Error e = ERROR_INIT;

        container_ref(c);
        if (container_is_up(c))
                m->n_running--;
        c->pid = 0;
        free(c->cgroup);
        c->cgroup = NULL;
        c->frozen = false;
        c->stop_timer = sd_event_source_disable_unref(c->stop_timer);
        ranges_release(&m->ranges, record->spec->id_base);
        record->spec->id_base = 0;
        record->state = RECORD_EXITED;
        record->paused = false;
        record->exit_code = event->status;
        record->oom_killed |= event->oom_killed;
        record->finished_at = event->finished_at;
        c->state = restart_plan(c, false) ? CONTAINER_RESTARTING : CONTAINER_EXITED;

        container_changed(c, "State", "ExitCode", "OOMKilled", "Pid", "FinishedAt", "CgroupPath",
                          "RestartCount", NULL);
        manager_counts_changed(m);
        waiters_answer(c, NULL, WAIT_NOT_RUNNING | WAIT_NEXT_EXIT, record->exit_code);
        health_end(c);
        LIST_FOREACH(follower, c->followers, links)
        worker_tell(follower->worker);
        /* Its next start, or a commit, takes the upper directory. */
        container_cancel_copies(c);
        if (container_end_mount(c, &e) < 0)
                log_error_object(LOG_WARNING, &e, "Container %s", record->name);
        /* Who waits does not need the record: until it is written the supervisor's says the same, and restart_stopped() has
         * written that somebody wanted the end. */
        run_exit_hooks(c);
        if (!c->starting)
                container_note_exit(c);
        container_settle(c);
        container_unref(c);
}

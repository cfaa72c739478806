/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "daemon/authorize.h"
#include "daemon/container.h"
#include "daemon/exit-record.h"
#include "daemon/image.h"
#include "daemon/job.h"
#include "daemon/manager.h"
#include "daemon/process.h"
#include "daemon/quota.h"
#include "daemon/runtime-file.h"
#include "daemon/supervisor-client.h"
#include "daemon/waiter.h"
#include "daemon/worker-client.h"
#include "shared/log.h"
#include "shared/process.h"

Manager *manager_free(Manager *m) {
        if (!m)
                return NULL;
        /* What goes on is ended, and whoever began it hears so; nothing new is begun. */
        m->ending = true;
        workers_done(m);
        m->supervisor = supervisor_free(m->supervisor);
        m->offload = offload_free(m->offload);
        /* From here on nothing is announced any more. */
        m->exported = false;
        jobs_done(m);
        waiters_done(m);
        checks_done(m);
        permissions_done(m);
        callers_done(m);
        while (m->container_list)
                container_forget(m->container_list);
        while (m->image_list)
                image_free(m->image_list);
        MAP_FOREACH(slot, &m->layers)
        free(slot->value);
        map_done(&m->containers);
        map_done(&m->container_names);
        map_done(&m->images);
        map_done(&m->layers);
        sd_event_source_disable_unref(m->counts_source);
        sd_event_source_disable_unref(m->trash_source);
        disk_done(m);
        sd_bus_flush_close_unref(m->bus);
        sd_event_unref(m->event);
        store_free(m->store);
        ranges_done(&m->ranges);
        strv_free(m->features);
        free(m->supervisor_version);
        config_done(&m->config);
        free(m);
        return NULL;
}

static int compare_age(const void *a, const void *b) {
        const ContainerRecord *const *first = a, *const *second = b;

        return (*first)->created_at < (*second)->created_at ? -1 :
               (*first)->created_at > (*second)->created_at ? 1 :
                                                              0;
}

static int load_store(Manager *m, Error *e) {
        _cleanup_(store_contents_done) StoreContents contents = {};

        TRY(store_load(m->store, &contents, e));
        for (size_t i = 0; i < contents.n_images; i++)
                if (image_add(m, TAKE_PTR(contents.images[i]), NULL) < 0)
                        return error_oom(e);
        /* The list is newest first, and grows at its head. */
        if (contents.n_containers > 0)
                qsort(contents.containers, contents.n_containers, sizeof(ContainerRecord *),
                      compare_age);
        for (size_t i = 0; i < contents.n_containers; i++) {
                Container *c;
                int r;

                r = container_add(m, TAKE_PTR(contents.containers[i]), &c);
                if (r == -EEXIST) {
                        log_error("Ignoring one of two containers with the same name");
                        continue;
                }
                if (r < 0)
                        return error_oom(e);
                health_restore(c);
                container_announce(c);
        }
        return 0;
}

/* The loop ends then, too. sd-bus drops the connection also after a call whose descriptors it has no room for. */
static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        log_error("The connection with the message bus has ended");
        return 0;
}

static int open_bus(Manager *m, Error *e) {
        int r;

        r = sd_bus_open_system(&m->bus);
        if (r >= 0)
                r = sd_bus_match_signal(m->bus, NULL, NULL, NULL, "org.freedesktop.DBus.Local",
                                        "Disconnected", on_disconnected, NULL);
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(m->bus, true);
        if (r >= 0)
                r = sd_bus_attach_event(m->bus, m->event, SD_EVENT_PRIORITY_NORMAL);
        return r < 0 ? error_set(e, r, "bus", "cannot connect to the system bus") : 0;
}

int manager_new(Config *config, Manager **ret, Error *e) {
        _cleanup_(manager_freep) Manager *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                return error_oom(e);
        m->config = *config;
        *config = (Config){};
        if (mkdir(m->config.runtime_dir, 0700) < 0 && errno != EEXIST)
                return error_set(e, errno, "runtime", "cannot make %s", m->config.runtime_dir);
        TRY(runtime_directory_make(m, HEALTH_DIRECTORY, e));
        TRY(store_open(m->config.state_dir, &m->store, e));
        TRY(ranges_init(&m->ranges, (uint32_t)m->config.id_range_start,
                        (uint32_t)m->config.id_range_count, m->store->fd, e));
        TRY(load_store(m, e));
        r = sd_event_default(&m->event);
        if (r >= 0)
                r = offload_new(m->event, &m->offload);
        if (r < 0)
                return error_set(e, r, "daemon", "cannot make the event loop");
        TRY(open_bus(m, e));
        r = supervisor_new(m, &m->supervisor);
        if (r < 0)
                return error_oom(e);
        *ret = TAKE_PTR(m);
        return 0;
}

static int on_name(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Manager *m = userdata;
        uint32_t result = 0;

        if (sd_bus_message_is_method_error(reply, NULL) ||
            sd_bus_message_read(reply, "u", &result) < 0 || result != 1) {
                log_error("Cannot get the name " BUS_NAME " on the bus: %s",
                          sd_bus_message_is_method_error(reply, NULL) ?
                                  sd_bus_message_get_error(reply)->message :
                                  "another process has it");
                sd_event_exit(m->event, EXIT_FAILURE);
                return 0;
        }
        log_info("mydockerd " PACKAGE_VERSION " is ready, with %u containers", m->n_announced);
        (void)sd_notify(false, "READY=1");
        return 0;
}

/* All objects are there before the name is: whoever waits for it finds them. */
static int begin(Manager *m) {
        TRY(manager_export(m));
        TRY(containers_export(m));
        TRY(processes_export(m));
        TRY(images_export(m));
        TRY(jobs_export(m));
        m->exported = true;
        return sd_bus_request_name_async(m->bus, NULL, BUS_NAME, 0, on_name, m);
}

/* Those that are not among what the supervisor has (NULL: nothing): how they ended, nobody knows. */
static void end_processes(Container *c, const InventoryContainer *found) {
        LIST_FOREACH(p, c->processes, links) {
                bool running = false;

                for (size_t i = 0; found && i < found->n_processes; i++)
                        running = running || found->processes[i].process == p->number;
                if (p->pid != 0 && !running)
                        process_exited(p, -1);
        }
}

/* What a container's processes are that exec has begun, as the supervisor knows them. */
static void reconcile_processes(Container *c, const InventoryContainer *found) {
        for (size_t i = 0; i < found->n_processes; i++) {
                const InventoryProcess *entry = &found->processes[i];
                Process *p;

                if (entry->process == 0 || process_by_number(c, entry->process))
                        continue;
                if (entry->process & PROCESS_CHECK) {
                        health_kill(c, entry->process); /* nobody waits for its result */
                        continue;
                }
                p = process_new(c, entry->process);
                if (!p)
                        continue;
                p->pid = entry->pid;
                p->tty = entry->tty;
                p->owner = c->record->owner;
                process_announce(p);
        }
        end_processes(c, found);
}

/* Frozen for a commit by an earlier daemon, or one that lost the answer, and nobody would thaw it. */
static void thaw_left(Container *c, const InventoryContainer *found) {
        Error e = ERROR_INIT;

        if (found->frozen && !c->frozen && !c->record->paused &&
            supervisor_call_simple(c->manager->supervisor, REQUEST_THAW, found->id, NULL, NULL,
                                   &e) < 0)
                log_error_object(LOG_ERR, &e, "Container %s stays frozen", c->record->name);
}

/* Return: whether the container runs. */
static bool reconcile_running(Container *c, const InventoryContainer *found) {
        ContainerRun run = {
                .cgroup = found->cgroup,
                .started_at = found->started_at,
                .frozen = found->frozen && c->record->paused,
        };

        for (size_t i = 0; i < found->n_processes; i++)
                if (found->processes[i].process == 0)
                        run.pid = found->processes[i].pid;
        if (run.pid == 0)
                return false;
        if (c->pid != run.pid) {
                c->record->spec->id_base = found->id_base;
                ranges_mark(&c->manager->ranges, found->id_base, c->record->owner);
                if (container_running(c, &run) < 0)
                        log_warning("Not enough memory for container %s", c->record->name);
                container_changed(c, "State", "Pid", "StartedAt", "CgroupPath", "ExitCode", "Error",
                                  "OOMKilled", NULL);
                health_begin(c, false);
                container_save(c);
        }
        reconcile_processes(c, found);
        return true;
}

/* The record of a container that runs could not be removed at its end: a supervisor that follows finds it and says that
 * nobody knows how the container ended. We have been told. */
static bool is_known_better(const Container *c, const Event *recorded) {
        return recorded->status < 0 && !container_is_up(c) && c->record->state == RECORD_EXITED;
}

/* A container that does not run: it may have ended while nobody listened. */
static void reconcile_ended(Container *c) {
        Event event = {.status = -1, .finished_at = now_realtime()}, recorded;
        bool known = exit_record_read(c->manager, c->record->spec->id, &recorded);

        end_processes(c, NULL);
        if (known && is_known_better(c, &recorded)) {
                exit_record_forget(c->manager, c->record->spec->id);
                return;
        }
        if (known)
                event = recorded;
        if (!known && !container_is_up(c) && c->record->state != RECORD_RUNNING)
                return;
        if (!known && c->record->started_at == 0) {
                log_warning("Removing container %s, whose start was never confirmed",
                            c->record->name);
                container_remove(c, NULL, NULL);
                return;
        }
        if (!known)
                log_warning("How container %s ended is not known", c->record->name);
        container_exited(c, &event);
}

static const InventoryContainer *find_in(const Inventory *inventory, const char *id) {
        for (size_t i = 0; i < inventory->n_containers; i++)
                if (streq(inventory->containers[i].id, id))
                        return &inventory->containers[i];
        return NULL;
}

/* Containers that the supervisor has and we have no record of: their start was never confirmed. */
static void kill_unknown(Manager *m, const Inventory *inventory) {
        for (size_t i = 0; i < inventory->n_containers; i++) {
                const char *id = inventory->containers[i].id;
                Error e = ERROR_INIT;

                if (container_by_id(m, id))
                        continue;
                log_warning("Killing container %s, of which there is no record", id);
                if (supervisor_call_simple(m->supervisor, REQUEST_KILL, id, NULL, NULL, &e) < 0)
                        log_error_object(LOG_ERR, &e, "Cannot kill container %s", id);
        }
}

void manager_reconcile(Manager *m, Inventory *inventory) {
        int r = 0;

        strv_free(m->features);
        m->features = TAKE_PTR(inventory->features);
        m->cgroup_version = inventory->cgroup_version;
        if (free_and_strdup(&m->supervisor_version, inventory->version) < 0)
                log_warning("Not enough memory");
        kill_unknown(m, inventory);
        LIST_FOREACH(c, m->container_list, links) {
                const InventoryContainer *found = find_in(inventory, c->record->spec->id);

                if (found) {
                        container_stop_again(c);
                        thaw_left(c, found);
                }
                if (c->state == CONTAINER_DEAD) {
                        c->state = CONTAINER_EXITED;
                        container_settle(c);
                        continue;
                }
                if (c->busy && container_is_up(c) && found)
                        end_processes(c, found); /* it may be frozen */
                if (c->busy && (found || !container_is_up(c)))
                        continue; /* its own reply says what became of it */
                if (!found || !reconcile_running(c, found))
                        reconcile_ended(c);
        }
        if (!m->exported) {
                restart_all(m);
                r = begin(m);
        }
        if (r < 0) {
                log_errno(LOG_ERR, r, "Cannot offer our objects on the bus");
                sd_event_exit(m->event, EXIT_FAILURE);
                return;
        }
        exit_records_sweep(m);
        health_sweep(m);
        manager_empty_trash(m);
        layers_count(m);
        disk_watch(m);
}

void manager_on_event(Manager *m, const Event *event) {
        Container *c = container_by_id(m, event->container);
        Process *p;

        if (!c) {
                /* One that was never confirmed, or is already gone. */
                if (event->type == EVENT_EXITED && event->process == 0)
                        exit_record_forget(m, event->container);
                return;
        }
        if (event->type == EVENT_OOM) {
                c->record->oom_killed = true;
                container_changed(c, "OOMKilled", NULL);
        } else if (event->process == 0) {
                container_exited(c, event);
        } else {
                p = process_by_number(c, event->process);
                if (p)
                        process_exited(p, event->status);
                container_settle(c);
        }
}

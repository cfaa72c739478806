/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Run and Create: validate, look up, authorize (and then all of it once more), make the container, start
 * it. When Run fails nothing of it is left. */

#include <fcntl.h>

#include "daemon/authorize.h"
#include "daemon/bus-util.h"
#include "daemon/container-methods.h"
#include "daemon/errors.h"
#include "daemon/manager-methods.h"
#include "daemon/names.h"
#include "daemon/run-record.h"
#include "shared/fault.h"
#include "shared/fd.h"

/* Asks for one action, for the container that would be made. */
static int ask(Manager *m, sd_bus_message *message, const ContainerRecord *record,
               const char *action, const char *verb, const char *volume, sd_bus_error *error) {
        _cleanup_strv_free_ char **details = NULL;

        if (container_record_details(record, verb, NULL, &details) < 0 ||
            (volume && details_add(&details, "volume", volume) < 0))
                return bus_failure(error, ENOMEM, "container");
        return authorize(m, message, action, details, error);
}

/* All actions that these options need, one after the other; each source of a volume by itself, so that
 * a rule can look at it. */
static int authorize_run(Manager *m, sd_bus_message *message, const RunOptions *o,
                         const ContainerRecord *record, const char *verb, sd_bus_error *error) {
        int r;

        r = ask(m, message, record, run_options_privileged(o) ? ACTION_RUN_PRIVILEGED : ACTION_RUN,
                verb, NULL, error);
        for (size_t i = 0; r > 0 && i < o->volumes.n; i++)
                if (o->volumes.items[i].source)
                        r = ask(m, message, record, ACTION_VOLUME, verb,
                                record->spec->volumes[i].source, error);
        if (r > 0 && limits_exceed(&m->config, &record->spec->limits) && record->owner != 0)
                r = ask(m, message, record, ACTION_LIMIT, verb, NULL, error);
        return r;
}

/* Before anybody types a password for nothing; a start looks again at what only a start needs. */
static int check_quota(Manager *m, const ContainerRecord *record, bool create,
                       sd_bus_error *error) {
        uint64_t n = 0;
        Error e = ERROR_INIT;

        LIST_FOREACH(c, m->container_list, links)
        n += c->record->owner == record->owner;
        TRY(quota_check_count(record->owner, "user-containers-max", n,
                              m->config.user_containers_max, error));
        if (!create && (quota_check_limits(m, record->owner, NULL, &record->spec->limits, &e) < 0 ||
                        quota_check_disk(m, record->owner, &e) < 0))
                return error_to_bus(&e, error);
        return 0;
}

static int choose_name(Manager *m, ContainerRecord *record, sd_bus_error *error) {
        Container *other;

        for (unsigned attempt = 0; !record->name && attempt < 1000; attempt++) {
                _cleanup_free_ char *name = name_make(attempt);

                if (!name)
                        return bus_failure(error, ENOMEM, "name");
                if (!map_get(&m->container_names, name))
                        record->name = TAKE_PTR(name);
        }
        if (!record->name)
                return sd_bus_error_set(error, ERROR_NAME_IN_USE, "No free name was found");
        other = map_get(&m->container_names, record->name);
        if (other)
                return sd_bus_error_setf(error, ERROR_NAME_IN_USE,
                                         "The name %s is in use by container %s", record->name,
                                         other->record->spec->id);
        return 0;
}

/* Takes descriptors over that the first start needs. */
static int take_given(Container *c, RunOptions *o) {
        c->volume_fds = calloc(o->volumes.n + 1, sizeof(int));
        if (!c->volume_fds)
                return -ENOMEM;
        for (size_t i = 0; i < o->volumes.n; i++)
                c->volume_fds[i] = TAKE_FD(o->volumes.items[i].fd);
        for (size_t i = 0; i < 3; i++)
                c->streams[i] = TAKE_FD(o->streams[i]);
        for (int i = 0; i < 2; i++)
                if (o->attach[i] >= 0)
                        (void)container_attach_at_start(c, i,
                                                        TAKE_FD(o->attach[i])); /* the first */
        return 0;
}

/* Leaves nothing of a container that nobody has been told of. */
static void discard(Container *c) {
        Manager *m = c->manager;

        store_discard(m->store, m->store->containers, c->record->spec->id);
        container_forget(c);
        manager_empty_trash(m);
}

static int make_on_disk(Store *store, const ContainerRecord *record, Error *e) {
        int r;

        TRY(store_container_make(store, record->spec->id, record->spec->layers, e));
        r = store_container_write(store, record, e);
        if (r < 0)
                store_discard(store, store->containers, record->spec->id);
        return r;
}

/* Makes the container on disk and in the tables, not on the bus yet. Takes the record over. */
static int make_container(Manager *m, ContainerRecord *r, RunOptions *o, bool create,
                          Container **ret, sd_bus_error *error) {
        _cleanup_(container_record_freep) ContainerRecord *record = r;
        char id[ID_LENGTH + 1];
        Error e = ERROR_INIT;
        Container *c;

        memcpy(id, record->spec->id, sizeof(id));
        TRY(choose_name(m, record, error));
        /* Should nobody find it running after a crash, it goes: nobody has been told of it. */
        if (!create)
                record->state = RECORD_RUNNING;
        if (make_on_disk(m->store, record, &e) < 0) {
                manager_empty_trash(m);
                return error_to_bus(&e, error);
        }
        if (container_add(m, TAKE_PTR(record), &c) < 0) {
                store_discard(m->store, m->store->containers, id);
                manager_empty_trash(m);
                return bus_failure(error, ENOMEM, "container");
        }
        if (take_given(c, o) < 0) {
                discard(c);
                return bus_failure(error, ENOMEM, "container");
        }
        *ret = c;
        return 0;
}

/* Everything up to a container. Return: 1, 0 when the call is dispatched again later, or a negative
 * errno with `error` set. */
static int prepare(Manager *m, sd_bus_message *message, bool create, Container **ret,
                   sd_bus_error *error) {
        _cleanup_(container_record_freep) ContainerRecord *record = NULL;
        _cleanup_(run_options_done) RunOptions o = RUN_OPTIONS_INIT;
        const char *verb = create ? "create" : "run";
        const Caller *caller;
        Image *image;
        int r;

        TRY(run_options_read(message, create, &o, error));
        r = caller_get(m, message, &caller, error);
        if (r <= 0)
                return r;
        TRY(image_find(m, o.image, &image, error));
        TRY(run_record_make(m, &o, image, caller, &record, error));
        TRY(check_quota(m, record, create, error));
        r = authorize_run(m, message, &o, record, verb, error);
        if (r <= 0)
                return r;
        TRY(make_container(m, TAKE_PTR(record), &o, create, ret, error));
        return 1;
}

static void reply_path(sd_bus_message *message, const char *path) {
        reply_check(message, sd_bus_reply_method_return(message, "o", path));
}

static void on_run(Container *c, const Error *error, void *userdata) {
        _cleanup_(call_freep) Call *call = userdata;

        if (error) {
                reply_failure(call->message, error);
                discard(c);
                return;
        }
        (void)FAULT("run.reply");
        container_announce(c);
        reply_path(call->message, c->path);
}

int manager_method_run(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Container *c;
        Call *call;
        int r;

        r = prepare(userdata, message, false, &c, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        call = call_new(c, message);
        if (!call) {
                discard(c);
                return bus_failure(error, ENOMEM, "call");
        }
        container_start(c, on_run, call);
        return 1;
}

static void on_created(int result, void *userdata) {
        _cleanup_(call_freep) Call *call = userdata;
        Container *c = call->container;
        Error e = ERROR_INIT;

        if (result < 0 || FAULT("create.lasting") < 0) {
                error_set(&e, result < 0 ? result : errno, "store", "cannot write to the disk");
                reply_failure(call->message, &e);
                discard(c);
                return;
        }
        container_announce(c);
        reply_path(call->message, c->path);
}

int manager_method_create(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Manager *m = userdata;
        Container *c;
        Call *call;
        int r;

        r = prepare(m, message, true, &c, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        /* Directories are opened again at the start, which may never come. */
        container_drop_given(c);
        call = call_new(c, message);
        if (!call || offload_sync(m->offload, m->store->fd, on_created, call) < 0) {
                call_free(call);
                discard(c);
                return bus_failure(error, ENOMEM, "call");
        }
        return 1;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.mydocker.Job. */

#include "daemon/authorize.h"
#include "daemon/bus-util.h"
#include "daemon/errors.h"
#include "daemon/job.h"

static int method_cancel(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Job *job = userdata;
        _cleanup_strv_free_ char **details = NULL;
        char owner[16];
        int r;

        TRY(options_read_none(message, error));
        snprintf(owner, sizeof(owner), "%u", job->uid);
        if (details_add(&details, "owner", owner) < 0 ||
            details_add(&details, "verb", job->operation) < 0)
                return bus_failure(error, ENOMEM, "job");
        r = authorize_owner(job->manager, message, job->uid, ACTION_JOB_CANCEL, details, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (job->cancel)
                job->cancel(job->userdata);
        return sd_bus_reply_method_return(message, NULL);
}

#define PROPERTY(function, type, expression)                                                       \
        DEFINE_PROPERTY(function, Job, sd_bus_message_append(reply, type, expression))

PROPERTY(get_operation, "s", o->operation)
PROPERTY(get_state, "s", job_state_to_string(o->state))
PROPERTY(get_progress, "d", o->progress)
PROPERTY(get_progress_valid, "b", o->progress_valid)
PROPERTY(get_started_by, "u", (uint32_t)o->uid)
DEFINE_PROPERTY(get_objects, Job, append_strings(reply, 'o', o->objects))

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_NAMES("Cancel", "a{sv}", SD_BUS_PARAM(options), "", , method_cancel,
                                 SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Operation", "s", get_operation, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("State", "s", get_state, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Progress", "d", get_progress, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("ProgressValid", "b", get_progress_valid, 0,
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("StartedByUid", "u", get_started_by, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Objects", "ao", get_objects, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

static int find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                void **ret_found, sd_bus_error *error) {
        Manager *m = userdata;

        LIST_FOREACH(job, m->jobs, links) {
                if (!streq(job->path, path))
                        continue;
                *ret_found = job;
                return 1;
        }
        return 0;
}

static int enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret,
                     sd_bus_error *error) {
        _cleanup_strv_free_ char **paths = NULL;
        Manager *m = userdata;

        LIST_FOREACH(job, m->jobs, links)
        TRY(strv_extend(&paths, job->path));
        *ret = TAKE_PTR(paths);
        return 1;
}

int jobs_export(Manager *m) {
        TRY(sd_bus_add_fallback_vtable(m->bus, NULL, PATH_JOBS, "org.mydocker.Job", vtable, find,
                                       m));
        return sd_bus_add_node_enumerator(m->bus, NULL, PATH_JOBS, enumerate, m);
}

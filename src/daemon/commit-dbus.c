/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The method Commit. */

#include "daemon/authorize.h"
#include "daemon/bus-util.h"
#include "daemon/commit.h"
#include "daemon/container-methods.h"
#include "daemon/errors.h"
#include "daemon/image-config.h"
#include "daemon/image.h"
#include "daemon/options.h"
#include "daemon/quota.h"

static const Option commit_options[] = {
        {"message", OPTION_STRING, offsetof(CommitOptions, message)},
        {"author", OPTION_STRING, offsetof(CommitOptions, author)},
        {"changes", OPTION_STRV, offsetof(CommitOptions, changes)},
        {"pause", OPTION_BOOL, offsetof(CommitOptions, pause)},
        {"include-volumes", OPTION_BOOL, offsetof(CommitOptions, include_volumes)},
        {"replace", OPTION_BOOL, offsetof(CommitOptions, replace)},
};

static int read_arguments(sd_bus_message *message, CommitOptions *o, sd_bus_error *error) {
        _cleanup_json_ Json *scratch = json_object_new_object();
        Error e = ERROR_INIT;
        const char *name;

        TRY(sd_bus_message_read(message, "s", &name));
        if (image_reference_normalize(name, &o->name) < 0)
                return bus_error_setf(error, ERROR_INVALID_ARGS,
                                      "Argument image: “%.256s” is no name for an image", name);
        TRY(options_read(message, commit_options, ELEMENTSOF(commit_options), o, error));
        if (!scratch)
                return bus_failure(error, ENOMEM, "commit");
        /* A mistake in a change is found before anything is copied. */
        return image_config_change(scratch, o->changes, &e) < 0 ? error_to_bus(&e, error) : 0;
}

static int authorize_commit(Container *c, sd_bus_message *message, const char *target,
                            sd_bus_error *error) {
        _cleanup_strv_free_ char **details = NULL;

        if (container_details(c, "commit", NULL, &details) < 0 ||
            details_add(&details, "target", target) < 0)
                return bus_failure(error, ENOMEM, "container");
        return authorize(c->manager, message, ACTION_COMMIT, details, error);
}

int container_method_commit(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(commit_options_done) CommitOptions o = {.pause = true, .include_volumes = true};
        Container *c = userdata;
        Manager *m = c->manager;
        const Caller *caller;
        Error e = ERROR_INIT;
        Job *job;
        int r;

        TRY(read_arguments(message, &o, error));
        r = authorize_commit(c, message, o.name, error);
        if (r > 0)
                r = caller_get(m, message, &caller, error);
        if (r > 0)
                r = container_wait_turn(c, message, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        TRY(job_check_quota(m, caller->uid, error));
        if (quota_check_disk(m, caller->uid, &e) < 0 ||
            image_check_name(m, o.name, o.replace, &e) < 0)
                return error_to_bus(&e, error);
        job = commit_begin(c, caller->uid, &o, &e);
        if (!job)
                return error_to_bus(&e, error);
        return sd_bus_reply_method_return(message, "o", job->path);
}

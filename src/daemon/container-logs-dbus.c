/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* OpenLogs and ReadLogs. */

#include <fcntl.h>
#include <limits.h>

#include "daemon/authorize.h"
#include "daemon/bus-util.h"
#include "daemon/caller.h"
#include "daemon/container-methods.h"
#include "daemon/errors.h"
#include "daemon/log-reader.h"
#include "daemon/options.h"
#include "daemon/quota.h"
#include "shared/log.h"

typedef struct LogOptions {
        bool follow;
        uint64_t tail, since, until;
} LogOptions;

static const Option log_options[] = {
        {"follow", OPTION_BOOL, offsetof(LogOptions, follow)},
        {"tail", OPTION_U64, offsetof(LogOptions, tail)},
        {"since", OPTION_U64, offsetof(LogOptions, since)},
        {"until", OPTION_U64, offsetof(LogOptions, until)},
};

static int check_log(const Container *c, sd_bus_error *error) {
        const LogSpec *log = &c->record->spec->log;

        if (streq_ptr(log->driver, "file"))
                return 0;
        /* Who may read the journal is not for us to say. */
        if (streq_ptr(log->driver, "journald"))
                return sd_bus_error_setf(error, ERROR_NOT_SUPPORTED,
                                         "Container %s is logged to the journal, see journalctl "
                                         "CONTAINER_ID_FULL=%s",
                                         c->record->name, c->record->spec->id);
        return sd_bus_error_setf(error, ERROR_NOT_SUPPORTED, "Container %s keeps no log",
                                 c->record->name);
}

static void on_read(const Error *error, Json *result, void *userdata) {
        LogFollower *follower = userdata;

        if (error && error->number != EPIPE && error->number != ECANCELED)
                log_error_object(LOG_WARNING, error, "Reading the log of %s failed",
                                 follower->container->record->name);
        LIST_REMOVE(follower->container->followers, follower, links);
        container_unref(follower->container);
        free(follower);
}

/* Starts the reader. The writing end of the pipe is its alone. */
static int begin(Container *c, uid_t uid, const LogOptions *o, int output, Error *e) {
        LogFollower *follower = calloc(1, sizeof(*follower));
        _cleanup_close_ int dir = -EBADF;
        Work work = {
                .type = WORK_LOGS,
                .follow = o->follow && container_is_up(c),
                .tail = o->tail > INT_MAX ? -1 : (int)o->tail,
                .since = o->since,
                .until = o->until,
        };
        int r;

        if (!follower)
                return error_oom(e);
        r = dir = store_container_open(c->manager->store, c->record->spec->id, NULL, e);
        if (r >= 0) {
                int fds[] = {output, dir};

                r = worker_start(c->manager, uid, &work, fds, ELEMENTSOF(fds), NULL, on_read,
                                 follower, &follower->worker, e);
        }
        if (r < 0) {
                free(follower);
                return r;
        }
        follower->container = container_ref(c);
        LIST_PREPEND(c->followers, follower, links);
        return 0;
}

int container_method_open_logs(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_close_ int input = -EBADF, output = -EBADF;
        LogOptions o = {.tail = UINT64_MAX};
        Container *c = userdata;
        const Caller *caller;
        Error e = ERROR_INIT;
        int fds[2], r;

        TRY(options_read(message, log_options, ELEMENTSOF(log_options), &o, error));
        TRY(check_log(c, error));
        r = container_authorize(c, message, true, ACTION_INSPECT, "logs", error);
        if (r > 0)
                r = caller_get(c->manager, message, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        TRY(quota_check_streams(c->manager, caller->uid, error));
        if (pipe2(fds, O_CLOEXEC) < 0)
                return bus_failure(error, errno, "cannot make a pipe");
        input = fds[0];
        output = fds[1];
        if (begin(c, caller->uid, &o, output, &e) < 0)
                return error_to_bus(&e, error);
        return sd_bus_reply_method_return(message, "h", input);
}

int container_method_read_logs(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(log_piece_done) LogPiece piece = {};
        _cleanup_close_ int dir = -EBADF;
        Container *c = userdata;
        Error e = ERROR_INIT;
        const char *cursor;
        uint32_t max;
        int r;

        TRY(sd_bus_message_read(message, "su", &cursor, &max));
        TRY(options_read_none(message, error));
        TRY(check_log(c, error));
        r = container_authorize(c, message, true, ACTION_INSPECT, "logs", error);
        if (r <= 0)
                return r < 0 ? r : 1;
        dir = store_container_open(c->manager->store, c->record->spec->id, NULL, &e);
        if (dir < 0 || log_read(dir, cursor, max, &piece, &e) < 0)
                return error_to_bus(&e, error);
        TRY(sd_bus_message_new_method_return(message, &reply));
        TRY(sd_bus_message_append_array(reply, 'y', piece.data, piece.size));
        TRY(sd_bus_message_append(reply, "sb", piece.cursor, piece.end));
        return sd_bus_send(NULL, reply, NULL);
}

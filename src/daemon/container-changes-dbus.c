/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GetChanges. A worker compares; its answer comes in a file in memory, since it can be longer than a message. */

#include <fcntl.h>
#include <sys/mman.h>

#include "daemon/authorize.h"
#include "daemon/bus-util.h"
#include "daemon/container-methods.h"
#include "daemon/errors.h"
#include "daemon/quota.h"
#include "shared/fd.h"
#include "shared/log.h"

typedef struct Comparison {
        Call *call;
        int answer;
} Comparison;

static void comparison_free(Comparison *comparison) {
        safe_close(comparison->answer);
        call_free(comparison->call);
        free(comparison);
}

static int append_changes(sd_bus_message *reply, char *text, const char *end) {
        TRY(sd_bus_message_open_container(reply, 'a', "(sy)"));
        for (char *p = text; p < end; p += strlen(p) + 1) {
                /* A name on disk is any bytes; a D-Bus string is not. */
                text_sanitize(p);
                TRY(sd_bus_message_append(reply, "(sy)", p + 1, p[0] - '0'));
        }
        return sd_bus_message_close_container(reply);
}

static int answer(const Comparison *comparison) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size = 0;

        if (lseek(comparison->answer, 0, SEEK_SET) < 0)
                return -errno;
        TRY(fd_read_all(comparison->answer, CHANGES_SIZE_MAX, &text, &size));
        TRY(sd_bus_message_new_method_return(comparison->call->message, &reply));
        TRY(append_changes(reply, text, text + size));
        return sd_bus_send(NULL, reply, NULL);
}

static void on_compared(const Error *error, Json *result, void *userdata) {
        Comparison *comparison = userdata;
        Container *c = comparison->call->container;
        sd_bus_message *message = comparison->call->message;
        int r;

        if (c->forgotten)
                reply_error(message, ERROR_NO_SUCH_CONTAINER, "No such container: %s",
                            c->record->spec->id);
        else if (error)
                reply_failure(message, error);
        else {
                r = answer(comparison);
                if (r < 0)
                        reply_error(message, ERROR_RUNTIME_FAILED, "cannot reply: %s",
                                    strerror(-r));
        }
        comparison_free(comparison);
}

/* The answer's file, the upper directory, and all layers, the highest first. Return: how many, or a negative errno
 * with *e set; what is in `fds` is to be closed in any case. */
static int open_all(const Container *c, int answer_fd, int fds[static FD_PASS_MAX], Error *e) {
        const ContainerSpec *spec = c->record->spec;
        Store *store = c->manager->store;
        size_t n = 0;

        fds[n++] = fcntl(answer_fd, F_DUPFD_CLOEXEC, 3);
        if (fds[0] < 0)
                return error_set(e, errno, "changes", "cannot duplicate a descriptor");
        fds[n] = store_container_open(store, spec->id, "upper", e);
        if (fds[n++] < 0)
                return -e->number;
        for (size_t i = strv_length(spec->layers); i > 0; i--) {
                if (n == FD_PASS_MAX)
                        return error_set(e, E2BIG, "changes", "too many layers");
                fds[n] = store_layer_open(store, spec->layers[i - 1], e);
                if (fds[n++] < 0)
                        return -e->number;
        }
        return (int)n;
}

static int begin(Comparison *comparison, uid_t uid, Error *e) {
        const Work work = {.type = WORK_CHANGES};
        Container *c = comparison->call->container;
        int fds[FD_PASS_MAX], r;

        for (size_t i = 0; i < FD_PASS_MAX; i++)
                fds[i] = -EBADF;
        comparison->answer = memfd_create("changes", MFD_CLOEXEC);
        if (comparison->answer < 0)
                return error_set(e, errno, "changes", "cannot make a file in memory");
        r = open_all(c, comparison->answer, fds, e);
        if (r >= 0)
                r = worker_start(c->manager, uid, &work, fds, (size_t)r, NULL, on_compared,
                                 comparison, NULL, e);
        fd_close_many(fds, FD_PASS_MAX);
        return r;
}

int container_method_get_changes(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Container *c = userdata;
        Comparison *comparison;
        const Caller *caller;
        Error e = ERROR_INIT;
        int r;

        TRY(options_read_none(message, error));
        r = container_authorize(c, message, true, ACTION_INSPECT, "changes", error);
        if (r > 0)
                r = caller_get(c->manager, message, &caller, error);
        if (r > 0)
                r = container_wait_turn(c, message, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        TRY(quota_check_streams(c->manager, caller->uid, error));
        comparison = calloc(1, sizeof(*comparison));
        if (!comparison)
                return bus_failure(error, ENOMEM, "call");
        comparison->answer = -EBADF;
        comparison->call = call_new(c, message);
        if (!comparison->call)
                r = error_oom(&e);
        else
                r = begin(comparison, caller->uid, &e);
        if (r >= 0)
                return 1;
        comparison_free(comparison);
        return error_to_bus(&e, error);
}

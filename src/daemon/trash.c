/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Emptying the trash: by one worker at a time, some moments after something was put there, so that many
 * things that are removed one after the other cost one worker and do not compete with it. What fails, on a full disk for
 * instance, is tried again, less and less often. */

#include <fcntl.h>
#include <malloc.h>

#include "daemon/manager.h"
#include "daemon/worker-client.h"
#include "shared/log.h"

#define DELAY_USEC (1000ULL * 1000)
#define DELAY_MAX_USEC (3600 * DELAY_USEC)

static void empty_later(Manager *m, uint64_t delay);

static void try_again(Manager *m) {
        m->trash_delay = MIN(2 * MAX(m->trash_delay, DELAY_USEC), DELAY_MAX_USEC);
        empty_later(m, m->trash_delay);
}

static void on_removed(const Error *error, Json *result, void *userdata) {
        Manager *m = userdata;

        m->trash_worker = NULL;
        /* With those that were removed their memory goes, too. */
        (void)malloc_trim(0);
        if (error) {
                log_error_object(LOG_ERR, error, "Cannot empty the trash");
                try_again(m);
        } else {
                m->trash_delay = 0;
                manager_empty_trash(m);
        }
}

static int empty(Manager *m, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        Work work = {.type = WORK_REMOVE};

        fd = openat(m->store->trash, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return error_set(e, errno, "store", "cannot open the trash");
        return worker_start(m, 0, &work, &fd, 1, NULL, on_removed, m, &m->trash_worker, e);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *m = userdata;
        Error e = ERROR_INIT;
        bool failed;

        if (m->trash_worker)
                return 0;
        failed = store_discard_again(m->store);
        if (!store_trash_is_empty(m->store) && empty(m, &e) < 0) {
                log_error_object(LOG_ERR, &e, "Cannot empty the trash");
                failed = true;
        }
        if (failed)
                try_again(m);
        return 0;
}

/* Whether it is due within this time anyhow. */
static bool is_due(Manager *m, uint64_t delay) {
        int enabled = SD_EVENT_OFF;
        uint64_t due, now;

        return sd_event_source_get_enabled(m->trash_source, &enabled) >= 0 &&
               enabled != SD_EVENT_OFF && sd_event_source_get_time(m->trash_source, &due) >= 0 &&
               sd_event_now(m->event, CLOCK_MONOTONIC, &now) >= 0 && due <= now + delay;
}

static void empty_later(Manager *m, uint64_t delay) {
        int r;

        if (!m->trash_source) {
                r = sd_event_add_time_relative(m->event, &m->trash_source, CLOCK_MONOTONIC, delay,
                                               0, on_time, m);
        } else if (is_due(m, delay)) {
                return;
        } else {
                r = sd_event_source_set_time_relative(m->trash_source, delay);
                if (r >= 0)
                        r = sd_event_source_set_enabled(m->trash_source, SD_EVENT_ONESHOT);
        }
        if (r < 0)
                log_errno(LOG_WARNING, r, "The trash will be emptied later");
}

void manager_empty_trash(Manager *m) {
        if (m->trash_worker)
                return; /* its end leads here again */
        empty_later(m, DELAY_USEC);
}

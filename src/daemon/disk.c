/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How much of the disk each user has. A kernel's quotas for projects would know at any moment, but few file
 * systems have them on; so a worker counts the upper directories, one after the other, while containers run
 * that can write to them. */

#include "daemon/image.h"
#include "daemon/quota.h"
#include "daemon/worker-client.h"
#include "shared/log.h"

#define USEC_PER_SEC 1000000ULL

/* What an empty file takes, about: a place in a directory, and an inode, of which a file system has not more
 * than this anyway. */
#define ENTRY_BYTES 4096

/* What is in a new container already, mount points for instance, and a little more. */
#define HARMLESS_BYTES 65536

/* Whether the container may have written since it was counted. */
static bool may_have_grown(const Container *c) {
        return c->record->owner != 0 && (container_is_up(c) || !c->upper_final);
}

static uint64_t containers_usage(Manager *m, uid_t uid) {
        uint64_t bytes = 0;

        LIST_FOREACH(c, m->container_list, links)
        if (c->record->owner == uid)
                bytes += c->upper_size;
        return bytes;
}

/* Adds to `seen` the layers of all images of a user, and to *bytes the size of those that were not in it.
 * Return: 0 or -ENOMEM. */
static int add_images(Manager *m, uid_t uid, Map *seen, uint64_t *bytes) {
        LIST_FOREACH(image, m->image_list, links) {
                if (image->record->owner != uid)
                        continue;
                for (char **id = image->record->layers; *id; id++) {
                        Layer *layer = map_get(&m->layers, *id);

                        if (!layer || map_get(seen, layer->id))
                                continue;
                        TRY(map_put(seen, layer->id, layer));
                        *bytes += layer->size;
                }
        }
        return 0;
}

uint64_t disk_usage(Manager *m, uid_t uid) {
        uint64_t shared = 0, bytes = 0;
        Map seen = {};

        if (add_images(m, 0, &seen, &shared) < 0 || add_images(m, uid, &seen, &bytes) < 0)
                log_warning("Not enough memory to count the images of user %u", uid);
        map_done(&seen);
        return bytes + containers_usage(m, uid);
}

/* Only what has grown is stopped: the rest does no harm. It can be started again when there is room. */
static void enforce(Container *c) {
        Error e = ERROR_INIT, stop_error = ERROR_INIT;

        if (!container_is_up(c) || c->record->owner == 0 || !c->upper_grew ||
            c->state == CONTAINER_STOPPING ||
            quota_check_disk(c->manager, c->record->owner, &e) >= 0)
                return;
        log_notice("Stopping container %s: %s", c->record->name, e.text);
        if (container_stop(c, c->record->stop_signal, c->record->stop_timeout, &stop_error) < 0) {
                log_error_object(LOG_ERR, &stop_error, "Cannot stop container %s", c->record->name);
                return;
        }
        if (free_and_strdup(&c->record->error, e.text) >= 0)
                container_changed(c, "Error", NULL);
}

static void count_next(Manager *m);

static void on_counted(const Error *error, Json *result, void *userdata) {
        _cleanup_(container_unrefp) Container *c = userdata;
        Manager *m = c->manager;
        uint64_t size = 0, entries = 0;

        m->disk_worker = NULL;
        if (error) {
                if (error->number != ECANCELED)
                        log_error_object(LOG_WARNING, error, "Cannot count container %s",
                                         c->record->name);
        } else if (json_get_u64(result, "size", &size) > 0 &&
                   json_get_u64(result, "entries", &entries) > 0) {
                size += entries * ENTRY_BYTES;
                c->upper_grew = size > c->upper_size && size > HARMLESS_BYTES;
                c->upper_size = size;
        }
        if (!m->ending)
                count_next(m);
}

static int count(Container *c, Error *e) {
        Work work = {.type = WORK_SIZE};
        _cleanup_close_ int fd = -EBADF;

        fd = store_container_open(c->manager->store, c->record->spec->id, "upper", e);
        if (fd < 0)
                return fd;
        TRY(worker_start(c->manager, 0, &work, &fd, 1, NULL, on_counted, c,
                         &c->manager->disk_worker, e));
        container_ref(c);
        return 0;
}

static void finish_round(Manager *m) {
        bool watched = false;

        LIST_FOREACH(c, m->container_list, links) {
                enforce(c);
                watched = watched || may_have_grown(c);
        }
        if (watched)
                disk_watch(m);
}

/* Those to be counted are marked, so that containers may come and go meanwhile. */
static void count_next(Manager *m) {
        LIST_FOREACH(c, m->container_list, links) {
                Error e = ERROR_INIT;

                if (!c->upper_due)
                        continue;
                c->upper_due = false;
                if (count(c, &e) >= 0)
                        return;
                log_error_object(LOG_WARNING, &e, "Cannot count container %s", c->record->name);
        }
        finish_round(m);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *m = userdata;

        m->disk_timer = sd_event_source_disable_unref(m->disk_timer);
        m->disk_counted = true;
        LIST_FOREACH(c, m->container_list, links) {
                c->upper_due = may_have_grown(c);
                c->upper_final = !container_is_up(c);
        }
        count_next(m);
        return 0;
}

void disk_watch(Manager *m) {
        uint64_t interval = m->disk_counted ? m->config.disk_check_interval * USEC_PER_SEC : 0;
        int r;

        if (m->disk_timer || m->disk_worker || m->config.user_disk_max == 0)
                return;
        r = sd_event_add_time_relative(m->event, &m->disk_timer, CLOCK_MONOTONIC, interval,
                                       interval / 10, on_time, m);
        if (r < 0)
                log_errno(LOG_WARNING, r, "Users' disk space is not counted");
}

void disk_done(Manager *m) {
        m->disk_timer = sd_event_source_disable_unref(m->disk_timer);
}

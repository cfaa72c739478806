/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/waiter.h"
#include "daemon/errors.h"
#include "daemon/quota.h"
#include "shared/log.h"

struct Waiter {
        LIST_LINKS(Waiter) links;
        Manager *manager;
        Container *container;
        struct Process *process;
        sd_bus_message *message;
        sd_bus_track *track;
        uid_t uid;
        WaitCondition condition;
};

int wait_condition_parse(const char *s, WaitCondition *ret) {
        static const struct {
                const char *word;
                WaitCondition condition;
        } words[] = {
                {"not-running", WAIT_NOT_RUNNING},
                {"next-exit", WAIT_NEXT_EXIT},
                {"removed", WAIT_REMOVED},
                {"healthy", WAIT_HEALTHY},
        };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq(words[i].word, s)) {
                        *ret = words[i].condition;
                        return 0;
                }
        return -EINVAL;
}

static void waiter_free(Waiter *waiter) {
        LIST_REMOVE(waiter->manager->waiters, waiter, links);
        sd_bus_track_unref(waiter->track);
        sd_bus_message_unref(waiter->message);
        free(waiter);
}

void waiters_done(Manager *m) {
        while (m->waiters)
                waiter_free(m->waiters);
}

static int on_vanished(sd_bus_track *track, void *userdata) {
        waiter_free(userdata);
        return 0;
}

int waiters_check_quota(Manager *m, uid_t uid, sd_bus_error *error) {
        uint64_t n = 0;

        LIST_FOREACH(waiter, m->waiters, links)
        n += waiter->uid == uid;
        LIST_FOREACH(c, m->container_list, links)
        LIST_FOREACH(hook, c->exit_hooks, links)
        n += hook->uid == uid;
        return quota_check_count(uid, "user-calls-max", n, m->config.user_calls_max, error);
}

int waiter_add(Container *c, struct Process *p, WaitCondition condition, sd_bus_message *message,
               uid_t uid, sd_bus_error *error) {
        Manager *m = c->manager;
        Waiter *waiter;
        int r;

        TRY(waiters_check_quota(m, uid, error));
        waiter = calloc(1, sizeof(*waiter));
        if (!waiter)
                return bus_failure(error, ENOMEM, "wait");
        waiter->manager = m;
        waiter->container = c;
        waiter->process = p;
        waiter->uid = uid;
        waiter->condition = condition;
        waiter->message = sd_bus_message_ref(message);
        LIST_PREPEND(m->waiters, waiter, links);
        r = sd_bus_track_new(m->bus, &waiter->track, on_vanished, waiter);
        if (r >= 0)
                r = sd_bus_track_add_sender(waiter->track, message);
        if (r < 0) {
                waiter_free(waiter);
                return bus_failure(error, r, "wait");
        }
        return 0;
}

void waiters_answer(Container *c, const struct Process *p, unsigned conditions, int status) {
        LIST_FOREACH(waiter, c->manager->waiters, links) {
                int r;

                if (waiter->container != c || waiter->process != p ||
                    !(waiter->condition & conditions))
                        continue;
                r = sd_bus_reply_method_return(waiter->message, "i", status);
                reply_check(waiter->message, r);
                waiter_free(waiter);
        }
}

void waiters_fail(Container *c, unsigned conditions) {
        LIST_FOREACH(waiter, c->manager->waiters, links) {
                if (waiter->container != c || waiter->process || !(waiter->condition & conditions))
                        continue;
                reply_error(waiter->message, ERROR_CONTAINER_NOT_RUNNING,
                            "Container %s is not running", c->record->name);
                waiter_free(waiter);
        }
}

void waiters_refuse(Container *c) {
        LIST_FOREACH(waiter, c->manager->waiters, links) {
                if (waiter->container != c)
                        continue;
                reply_error(waiter->message, ERROR_NO_SUCH_CONTAINER,
                            "Container %s has been removed", c->record->name);
                waiter_free(waiter);
        }
}

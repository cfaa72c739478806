/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/process.h"
#include "daemon/waiter.h"
#include "shared/log.h"

#define LINGER_USEC (5ULL * 1000 * 1000)

Process *process_new(Container *c, uint64_t number) {
        Manager *m = c->manager;
        Process *p = calloc(1, sizeof(*p));

        if (!p)
                return NULL;
        if (number == 0)
                number = m->last_process + 1;
        p->path = strf("%s/processes/%llu", c->path, (unsigned long long)number);
        if (!p->path) {
                free(p);
                return NULL;
        }
        /* Numbers of processes that an earlier daemon began are not used again. */
        if (number > m->last_process && !(number & PROCESS_CHECK))
                m->last_process = number;
        p->number = number;
        p->container = c;
        p->status = -1;
        LIST_PREPEND(c->processes, p, links);
        return p;
}

void process_free(Process *p) {
        Container *c = p->container;
        int r;

        if (p->on_exit)
                p->on_exit(p, p->userdata);
        waiters_answer(c, p, WAIT_NOT_RUNNING, p->status);
        if (p->announced && c->manager->exported) {
                r = sd_bus_emit_object_removed(c->manager->bus, p->path);
                if (r < 0)
                        log_errno(LOG_WARNING, r, "Cannot announce the end of %s", p->path);
        }
        LIST_REMOVE(c->processes, p, links);
        sd_event_source_disable_unref(p->timer);
        strv_free(p->command);
        free(p->creator);
        free(p->path);
        free(p);
}

Process *process_by_number(Container *c, uint64_t number) {
        Process *p = c->processes;

        while (p && p->number != number)
                p = p->links.next;
        return p;
}

void process_announce(Process *p) {
        int r;

        p->announced = true;
        if (!p->container->manager->exported)
                return;
        r = sd_bus_emit_object_added(p->container->manager->bus, p->path);
        if (r < 0)
                log_errno(LOG_WARNING, r, "Cannot announce %s", p->path);
}

static int on_linger(sd_event_source *source, uint64_t usec, void *userdata) {
        process_free(userdata);
        return 0;
}

/* To its creator alone, who has no match rule for it. */
static int emit_exited(Process *p) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;

        TRY(sd_bus_message_new_signal(p->container->manager->bus, &signal, p->path,
                                      "org.mydocker.Process", "Exited"));
        TRY(sd_bus_message_append(signal, "i", p->status));
        TRY(sd_bus_message_set_destination(signal, p->creator));
        return sd_bus_send(NULL, signal, NULL);
}

void process_exited(Process *p, int status) {
        Manager *m = p->container->manager;
        int r = 0;

        p->pid = 0;
        p->status = status;
        if (p->on_exit) {
                process_free(p);
                return;
        }
        if (p->announced && m->exported) {
                r = sd_bus_emit_properties_changed(m->bus, p->path, "org.mydocker.Process", "Pid",
                                                   "ExitStatus", "Running", NULL);
                if (r >= 0 && p->creator)
                        r = emit_exited(p);
        }
        if (r < 0)
                log_errno(LOG_WARNING, r, "Cannot announce the end of %s", p->path);
        waiters_answer(p->container, p, WAIT_NOT_RUNNING, status);
        r = sd_event_add_time_relative(m->event, &p->timer, CLOCK_MONOTONIC, LINGER_USEC, 0,
                                       on_linger, p);
        if (r < 0)
                process_free(p);
}

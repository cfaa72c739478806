/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who calls. The bus is asked once for each connection, without waiting; a connection's name and
 * user never change and no name is used twice, so what is known stays true. */

#include "daemon/manager.h"
#include "shared/list.h"

struct Caller {
        LIST_LINKS(Caller) links;
        Manager *manager;
        unsigned n_ref; /* the table's and those of calls that wait for polkit */
        char *name;     /* unique name on the bus */
        uid_t uid;
        pid_t pid; /* 0: not known */
        gid_t *groups;
        size_t n_groups;

        /* For the record of what it did: who logged in, whatever user it became since, and where. */
        uint32_t login_uid;   /* UINT32_MAX: none */
        char *unit, *session; /* NULL: not known */

        /* While the bus is asked: */
        sd_bus_slot *slot;
        sd_bus_message **waiting;
        size_t n_waiting;
};

/* Finds out who sent `message`. When that is not known yet, the message is dispatched again, from the
 * top, as soon as it is: the handler then has to return 1 without a reply.
 * Return: 1, with *ret valid until the next turn of the event loop; 0: later; or a negative errno with
 * `error` set. */
int caller_get(Manager *m, sd_bus_message *message, const Caller **ret, sd_bus_error *error);

/* Begins to find out who sent `message`, which needs no answer to that: whoever asks for a container by its name calls
 * a method of it next, and by then it is known. */
void caller_expect(Manager *m, sd_bus_message *message);

/* The caller's primary group: what its process says, if that is one of the groups which the bus says it
 * has. Return: 0 or a negative errno. */
int caller_primary_group(const Caller *caller, gid_t *ret);

/* Keeps it beyond the next turn of the event loop. */
Caller *caller_ref(const Caller *caller);
Caller *caller_unref(Caller *caller);

void callers_done(Manager *m);

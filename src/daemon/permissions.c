/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GetPermissions: asks polkit about all actions at once. */

#include "daemon/authorize.h"
#include "daemon/errors.h"
#include "daemon/manager-methods.h"
#include "shared/log.h"

#define ACTIONS_MAX 32

typedef struct Query {
        Permissions *owner;
        const char *action;
        Verdict verdict;
        sd_bus_slot *slot;
} Query;

struct Permissions {
        LIST_LINKS(Permissions) links;
        Manager *manager;
        uid_t uid;
        sd_bus_message *message;
        size_t n, n_pending;
        Query queries[ACTIONS_MAX];
};

static void permissions_free(Permissions *p) {
        LIST_REMOVE(p->manager->permissions, p, links);
        for (size_t i = 0; i < p->n; i++)
                sd_bus_slot_unref(p->queries[i].slot);
        sd_bus_message_unref(p->message);
        free(p);
}

void permissions_done(Manager *m) {
        while (m->permissions)
                permissions_free(m->permissions);
}

uint64_t permissions_pending(Manager *m, uid_t uid) {
        uint64_t n = 0;

        LIST_FOREACH(p, m->permissions, links)
        n += p->uid == uid;
        return n;
}

static const char *verdict_to_string(Verdict verdict) {
        return verdict == VERDICT_YES ? "yes" : verdict == VERDICT_CHALLENGE ? "auth" : "no";
}

static int answer(const Permissions *p) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        TRY(sd_bus_message_new_method_return(p->message, &reply));
        TRY(sd_bus_message_open_container(reply, 'a', "{ss}"));
        for (size_t i = 0; i < p->n; i++)
                TRY(sd_bus_message_append(reply, "{ss}", p->queries[i].action,
                                          verdict_to_string(p->queries[i].verdict)));
        TRY(sd_bus_message_close_container(reply));
        return sd_bus_send(NULL, reply, NULL);
}

static int on_verdict(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Query *query = userdata;
        Permissions *p = query->owner;
        int r;

        query->slot = sd_bus_slot_unref(query->slot);
        query->verdict = polkit_verdict(reply, query->action);
        if (--p->n_pending > 0)
                return 0;
        r = answer(p);
        reply_check(p->message, r);
        permissions_free(p);
        return 0;
}

int manager_method_get_permissions(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Manager *m = userdata;
        const Caller *caller;
        Permissions *p;
        int r;

        r = caller_get(m, message, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (caller->uid != 0)
                TRY(authorize_check_quota(m, caller->uid, error));
        p = calloc(1, sizeof(*p));
        if (!p)
                return bus_failure(error, ENOMEM, "permissions");
        p->manager = m;
        p->uid = caller->uid;
        LIST_PREPEND(m->permissions, p, links);
        p->message = sd_bus_message_ref(message);
        for (; authorize_actions[p->n]; p->n++) {
                Query *query = &p->queries[p->n];

                *query = (Query){p, authorize_actions[p->n], VERDICT_YES, NULL};
                if (caller->uid == 0)
                        continue;
                r = polkit_check(m, &query->slot, caller->name, query->action, NULL, false, "",
                                 on_verdict, query);
                if (r < 0) {
                        permissions_free(p);
                        return bus_failure(error, r, "cannot ask polkit");
                }
                p->n_pending++;
        }
        if (p->n_pending > 0)
                return 1;
        r = answer(p);
        permissions_free(p);
        return r;
}

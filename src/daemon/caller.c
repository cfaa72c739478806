/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <systemd/sd-login.h>

#include "daemon/caller.h"
#include "daemon/errors.h"
#include "shared/fd.h"
#include "shared/log.h"

#define CALLERS_MAX 128
#define WAITING_MAX 256

Caller *caller_ref(const Caller *caller) {
        Caller *c = (Caller *)caller;

        c->n_ref++;
        return c;
}

Caller *caller_unref(Caller *caller) {
        if (!caller || --caller->n_ref > 0)
                return NULL;
        free(caller->groups);
        free(caller->unit);
        free(caller->session);
        free(caller->name);
        free(caller);
        return NULL;
}

static void caller_forget(Caller *caller) {
        Manager *m = caller->manager;

        LIST_REMOVE(m->callers, caller, links);
        m->n_callers--;
        caller->slot = sd_bus_slot_unref(caller->slot);
        for (size_t i = 0; i < caller->n_waiting; i++)
                sd_bus_message_unref(caller->waiting[i]);
        free(caller->waiting);
        caller->waiting = NULL;
        caller_unref(caller);
}

void callers_done(Manager *m) {
        while (m->callers)
                caller_forget(m->callers);
}

/* Forgets those that were not seen for longest; whoever comes back is asked for again. */
static void forget_old(Manager *m) {
        Caller *last = m->callers;

        if (m->n_callers < CALLERS_MAX)
                return;
        while (last->links.next)
                last = last->links.next;
        while (last && last->slot)
                last = last->links.prev;
        if (last)
                caller_forget(last);
}

static int read_groups(sd_bus_message *reply, Caller *caller) {
        const void *groups;
        size_t size;

        TRY(sd_bus_message_enter_container(reply, 'v', "au"));
        TRY(sd_bus_message_read_array(reply, 'u', &groups, &size));
        caller->groups = malloc(size + sizeof(gid_t));
        if (!caller->groups)
                return -ENOMEM;
        memcpy(caller->groups, groups, size);
        caller->n_groups = size / sizeof(gid_t);
        return sd_bus_message_exit_container(reply);
}

static int read_credentials(sd_bus_message *reply, Caller *caller) {
        bool found = false;
        uint32_t value;

        TRY(sd_bus_message_enter_container(reply, 'a', "{sv}"));
        while (!sd_bus_message_at_end(reply, false)) {
                const char *key;

                TRY(sd_bus_message_enter_container(reply, 'e', "sv"));
                TRY(sd_bus_message_read_basic(reply, 's', &key));
                if (streq(key, "UnixUserID")) {
                        TRY(sd_bus_message_read(reply, "v", "u", &value));
                        caller->uid = value;
                        found = true;
                } else if (streq(key, "ProcessID")) {
                        TRY(sd_bus_message_read(reply, "v", "u", &value));
                        caller->pid = (pid_t)value;
                } else if (streq(key, "UnixGroupIDs")) {
                        TRY(read_groups(reply, caller));
                } else {
                        TRY(sd_bus_message_skip(reply, "v"));
                }
                TRY(sd_bus_message_exit_container(reply));
        }
        return found ? 0 : -ENODATA;
}

static uint32_t read_login_uid(pid_t pid) {
        _cleanup_free_ char *text = NULL;
        char path[64];
        uint32_t uid;
        size_t size;

        snprintf(path, sizeof(path), "/proc/%d/loginuid", pid);
        if (pid <= 0 || fd_read_file_at(AT_FDCWD, path, 32, &text, &size) < 0 ||
            parse_u32(text, &uid) < 0)
                return UINT32_MAX;
        return uid;
}

/* The session that a unit "session-ID.scope" is. sd_pid_get_session() says the same, after reading again what
 * sd_pid_get_unit() has read. */
static char *session_of_unit(const char *unit) {
        const char *id = startswith(unit, "session-");
        const char *end = id ? strrchr(id, '.') : NULL;

        return end && streq(end, ".scope") ? strndup(id, (size_t)(end - id)) : NULL;
}

/* For the record only: the process may already be gone, and its number another's. */
static void read_origin(Caller *caller) {
        caller->login_uid = read_login_uid(caller->pid);
        if (caller->pid <= 0)
                return;
        if (sd_pid_get_unit(caller->pid, &caller->unit) < 0)
                caller->unit = NULL;
        else
                caller->session = session_of_unit(caller->unit);
}

static int on_credentials(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Caller *caller = userdata;
        Manager *m = caller->manager;
        int r = -ECONNRESET; /* gone before we could ask: nobody waits for an answer */

        if (!sd_bus_message_is_method_error(reply, NULL))
                r = read_credentials(reply, caller);
        if (r < 0) {
                caller_forget(caller);
                return 0;
        }
        read_origin(caller);
        caller->slot = sd_bus_slot_unref(caller->slot);
        for (size_t i = 0; i < caller->n_waiting; i++) {
                r = sd_bus_message_rewind(caller->waiting[i], true);
                if (r >= 0)
                        r = sd_bus_enqueue_for_read(m->bus, caller->waiting[i]);
                if (r < 0)
                        reply_error(caller->waiting[i], ERROR_LIMITS_EXCEEDED, "Not enough memory");
                sd_bus_message_unref(caller->waiting[i]);
        }
        free(caller->waiting);
        caller->waiting = NULL;
        caller->n_waiting = 0;
        return 0;
}

static int ask(Manager *m, const char *name, Caller **ret) {
        Caller *caller;
        int r;

        forget_old(m);
        caller = calloc(1, sizeof(*caller));
        if (!caller)
                return -ENOMEM;
        caller->n_ref = 1;
        caller->manager = m;
        LIST_PREPEND(m->callers, caller, links);
        m->n_callers++;
        r = free_and_strdup(&caller->name, name);
        if (r >= 0)
                r = sd_bus_call_method_async(m->bus, &caller->slot, "org.freedesktop.DBus",
                                             "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                             "GetConnectionCredentials", on_credentials, caller,
                                             "s", name);
        if (r < 0) {
                caller_forget(caller);
                return r;
        }
        *ret = caller;
        return 0;
}

static int wait_for(Caller *caller, sd_bus_message *message, sd_bus_error *error) {
        sd_bus_message **grown;

        if (caller->n_waiting >= WAITING_MAX)
                return sd_bus_error_set(error, ERROR_LIMITS_EXCEEDED, "Too many calls at once");
        grown = reallocarray(caller->waiting, caller->n_waiting + 1, sizeof(*grown));
        if (!grown)
                return bus_failure(error, ENOMEM, "caller");
        grown[caller->n_waiting++] = sd_bus_message_ref(message);
        caller->waiting = grown;
        return 0;
}

static Caller *find(const Manager *m, const char *name) {
        Caller *caller = m->callers;

        while (caller && !streq(caller->name, name))
                caller = caller->links.next;
        return caller;
}

void caller_expect(Manager *m, sd_bus_message *message) {
        const char *name = sd_bus_message_get_sender(message);
        Caller *caller;

        /* Should it fail, the call that needs it says so. */
        if (name && !find(m, name))
                (void)ask(m, name, &caller);
}

int caller_get(Manager *m, sd_bus_message *message, const Caller **ret, sd_bus_error *error) {
        const char *name = sd_bus_message_get_sender(message);
        Caller *caller;
        int r;

        if (!name)
                return sd_bus_error_set(error, ERROR_ACCESS_DENIED, "A call without a sender");
        caller = find(m, name);
        if (!caller) {
                r = ask(m, name, &caller);
                if (r < 0)
                        return bus_failure(error, r, "cannot ask the bus who calls");
        } else if (caller != m->callers) {
                LIST_REMOVE(m->callers, caller, links);
                LIST_PREPEND(m->callers, caller, links);
        }
        if (caller->slot)
                return wait_for(caller, message, error);
        *ret = caller;
        return 1;
}

int caller_primary_group(const Caller *caller, gid_t *ret) {
        _cleanup_free_ char *text = NULL;
        const char *line;
        char path[64];
        size_t size;
        gid_t gid;

        snprintf(path, sizeof(path), "/proc/%d/status", caller->pid);
        TRY(fd_read_file_at(AT_FDCWD, path, 65536, &text, &size));
        line = strstr(text, "\nGid:\t");
        if (!line)
                return -EBADMSG;
        gid = (gid_t)strtoul(line + strlen("\nGid:\t"), NULL, 10);
        /* The number of a process may by now mean another one, but nobody gets a group this way that
         * the bus did not see in the connection's credentials. */
        for (size_t i = 0; i < caller->n_groups; i++)
                if (caller->groups[i] == gid) {
                        *ret = gid;
                        return 0;
                }
        return -EPERM;
}

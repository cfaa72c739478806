/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/session-watch.h"

#include <string.h>

#include "cli/report.h"
#include "shared/error.h"
#include "shared/strutil.h"

#define RULE_ALL "type='signal',sender='" BUS_NAME "',path_namespace='" ROOT_PATH "'"

static void set_exited(Session *session, int status) {
        if (session->end != SESSION_RUNNING)
                return;
        session->end = SESSION_EXITED;
        session->status = status;
}

/* Reads State and ExitCode from the a{sv} of PropertiesChanged. */
static int read_changes(Session *session, sd_bus_message *m) {
        const char *name, *state = NULL;
        int code = INT32_MIN, r;

        TRY(sd_bus_message_skip(m, "s"));
        TRY(sd_bus_message_enter_container(m, 'a', "{sv}"));
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                TRY(sd_bus_message_read_basic(m, 's', &name));
                if (streq(name, "State"))
                        TRY(sd_bus_message_read(m, "v", "s", &state));
                else if (streq(name, "ExitCode"))
                        TRY(sd_bus_message_read(m, "v", "i", &code));
                else
                        TRY(sd_bus_message_skip(m, "v"));
                TRY(sd_bus_message_exit_container(m));
        }
        if (r >= 0 && state && (streq(state, "exited") || streq(state, "restarting")) &&
            code != INT32_MIN)
                set_exited(session, code);
        return r;
}

static int read_removed(Session *session, sd_bus_message *m) {
        const char *path;

        TRY(sd_bus_message_read(m, "o", &path));
        if (!streq(path, session->path))
                return 0;
        session->removed = true;
        if (session->end == SESSION_RUNNING)
                session->end = SESSION_LOST;
        return 0;
}

static int call_wait(Session *session);

static bool tells_absence(const sd_bus_error *error) {
        static const char *const names[] = {
                SD_BUS_ERROR_NO_REPLY,
                SD_BUS_ERROR_SERVICE_UNKNOWN,
                SD_BUS_ERROR_NAME_HAS_NO_OWNER,
                SD_BUS_ERROR_DISCONNECTED,
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (sd_bus_error_has_name(error, names[i]))
                        return true;
        return startswith(error->name, "org.freedesktop.DBus.Error.Spawn.");
}

/* Containers go on without the daemon. If it died over our call the next one starts it again, where the bus does that;
 * else somebody else does, and the bus tells. */
static int await_daemon(Session *session, const sd_bus_error *error) {
        session->daemon_lost = true;
        return sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY) ? call_wait(session) : 0;
}

static int on_waited(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        Session *session = userdata;
        int status;

        session->wait = sd_bus_slot_unref(session->wait);
        if (!error) {
                if (sd_bus_message_read(reply, "i", &status) > 0)
                        set_exited(session, status);
                return 0;
        }
        if (tells_absence(error))
                return await_daemon(session, error);
        /* It was removed while nobody told us. Other errors do not matter: signals tell the end, too. */
        if (error_is(error, "NoSuchContainer") ||
            sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_OBJECT)) {
                session->removed = true;
                if (session->end == SESSION_RUNNING)
                        session->end = SESSION_LOST;
        }
        return 0;
}

static int call_wait(Session *session) {
        _cleanup_message_ sd_bus_message *call = NULL;

        TRY(sd_bus_message_new_method_call(session->client->bus, &call, BUS_NAME, session->path,
                                           session->interface, "Wait"));
        TRY(sd_bus_message_append(call, "a{sv}", 0));
        session->daemon_lost = false;
        return sd_bus_call_async(session->client->bus, &session->wait, call, on_waited, session,
                                 UINT64_MAX);
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Session *session = userdata;
        int status, r = client_take_owner(session->client, m);

        if (r > 0 && session->daemon_lost && !session->wait)
                return call_wait(session);
        if (r != 0 || !session->path || !client_is_from_daemon(session->client, m))
                return MIN(r, 0);
        if (sd_bus_message_is_signal(m, OBJECT_MANAGER_INTERFACE, "InterfacesRemoved"))
                return MIN(read_removed(session, m), 0);
        if (!streq_ptr(sd_bus_message_get_path(m), session->path))
                return 0;
        if (sd_bus_message_is_signal(m, PROPERTIES_INTERFACE, "PropertiesChanged"))
                return MIN(read_changes(session, m), 0);
        if (sd_bus_message_is_signal(m, PROCESS_INTERFACE, "Exited") &&
            sd_bus_message_read(m, "i", &status) > 0)
                set_exited(session, status);
        return 0;
}

int session_watch_init(Session *session) {
        int r = client_connect(session->client);

        if (r != 0)
                return r;
        r = sd_bus_add_filter(session->client->bus, &session->filter, on_message, session);
        if (r >=
            0) /* or the signals of one that has taken the first one's place would be anybody's */
                r = client_match_owner(session->client);
        return r < 0 ? report_errno(session->client, r, "cannot listen to the bus") : 0;
}

int session_watch_all(Session *session) {
        int r = client_match(session->client, RULE_ALL);

        session->watching_all = true;
        return r < 0 ? report_errno(session->client, r, "cannot listen to the bus") : 0;
}

static int watch_one(Session *session) {
        _cleanup_free_ char *changes = NULL, *removal = NULL;

        changes = strf("type='signal',sender='" BUS_NAME "',interface='" PROPERTIES_INTERFACE
                       "',path='%s'",
                       session->path);
        removal = strf("type='signal',sender='" BUS_NAME "',interface='" OBJECT_MANAGER_INTERFACE
                       "',member='InterfacesRemoved',arg0path='%s'",
                       session->path);
        if (!changes || !removal)
                return -ENOMEM;
        TRY(client_match(session->client, changes));
        return client_match(session->client, removal);
}

int session_watch(Session *session) {
        int r = watch_one(session);

        return r < 0 ? report_errno(session->client, r, "cannot listen to the bus") : 0;
}

int session_settle(Session *session) {
        session->settled = true;
        /* In this order nothing is missed: messages of one sender stay in order. */
        if (session->watching_all)
                TRY(watch_one(session));
        TRY(call_wait(session));
        return session->watching_all ? client_unmatch(session->client, RULE_ALL) : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/client.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include "cli/agent.h"
#include "cli/child.h"
#include "cli/remote.h"
#include "cli/report.h"
#include "shared/error.h"
#include "shared/strutil.h"

/* Calls wait for people who type passwords, and for containers that stop slowly: never give up. */
#define NO_TIMEOUT UINT64_MAX

int client_connect(Client *client) {
        int r;

        if (client->bus)
                return 0;
        r = client->host ? remote_open_bus(client, &client->bus, &client->ssh) :
                           sd_bus_open_system(&client->bus);
        return r < 0 ? report_unreachable(client, r) : 0;
}

void client_disconnect(Client *client) {
        client->bus = sd_bus_flush_close_unref(client->bus);
        /* It ends with the connection, but for one that still asks for a password. */
        if (client->ssh > 0) {
                kill(client->ssh, SIGTERM);
                (void)child_wait(client->ssh);
        }
        client->ssh = 0;
}

void client_done(Client *client) {
        client_disconnect(client);
        free(client->daemon);
        agent_close();
}

int client_new_call(Client *client, const char *path, const char *interface, const char *member,
                    sd_bus_message **ret) {
        int r = client_connect(client);

        if (r != 0)
                return r;
        r = sd_bus_message_new_method_call(client->bus, ret, BUS_NAME, path, interface, member);
        return r < 0 ? report_errno(client, r, "cannot make a message") : 0;
}

/* A copy of a sent call that allows the daemon to ask the user. */
static int copy_interactive(Client *client, sd_bus_message *call, sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *copy = NULL;
        int r;

        r = sd_bus_message_new_method_call(
                client->bus, &copy, BUS_NAME, sd_bus_message_get_path(call),
                sd_bus_message_get_interface(call), sd_bus_message_get_member(call));
        if (r >= 0)
                r = sd_bus_message_set_allow_interactive_authorization(copy, true);
        if (r >= 0)
                r = sd_bus_message_rewind(call, true);
        if (r >= 0)
                r = sd_bus_message_copy(copy, call, true);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(copy);
        return 0;
}

static int exchange(Client *client, sd_bus_message *call, sd_bus_error *error,
                    sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;

        TRY(sd_bus_call(client->bus, call, NO_TIMEOUT, error, &reply));
        TRY(free_and_strdup(&client->daemon, sd_bus_message_get_sender(reply)));
        if (ret)
                *ret = TAKE_PTR(reply);
        return 0;
}

/* While people are asked signals end us as they always do: nothing has begun yet, and the answer may take its time. */
static int exchange_patiently(Client *client, sd_bus_message *call, sd_bus_error *error,
                              sd_bus_message **ret) {
        sigset_t deadly, before;
        int r;

        sigemptyset(&deadly);
        sigaddset(&deadly, SIGHUP);
        sigaddset(&deadly, SIGINT);
        sigaddset(&deadly, SIGQUIT);
        sigaddset(&deadly, SIGTERM);
        sigprocmask(SIG_UNBLOCK, &deadly, &before);
        r = exchange(client, call, error, ret);
        sigprocmask(SIG_SETMASK, &before, NULL);
        return r;
}

int client_exchange(Client *client, sd_bus_message *call, sd_bus_error *error,
                    sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *again = NULL;
        int r = exchange(client, call, error, ret);

        /* Only now, and not before each call: nearly all calls need no password. */
        if (r >= 0 || !client->ask_password ||
            !sd_bus_error_has_name(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED))
                return r;
        agent_open();
        r = copy_interactive(client, call, &again);
        if (r < 0)
                return r;
        sd_bus_error_free(error);
        return exchange_patiently(client, again, error, ret);
}

int client_send(Client *client, sd_bus_message *call, const char *subject, sd_bus_message **ret) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = client_exchange(client, call, &error, ret);

        return r < 0 ? report_bus_error(client, &error, r, subject) : 0;
}

int client_call(Client *client, const char *subject, const char *path, const char *interface,
                const char *member, sd_bus_message **ret, const char *types, ...) {
        _cleanup_message_ sd_bus_message *call = NULL;
        va_list ap;
        int r = client_new_call(client, path, interface, member, &call);

        if (r != 0)
                return r;
        va_start(ap, types);
        r = sd_bus_message_appendv(call, types, ap);
        va_end(ap);
        if (r < 0)
                return report_errno(client, r, "cannot make a message");
        return client_send(client, call, subject, ret);
}

int client_look_up(Client *client, const char *method, const char *absent, const char *operand,
                   char **ret) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
        const char *path;
        int r = client_new_call(client, MANAGER_PATH, MANAGER_INTERFACE, method, &call);

        if (r != 0)
                return r;
        r = sd_bus_message_append(call, "s", operand);
        if (r < 0)
                return report_errno(client, r, "cannot make a message");
        r = client_exchange(client, call, &error, &reply);
        if (r < 0 && absent && error_is(&error, absent))
                return 0;
        if (r < 0)
                return report_bus_error(client, &error, r, operand);
        r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
                r = free_and_strdup(ret, path);
        return r < 0 ? report_errno(client, r, "cannot read the daemon's answer") : 0;
}

char *container_path_from_id(const char *operand) {
        return id_is_valid(operand) ? strf("%s/%s", CONTAINERS_PATH, operand) : NULL;
}

int client_find_container(Client *client, const char *operand, char **ret) {
        *ret = container_path_from_id(operand);
        return *ret ? 0 : client_look_up(client, "GetContainer", NULL, operand, ret);
}

int client_find_image(Client *client, const char *operand, char **ret) {
        return client_look_up(client, "GetImage", NULL, operand, ret);
}

const char *path_id(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

int options_open(sd_bus_message *call) {
        return sd_bus_message_open_container(call, 'a', "{sv}");
}

int options_close(sd_bus_message *call) {
        return sd_bus_message_close_container(call);
}

int options_add_strv(sd_bus_message *call, const char *key, char *const *list) {
        TRY(sd_bus_message_open_container(call, 'e', "sv"));
        TRY(sd_bus_message_append_basic(call, 's', key));
        TRY(sd_bus_message_open_container(call, 'v', "as"));
        TRY(sd_bus_message_append_strv(call, (char **)list));
        TRY(sd_bus_message_close_container(call));
        return sd_bus_message_close_container(call);
}

bool error_is(const sd_bus_error *error, const char *name) {
        const char *own = error->name ? startswith(error->name, "org.mydocker.Error.") : NULL;

        return own && streq(own, name);
}

static int send_to_bus(Client *client, const char *method, const char *rule) {
        _cleanup_message_ sd_bus_message *call = NULL;
        int r;

        r = sd_bus_message_new_method_call(client->bus, &call, "org.freedesktop.DBus",
                                           "/org/freedesktop/DBus", "org.freedesktop.DBus", method);
        if (r >= 0)
                r = sd_bus_message_set_expect_reply(call, false);
        if (r >= 0)
                r = sd_bus_message_append(call, "s", rule);
        return r < 0 ? r : sd_bus_send(client->bus, call, NULL);
}

int client_match(Client *client, const char *rule) {
        return send_to_bus(client, "AddMatch", rule);
}

int client_unmatch(Client *client, const char *rule) {
        return send_to_bus(client, "RemoveMatch", rule);
}

bool client_is_from_daemon(const Client *client, sd_bus_message *signal) {
        return client->daemon && streq_ptr(sd_bus_message_get_sender(signal), client->daemon);
}

int client_match_owner(Client *client) {
        return client_match(client, "type='signal',sender='org.freedesktop.DBus',"
                                    "member='NameOwnerChanged',arg0='" BUS_NAME "'");
}

int client_take_owner(Client *client, sd_bus_message *signal) {
        const char *name, *old, *new;

        if (!sd_bus_message_is_signal(signal, "org.freedesktop.DBus", "NameOwnerChanged") ||
            !streq_ptr(sd_bus_message_get_sender(signal), "org.freedesktop.DBus"))
                return 0;
        TRY(sd_bus_message_read(signal, "sss", &name, &old, &new));
        if (!streq(name, BUS_NAME) || !*new)
                return 0;
        TRY(free_and_strdup(&client->daemon, new));
        return 1;
}

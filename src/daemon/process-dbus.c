/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.mydocker.Process. */

#include <signal.h>

#include "daemon/authorize.h"
#include "daemon/bus-util.h"
#include "daemon/container-methods.h"
#include "daemon/errors.h"
#include "daemon/process.h"
#include "daemon/waiter.h"

/* Whoever began the process may, as the container's owner may. */
static int authorize_process(Process *p, sd_bus_message *message, const char *verb,
                             sd_bus_error *error) {
        _cleanup_strv_free_ char **details = NULL;
        Container *c = p->container;
        const Caller *caller;
        int r;

        r = caller_get(c->manager, message, &caller, error);
        if (r <= 0)
                return r;
        if (container_details(c, verb, NULL, &details) < 0)
                return bus_failure(error, ENOMEM, "process");
        return authorize_owner(c->manager, message,
                               caller->uid == p->owner ? p->owner : c->record->owner, ACTION_EXEC,
                               details, error);
}

static int check_running(const Process *p, sd_bus_error *error) {
        return p->pid != 0 ? 0 :
                             sd_bus_error_set(error, ERROR_CONTAINER_NOT_RUNNING,
                                              "The process has ended");
}

static int method_kill(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Process *p = userdata;
        Request request = {.type = REQUEST_SIGNAL, .process = p->number};
        int r;

        TRY(sd_bus_message_read(message, "i", &request.signal));
        TRY(options_read_none(message, error));
        if (request.signal < 1 || request.signal > SIGRTMAX)
                return sd_bus_error_set(error, ERROR_INVALID_ARGS,
                                        "Argument signal is no number of a signal");
        r = authorize_process(p, message, "kill", error);
        if (r <= 0)
                return r < 0 ? r : 1;
        TRY(check_running(p, error));
        return call_supervisor(p->container, message, &request, error);
}

static int method_resize(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Process *p = userdata;
        Request request = {.type = REQUEST_RESIZE, .process = p->number};
        int r;

        TRY(sd_bus_message_read(message, "qq", &request.rows, &request.columns));
        TRY(options_read_none(message, error));
        if (!p->tty)
                return sd_bus_error_set(error, ERROR_INVALID_ARGS, "The process has no terminal");
        r = authorize_process(p, message, "resize", error);
        if (r <= 0)
                return r < 0 ? r : 1;
        TRY(check_running(p, error));
        return call_supervisor(p->container, message, &request, error);
}

static int method_wait(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Process *p = userdata;
        const Caller *caller;
        int r;

        TRY(options_read_none(message, error));
        if (p->pid == 0)
                return sd_bus_reply_method_return(message, "i", p->status);
        r = caller_get(p->container->manager, message, &caller, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        TRY(waiter_add(p->container, p, WAIT_NOT_RUNNING, message, caller->uid, error));
        return 1;
}

#define PROPERTY(function, type, expression)                                                       \
        DEFINE_PROPERTY(function, Process, sd_bus_message_append(reply, type, expression))

PROPERTY(get_pid, "u", (uint32_t)o->pid)
PROPERTY(get_tty, "b", o->tty)
PROPERTY(get_exit_status, "i", o->status)
PROPERTY(get_running, "b", o->pid != 0)
DEFINE_PROPERTY(get_command, Process, append_strings(reply, 's', o->command))
PROPERTY(get_container, "o", o->container->path)

#define METHOD(name, in, in_names, out, out_names, handler)                                        \
        SD_BUS_METHOD_WITH_NAMES(name, in "a{sv}", in_names SD_BUS_PARAM(options), out, out_names, \
                                 handler, SD_BUS_VTABLE_UNPRIVILEGED)

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("Kill", "i", SD_BUS_PARAM(signal), "", , method_kill),
        METHOD("Resize", "qq", SD_BUS_PARAM(rows) SD_BUS_PARAM(columns), "", , method_resize),
        METHOD("Wait", "", , "i", SD_BUS_PARAM(status), method_wait),
        SD_BUS_SIGNAL_WITH_NAMES("Exited", "i", SD_BUS_PARAM(status), 0),
        SD_BUS_PROPERTY("Pid", "u", get_pid, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Tty", "b", get_tty, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("ExitStatus", "i", get_exit_status, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Running", "b", get_running, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Command", "as", get_command, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Container", "o", get_container, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};

static int find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                void **ret_found, sd_bus_error *error) {
        Manager *m = userdata;
        const char *rest = startswith(path, PATH_CONTAINERS "/");
        char id[ID_LENGTH + 1];
        uint64_t number;
        Container *c;
        Process *p;

        if (!rest || strlen(rest) <= ID_LENGTH)
                return 0;
        memcpy(id, rest, ID_LENGTH);
        id[ID_LENGTH] = '\0';
        rest = startswith(rest + ID_LENGTH, "/processes/");
        c = rest ? container_by_id(m, id) : NULL;
        if (!c || parse_u64(rest, &number) < 0)
                return 0;
        p = process_by_number(c, number);
        if (!p || !p->announced)
                return 0;
        *ret_found = p;
        return 1;
}

static int enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret,
                     sd_bus_error *error) {
        _cleanup_strv_free_ char **paths = NULL;
        Manager *m = userdata;

        LIST_FOREACH(c, m->container_list, links)
        LIST_FOREACH(p, c->processes, links)
        if (p->announced)
                TRY(strv_extend(&paths, p->path));
        *ret = TAKE_PTR(paths);
        return 1;
}

int processes_export(Manager *m) {
        TRY(sd_bus_add_fallback_vtable(m->bus, NULL, PATH_CONTAINERS, "org.mydocker.Process",
                                       vtable, find, m));
        return sd_bus_add_node_enumerator(m->bus, NULL, PATH_CONTAINERS, enumerate, m);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/event.h"

#include <inttypes.h>
#include <string.h>

#include "cli/containers.h"
#include "cli/properties.h"
#include "cli/report.h"
#include "shared/error.h"
#include "shared/process.h"
#include "shared/strutil.h"

/* What is known of any object; which of it makes sense depends on its interface. */
typedef struct Known {
        char *path;
        const char *interface; /* one of the constants of client.h */
        Container container;
        char **names;    /* of an image */
        char *operation; /* of a job */
        char **objects;
        char **command; /* of a process */
        char *process_container;
        int32_t exit_status;
        bool running;
} Known;

struct EventTracker {
        Client *client;
        EventHandler handler;
        void *userdata;
        sd_bus_slot *slot;
        Known **known;
        size_t n_known;
};

static const PropertyMap known_map[] = {
        {"Names", "as", offsetof(Known, names)},
        {"Operation", "s", offsetof(Known, operation)},
        {"Objects", "ao", offsetof(Known, objects)},
        {"Command", "as", offsetof(Known, command)},
        {"Container", "o", offsetof(Known, process_container)},
        {"ExitStatus", "i", offsetof(Known, exit_status)},
        {"Running", "b", offsetof(Known, running)},
        {},
};

static void known_free(Known *known) {
        container_done(&known->container);
        properties_done(known_map, known);
        free(known->path);
        free(known);
}
DEFINE_CLEANUP(Known *, known_free)

static Known **find_known(EventTracker *t, const char *path) {
        for (size_t i = 0; i < t->n_known; i++)
                if (streq(t->known[i]->path, path))
                        return &t->known[i];
        return NULL;
}

static int add_known(EventTracker *t, const char *path, const char *interface, Known **ret) {
        _cleanup_(known_freep) Known *known = calloc(1, sizeof(Known));
        Known **all = reallocarray(t->known, t->n_known + 1, sizeof(Known *));

        if (all)
                t->known = all;
        if (!known || !all)
                return -ENOMEM;
        known->interface = interface;
        known->path = strdup(path);
        if (!known->path)
                return -ENOMEM;
        *ret = t->known[t->n_known++] = TAKE_PTR(known);
        return 0;
}

static void remove_known(EventTracker *t, Known **slot) {
        known_free(*slot);
        *slot = t->known[--t->n_known];
}

/* Tells the handler. The list is taken over; NULL among `more` counts as out of memory. */
static int emit(EventTracker *t, const char *type, const char *action, const char *id,
                char **attributes) {
        Event event = {.time = now_realtime(),
                       .type = type,
                       .action = action,
                       .id = id,
                       .attributes = attributes};
        int r = t->handler(&event, t->userdata);

        strv_free(attributes);
        return r;
}

/* With the attributes that every event of a container has. */
static int emit_container(EventTracker *t, const Container *c, const char *action, char *first) {
        char **attributes = NULL;
        int r = first ? strv_consume(&attributes, first) : 0;

        if (r >= 0)
                r = strv_consume(&attributes, strf("image=%s", c->image));
        for (char **label = c->labels; label && *label && r >= 0; label++)
                r = strv_extend(&attributes, *label);
        if (r >= 0)
                r = strv_consume(&attributes, strf("name=%s", c->name));
        if (r < 0) {
                strv_free(attributes);
                return r;
        }
        return emit(t, "container", action, c->id, attributes);
}

static int emit_image(EventTracker *t, const char *action, const char *id, const char *name) {
        _cleanup_free_ char *digest = strf("sha256:%s", id);
        char **attributes = NULL;

        if (!digest || (name && strv_consume(&attributes, strf("name=%s", name)) < 0))
                return -ENOMEM;
        return emit(t, "image", action, digest, attributes);
}

static int on_state(EventTracker *t, const Container *c, const char *before) {
        if (streq(c->state, before))
                return 0;
        if (streq(c->state, "running"))
                return emit_container(t, c, streq(before, "paused") ? "unpause" : "start", NULL);
        if (streq(c->state, "paused"))
                return emit_container(t, c, "pause", NULL);
        if (!streq(c->state, "exited") && !streq(c->state, "restarting"))
                return 0;
        if (streq(before, "restarting"))
                return 0; /* its end was told */
        TRY(emit_container(t, c, "die", strf("exitCode=%" PRId32, c->exit_code)));
        return streq(before, "stopping") ? emit_container(t, c, "stop", NULL) : 0;
}

static int on_health(EventTracker *t, const Container *c, const char *before) {
        if (!c->health || streq(c->health, before))
                return 0;
        if (streq(c->health, "healthy"))
                return emit_container(t, c, "health_status: healthy", NULL);
        return streq(c->health, "unhealthy") ?
                       emit_container(t, c, "health_status: unhealthy", NULL) :
                       0;
}

static bool same_limits(const Container *a, const Container *b) {
        return a->memory == b->memory && a->memory_swap == b->memory_swap && a->cpus == b->cpus &&
               a->cpu_shares == b->cpu_shares && a->pids == b->pids;
}

static int on_container_changed(EventTracker *t, Container *c, sd_bus_message *m) {
        _cleanup_free_ char *state = strdup(c->state), *name = strdup(c->name);
        Container before = {.memory = c->memory,
                            .memory_swap = c->memory_swap,
                            .cpus = c->cpus,
                            .cpu_shares = c->cpu_shares,
                            .pids = c->pids};
        _cleanup_free_ char *health = strdup(c->health ?: "none");
        bool oom_killed = c->oom_killed;

        if (!state || !name || !health)
                return -ENOMEM;
        TRY(container_read(m, c));
        if (!streq(c->name, name))
                TRY(emit_container(t, c, "rename", strf("oldName=/%s", name)));
        if (c->oom_killed && !oom_killed)
                TRY(emit_container(t, c, "oom", NULL));
        if (!same_limits(c, &before))
                TRY(emit_container(t, c, "update", NULL));
        TRY(on_health(t, c, health));
        return on_state(t, c, state);
}

static int on_names_changed(EventTracker *t, Known *known, sd_bus_message *m) {
        _cleanup_strv_free_ char **before = TAKE_PTR(known->names);
        const char *id = path_id(known->path);

        TRY(properties_read(m, known_map, known));
        for (char **name = known->names; name && *name; name++)
                if (!strv_contains(before, *name))
                        TRY(emit_image(t, "tag", id, *name));
        for (char **name = before; name && *name; name++)
                if (!strv_contains(known->names, *name))
                        TRY(emit_image(t, "untag", id, *name));
        return 0;
}

static int emit_exec(EventTracker *t, const Known *known, const char *action, char *attribute) {
        Known **container =
                known->process_container ? find_known(t, known->process_container) : NULL;

        if (!container) {
                free(attribute);
                return 0;
        }
        return emit_container(t, &(*container)->container, action, attribute);
}

static int on_process_changed(EventTracker *t, Known *known, sd_bus_message *m) {
        bool was_running = known->running;

        TRY(properties_read(m, known_map, known));
        if (!was_running || known->running)
                return 0;
        return emit_exec(t, known, "exec_die", strf("exitCode=%" PRId32, known->exit_status));
}

static int on_changed(EventTracker *t, sd_bus_message *m) {
        Known **known = find_known(t, sd_bus_message_get_path(m));
        const char *interface;

        TRY(sd_bus_message_read(m, "s", &interface));
        if (!known || !streq((*known)->interface, interface))
                return 0;
        if (streq(interface, CONTAINER_INTERFACE))
                return on_container_changed(t, &(*known)->container, m);
        if (streq(interface, IMAGE_INTERFACE))
                return on_names_changed(t, *known, m);
        if (streq(interface, PROCESS_INTERFACE))
                return on_process_changed(t, *known, m);
        return properties_read(m, known_map, *known);
}

static int on_restarted(EventTracker *t, sd_bus_message *m) {
        Known **known = find_known(t, sd_bus_message_get_path(m));

        return known ? emit_container(t, &(*known)->container, "restart", NULL) : 0;
}

/* Which of our interfaces this is, or NULL. */
static const char *own_interface(const char *interface) {
        static const char *const interfaces[] = {CONTAINER_INTERFACE, IMAGE_INTERFACE,
                                                 PROCESS_INTERFACE, JOB_INTERFACE};

        for (size_t i = 0; i < ELEMENTSOF(interfaces); i++)
                if (streq(interface, interfaces[i]))
                        return interfaces[i];
        return NULL;
}

static int read_interface(EventTracker *t, sd_bus_message *m, const char *path, Known **ret) {
        const char *interface, *own;
        Known **old;

        TRY(sd_bus_message_read(m, "s", &interface));
        own = own_interface(interface);
        if (!own)
                return sd_bus_message_skip(m, "a{sv}");
        old = find_known(t, path);
        if (old)
                remove_known(t, old);
        TRY(add_known(t, path, own, ret));
        if (streq(own, CONTAINER_INTERFACE))
                return container_read(m, &(*ret)->container);
        return properties_read(m, known_map, *ret);
}

/* A new object and its interfaces, of which each of ours has one; *ret stays NULL if there is none of ours. */
static int read_added(EventTracker *t, sd_bus_message *m, Known **ret) {
        const char *path;
        int r;

        TRY(sd_bus_message_read(m, "o", &path));
        TRY(sd_bus_message_enter_container(m, 'a', "{sa{sv}}"));
        while ((r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
                TRY(read_interface(t, m, path, ret));
                TRY(sd_bus_message_exit_container(m));
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int on_added(EventTracker *t, sd_bus_message *m) {
        Known *known = NULL;

        TRY(read_added(t, m, &known));
        if (!known)
                return 0;
        if (streq(known->interface, CONTAINER_INTERFACE)) {
                TRY(emit_container(t, &known->container, "create", NULL));
                return on_state(t, &known->container, "created");
        }
        if (streq(known->interface, PROCESS_INTERFACE))
                return emit_exec(t, known, "exec_start", strf("execID=%s", path_id(known->path)));
        return 0;
}

static int on_removed(EventTracker *t, sd_bus_message *m) {
        Known **known, *gone;
        const char *path;
        int r = 0;

        TRY(sd_bus_message_read(m, "o", &path));
        known = find_known(t, path);
        if (!known)
                return 0;
        gone = *known;
        if (streq(gone->interface, CONTAINER_INTERFACE))
                r = emit_container(t, &gone->container, "destroy", NULL);
        else if (streq(gone->interface, IMAGE_INTERFACE))
                r = emit_image(t, "delete", path_id(path), gone->names ? gone->names[0] : NULL);
        remove_known(t, known);
        return r;
}

/* The end of a job tells which of them made an image. */
static int on_job_removed(EventTracker *t, sd_bus_message *m) {
        static const PropertyMap map[] = {
                {"image", "s", offsetof(Image, id)},
                {"name", "s", offsetof(Image, path)},
                {},
        };
        const char *path, *result, *error, *message;
        Known **job, **container;
        Image image = {};
        int r;

        TRY(sd_bus_message_read(m, "osss", &path, &result, &error, &message));
        job = find_known(t, path);
        if (!job || !streq(result, "done"))
                return 0;
        r = properties_read(m, map, &image);
        if (r >= 0 && image.id && streq_ptr((*job)->operation, "commit")) {
                container = (*job)->objects && (*job)->objects[0] ?
                                    find_known(t, (*job)->objects[0]) :
                                    NULL;
                if (container)
                        r = emit_container(t, &(*container)->container, "commit",
                                           strf("imageID=sha256:%s", image.id));
        } else if (r >= 0 && image.id)
                r = emit_image(t, "import", image.id, image.path);
        properties_done(map, &image);
        return r;
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        EventTracker *t = userdata;
        int r = client_take_owner(t->client, m);

        if (r != 0 || !client_is_from_daemon(t->client, m))
                return MIN(r, 0);
        if (sd_bus_message_is_signal(m, OBJECT_MANAGER_INTERFACE, "InterfacesAdded"))
                r = on_added(t, m);
        else if (sd_bus_message_is_signal(m, OBJECT_MANAGER_INTERFACE, "InterfacesRemoved"))
                r = on_removed(t, m);
        else if (sd_bus_message_is_signal(m, PROPERTIES_INTERFACE, "PropertiesChanged"))
                r = on_changed(t, m);
        else if (sd_bus_message_is_signal(m, CONTAINER_INTERFACE, "Restarted"))
                r = on_restarted(t, m);
        else if (sd_bus_message_is_signal(m, MANAGER_INTERFACE, "JobRemoved"))
                r = on_job_removed(t, m);
        return MIN(r, 0);
}

/* What there is already. */
static int read_present(EventTracker *t) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        Known *known;
        int r = client_call(t->client, NULL, ROOT_PATH, OBJECT_MANAGER_INTERFACE,
                            "GetManagedObjects", &reply, "");

        if (r != 0)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "{oa{sa{sv}}}");
        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "oa{sa{sv}}")) > 0) {
                r = read_added(t, reply, &known);
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        return r < 0 ? report_errno(t->client, r, "cannot read the daemon's answer") : 0;
}

EventTracker *event_tracker_free(EventTracker *tracker) {
        if (!tracker)
                return NULL;
        for (size_t i = 0; i < tracker->n_known; i++)
                known_free(tracker->known[i]);
        free(tracker->known);
        sd_bus_slot_unref(tracker->slot);
        free(tracker);
        return NULL;
}

int event_tracker_new(Client *client, EventHandler handler, void *userdata, EventTracker **ret) {
        _cleanup_(event_tracker_freep) EventTracker *t = calloc(1, sizeof(EventTracker));
        int r = client_connect(client);

        if (r != 0)
                return r;
        if (!t)
                return report_errno(client, ENOMEM, "cannot go on");
        *t = (EventTracker){.client = client, .handler = handler, .userdata = userdata};
        r = client_match(client,
                         "type='signal',sender='" BUS_NAME "',path_namespace='" ROOT_PATH "'");
        if (r >= 0)
                r = client_match_owner(client);
        if (r < 0)
                return report_errno(client, r, "cannot listen to the bus");
        r = read_present(t);
        if (r != 0)
                return r;
        r = sd_bus_add_filter(client->bus, &t->slot, on_message, t);
        if (r < 0)
                return report_errno(client, r, "cannot listen to the bus");
        *ret = TAKE_PTR(t);
        return 0;
}

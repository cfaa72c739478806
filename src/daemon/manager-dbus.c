/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.mydocker.Manager: finding and listing; Run, Create, Import and GetPermissions are in files of
 * their own. */

#include <fcntl.h>

#include "daemon/bus-util.h"
#include "daemon/caller.h"
#include "daemon/container.h"
#include "daemon/errors.h"
#include "daemon/image.h"
#include "daemon/manager-methods.h"
#include "daemon/options.h"
#include "shared/fd.h"
#include "shared/log.h"

static int method_get_container(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *id_or_name;
        Container *c;

        TRY(sd_bus_message_read(message, "s", &id_or_name));
        TRY(container_find(userdata, id_or_name, &c, error));
        TRY(sd_bus_reply_method_return(message, "o", c->path));
        caller_expect(userdata, message);
        return 1;
}

/* The container whose control group the process is in: a component of the path is its id. */
static Container *container_of_cgroups(Manager *m, char *text) {
        for (char *part = strtok(text, "/:\n"); part; part = strtok(NULL, "/:\n")) {
                Container *c = id_is_valid(part) ? container_by_id(m, part) : NULL;

                if (c && c->announced && container_is_up(c))
                        return c;
        }
        return NULL;
}

static int method_get_container_by_pid(sd_bus_message *message, void *userdata,
                                       sd_bus_error *error) {
        _cleanup_free_ char *text = NULL;
        Container *c = NULL;
        uint32_t pid;
        char path[64];
        size_t size;

        TRY(sd_bus_message_read(message, "u", &pid));
        snprintf(path, sizeof(path), "/proc/%u/cgroup", pid);
        if (pid > 0 && fd_read_file_at(AT_FDCWD, path, 65536, &text, &size) >= 0)
                c = container_of_cgroups(userdata, text);
        if (!c)
                return sd_bus_error_setf(error, ERROR_NO_SUCH_CONTAINER,
                                         "Process %u is in no container", pid);
        return sd_bus_reply_method_return(message, "o", c->path);
}

static int method_get_image(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *reference;
        Image *image;

        TRY(sd_bus_message_read(message, "s", &reference));
        TRY(image_find(userdata, reference, &image, error));
        return sd_bus_reply_method_return(message, "o", image->path);
}

static int check_states(char *const *states, sd_bus_error *error) {
        for (; states && *states; states++) {
                bool known = false;

                for (int i = 0; i < _CONTAINER_STATE_MAX; i++)
                        known = known || streq(*states, container_state_to_string(i));
                if (!known)
                        return bus_error_setf(error, ERROR_INVALID_ARGS,
                                              "Option states: %.64s is no state", *states);
        }
        return 0;
}

/* What ListContainers tells. */
static int append_container(sd_bus_message *reply, const Container *c) {
        const ContainerRecord *record = c->record;

        return sd_bus_message_append(reply, "ossssttu", c->path, record->spec->id, record->name,
                                     record->image, container_state_to_string(c->state),
                                     record->created_at, record->started_at,
                                     (uint32_t)record->owner);
}

/* And what DescribeContainers does besides. */
static int append_description(sd_bus_message *reply, const Container *c) {
        const ContainerRecord *record = c->record;

        TRY(append_container(reply, c));
        TRY(append_strings(reply, 's', record->spec->process.argv));
        return sd_bus_message_append(reply, "its", record->exit_code, record->finished_at,
                                     health_status_to_string(record->health_status));
}

static int reply_containers(sd_bus_message *message, Manager *m, const char *type,
                            int (*append)(sd_bus_message *reply, const Container *c),
                            sd_bus_error *error) {
        static const Option options[] = {{"states", OPTION_STRV, 0}};
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_strv_free_ char **states = NULL;
        _cleanup_free_ char *array = strf("(%s)", type);

        if (!array)
                return -ENOMEM;
        TRY(options_read(message, options, ELEMENTSOF(options), &states, error));
        TRY(check_states(states, error));
        TRY(sd_bus_message_new_method_return(message, &reply));
        TRY(sd_bus_message_open_container(reply, 'a', array));
        LIST_FOREACH(c, m->container_list, links) {
                if (!c->announced ||
                    (states && !strv_contains(states, container_state_to_string(c->state))))
                        continue;
                TRY(sd_bus_message_open_container(reply, 'r', type));
                TRY(append(reply, c));
                TRY(sd_bus_message_close_container(reply));
        }
        TRY(sd_bus_message_close_container(reply));
        return sd_bus_send(NULL, reply, NULL);
}

static int method_list_containers(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return reply_containers(message, userdata, "ossssttu", append_container, error);
}

static int method_describe_containers(sd_bus_message *message, void *userdata,
                                      sd_bus_error *error) {
        return reply_containers(message, userdata, "ossssttuasits", append_description, error);
}

static int append_image(sd_bus_message *reply, Image *image) {
        TRY(sd_bus_message_open_container(reply, 'r', "osasttu"));
        TRY(sd_bus_message_append(reply, "os", image->path, image->record->id));
        TRY(append_strings(reply, 's', image->names));
        TRY(sd_bus_message_append(reply, "ttu", image->record->created, image_size(image),
                                  image_users(image)));
        return sd_bus_message_close_container(reply);
}

static int method_list_images(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Manager *m = userdata;

        TRY(options_read_none(message, error));
        TRY(sd_bus_message_new_method_return(message, &reply));
        TRY(sd_bus_message_open_container(reply, 'a', "(osasttu)"));
        LIST_FOREACH(image, m->image_list, links)
        TRY(append_image(reply, image));
        TRY(sd_bus_message_close_container(reply));
        return sd_bus_send(NULL, reply, NULL);
}

#define PROPERTY(function, type, expression)                                                       \
        DEFINE_PROPERTY(function, Manager, sd_bus_message_append(reply, type, expression))

PROPERTY(get_version, "s", PACKAGE_VERSION)
DEFINE_PROPERTY(get_features, Manager, append_strings(reply, 's', o->features))
PROPERTY(get_storage_driver, "s", "overlay")
PROPERTY(get_cgroup_version, "u", o->cgroup_version)
PROPERTY(get_containers_count, "u", o->n_announced)
PROPERTY(get_running_count, "u", o->n_running)
PROPERTY(get_images_count, "u", (uint32_t)o->images.n)
PROPERTY(get_root_directory, "s", o->store->path)

#define METHOD(name, in, in_names, out, out_names, handler)                                        \
        SD_BUS_METHOD_WITH_NAMES(name, in, in_names, out, out_names, handler,                      \
                                 SD_BUS_VTABLE_UNPRIVILEGED)

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("Run", "sasa{sv}", SD_BUS_PARAM(image) SD_BUS_PARAM(command) SD_BUS_PARAM(options),
               "o", SD_BUS_PARAM(container), manager_method_run),
        METHOD("Create", "sasa{sv}",
               SD_BUS_PARAM(image) SD_BUS_PARAM(command) SD_BUS_PARAM(options), "o",
               SD_BUS_PARAM(container), manager_method_create),
        METHOD("GetContainer", "s", SD_BUS_PARAM(id_or_name), "o", SD_BUS_PARAM(container),
               method_get_container),
        METHOD("GetContainerByPID", "u", SD_BUS_PARAM(pid), "o", SD_BUS_PARAM(container),
               method_get_container_by_pid),
        METHOD("GetImage", "s", SD_BUS_PARAM(reference), "o", SD_BUS_PARAM(image),
               method_get_image),
        METHOD("ListContainers", "a{sv}", SD_BUS_PARAM(filter), "a(ossssttu)",
               SD_BUS_PARAM(containers), method_list_containers),
        METHOD("DescribeContainers", "a{sv}", SD_BUS_PARAM(filter), "a(ossssttuasits)",
               SD_BUS_PARAM(containers), method_describe_containers),
        METHOD("ListImages", "a{sv}", SD_BUS_PARAM(filter), "a(osasttu)", SD_BUS_PARAM(images),
               method_list_images),
        METHOD("Import", "sa{sv}", SD_BUS_PARAM(name) SD_BUS_PARAM(options), "oa{sv}",
               SD_BUS_PARAM(job) SD_BUS_PARAM(streams), manager_method_import),
        METHOD("Prune", "a{sv}", SD_BUS_PARAM(options), "o", SD_BUS_PARAM(job),
               manager_method_prune),
        METHOD("GetDiskUsage", "a{sv}", SD_BUS_PARAM(options), "a(ottu)a(ot)a{sv}",
               SD_BUS_PARAM(images) SD_BUS_PARAM(containers) SD_BUS_PARAM(totals),
               manager_method_get_disk_usage),
        METHOD("GetPermissions", "", , "a{ss}", SD_BUS_PARAM(permissions),
               manager_method_get_permissions),
        SD_BUS_SIGNAL_WITH_NAMES("JobRemoved", "osssa{sv}",
                                 SD_BUS_PARAM(job) SD_BUS_PARAM(result) SD_BUS_PARAM(error_name)
                                         SD_BUS_PARAM(message) SD_BUS_PARAM(results),
                                 0),
        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Features", "as", get_features, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("StorageDriver", "s", get_storage_driver, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("CgroupVersion", "u", get_cgroup_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("ContainersCount", "u", get_containers_count, 0,
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("RunningCount", "u", get_running_count, 0,
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("ImagesCount", "u", get_images_count, 0,
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("RootDirectory", "s", get_root_directory, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};

int manager_export(Manager *m) {
        TRY(sd_bus_add_object_manager(m->bus, NULL, PATH_ROOT));
        return sd_bus_add_object_vtable(m->bus, NULL, PATH_MANAGER, "org.mydocker.Manager", vtable,
                                        m);
}

static int on_counts(sd_event_source *source, void *userdata) {
        Manager *m = userdata;
        unsigned counts[] = {m->n_announced, m->n_running, (unsigned)m->images.n};
        static const char *const properties[] = {"ContainersCount", "RunningCount", "ImagesCount"};
        char *names[ELEMENTSOF(properties) + 1];
        size_t n = 0;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(properties); i++)
                if (counts[i] != m->announced_counts[i]) {
                        m->announced_counts[i] = counts[i];
                        names[n++] = (char *)properties[i];
                }
        names[n] = NULL;
        if (n == 0)
                return 0;
        r = sd_bus_emit_properties_changed_strv(m->bus, PATH_MANAGER, "org.mydocker.Manager",
                                                names);
        if (r < 0)
                log_errno(LOG_WARNING, r, "Cannot announce the counts");
        return 0;
}

void manager_counts_changed(Manager *m) {
        int r;

        if (!m->exported)
                return;
        if (m->counts_source)
                r = sd_event_source_set_enabled(m->counts_source, SD_EVENT_ONESHOT);
        else
                r = sd_event_add_defer(m->event, &m->counts_source, on_counts, m);
        if (r < 0)
                log_errno(LOG_WARNING, r, "Cannot announce the counts");
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.mydocker.Container: its properties, and how its objects are found. */

#include "daemon/authorize.h"
#include "daemon/bus-util.h"
#include "daemon/container-methods.h"
#include "daemon/errors.h"

int container_check_up(const Container *c, bool paused_too, sd_bus_error *error) {
        if (!container_is_up(c))
                return sd_bus_error_setf(error, ERROR_CONTAINER_NOT_RUNNING,
                                         "Container %s is not running", c->record->name);
        if (!paused_too && c->state == CONTAINER_PAUSED)
                return sd_bus_error_setf(error, ERROR_CONTAINER_PAUSED, "Container %s is paused",
                                         c->record->name);
        return 0;
}

static int append_labels(sd_bus_message *reply, Json *labels) {
        TRY(sd_bus_message_open_container(reply, 'a', "{ss}"));
        json_object_object_foreach(labels, key, value) {
                TRY(sd_bus_message_append(reply, "{ss}", key, json_object_get_string(value)));
        }
        return sd_bus_message_close_container(reply);
}

static int append_volumes(sd_bus_message *reply, const ContainerSpec *spec) {
        TRY(sd_bus_message_open_container(reply, 'a', "(ssb)"));
        for (size_t i = 0; i < spec->n_volumes; i++)
                TRY(sd_bus_message_append(reply, "(ssb)", spec->volumes[i].source,
                                          spec->volumes[i].target, spec->volumes[i].read_only));
        return sd_bus_message_close_container(reply);
}

static int append_restart_policy(sd_bus_message *reply, RestartPolicy policy) {
        _cleanup_free_ char *text = restart_policy_format(policy);

        return text ? sd_bus_message_append(reply, "s", text) : -ENOMEM;
}

#define PROPERTY(function, type, expression)                                                       \
        DEFINE_PROPERTY(function, Container, sd_bus_message_append(reply, type, expression))

PROPERTY(get_id, "s", o->record->spec->id)
PROPERTY(get_name, "s", o->record->name)
PROPERTY(get_image, "s", o->record->image)
PROPERTY(get_image_id, "s", o->record->image_id)
DEFINE_PROPERTY(get_command, Container, append_strings(reply, 's', o->record->spec->process.argv))
PROPERTY(get_state, "s", container_state_to_string(o->state))
PROPERTY(get_exit_code, "i", o->record->exit_code)
PROPERTY(get_oom_killed, "b", o->record->oom_killed)
PROPERTY(get_error, "s", o->record->error ?: "")
PROPERTY(get_pid, "u", (uint32_t)o->pid)
PROPERTY(get_owner, "u", (uint32_t)o->record->owner)
PROPERTY(get_created_at, "t", o->record->created_at)
PROPERTY(get_started_at, "t", o->record->started_at)
PROPERTY(get_finished_at, "t", o->record->finished_at)
PROPERTY(get_hostname, "s", o->record->spec->hostname)
DEFINE_PROPERTY(get_labels, Container, append_labels(reply, o->record->labels))
DEFINE_PROPERTY(get_restart_policy, Container, append_restart_policy(reply, o->record->restart))
DEFINE_PROPERTY(get_volumes, Container, append_volumes(reply, o->record->spec))
PROPERTY(get_memory, "t", o->record->spec->limits.memory)
PROPERTY(get_memory_swap, "t", o->record->spec->limits.memory_swap)
PROPERTY(get_cpus, "d", o->record->spec->limits.cpus)
PROPERTY(get_cpu_shares, "t", o->record->spec->limits.cpu_shares)
PROPERTY(get_cpuset, "s", o->record->spec->limits.cpuset ?: "")
PROPERTY(get_pids, "t", o->record->spec->limits.pids)
PROPERTY(get_cgroup, "s", o->cgroup ?: "")
PROPERTY(get_tty, "b", o->record->spec->process.tty)
PROPERTY(get_health, "s", health_status_to_string(o->record->health_status))
PROPERTY(get_restart_count, "u", o->record->restart_count)

#define OPTIONS SD_BUS_PARAM(options)
#define METHOD(name, in, in_names, out, out_names, handler)                                        \
        SD_BUS_METHOD_WITH_NAMES(name, in "a{sv}", in_names OPTIONS, out, out_names, handler,      \
                                 SD_BUS_VTABLE_UNPRIVILEGED)
#define CONST SD_BUS_VTABLE_PROPERTY_CONST
#define CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("Start", "", , "", , container_method_start),
        METHOD("Stop", "", , "", , container_method_stop),
        METHOD("Kill", "i", SD_BUS_PARAM(signal), "", , container_method_kill),
        METHOD("Restart", "", , "", , container_method_restart),
        METHOD("Pause", "", , "", , container_method_pause),
        METHOD("Resume", "", , "", , container_method_resume),
        METHOD("Rename", "s", SD_BUS_PARAM(name), "", , container_method_rename),
        SD_BUS_METHOD_WITH_NAMES("Update", "a{sv}", SD_BUS_PARAM(limits), "", ,
                                 container_method_update, SD_BUS_VTABLE_UNPRIVILEGED),
        METHOD("Exec", "as", SD_BUS_PARAM(command), "oa{sv}",
               SD_BUS_PARAM(process) SD_BUS_PARAM(streams), container_method_exec),
        METHOD("ExecCollect", "as", SD_BUS_PARAM(command), "iayay",
               SD_BUS_PARAM(status) SD_BUS_PARAM(stdout) SD_BUS_PARAM(stderr),
               container_method_exec_collect),
        METHOD("Attach", "", , "a{sv}", SD_BUS_PARAM(streams), container_method_attach),
        METHOD("Resize", "qq", SD_BUS_PARAM(rows) SD_BUS_PARAM(columns), "", ,
               container_method_resize),
        METHOD("OpenLogs", "", , "h", SD_BUS_PARAM(log), container_method_open_logs),
        METHOD("ReadLogs", "su", SD_BUS_PARAM(cursor) SD_BUS_PARAM(max_bytes), "aysb",
               SD_BUS_PARAM(data) SD_BUS_PARAM(next_cursor) SD_BUS_PARAM(end),
               container_method_read_logs),
        METHOD("Commit", "s", SD_BUS_PARAM(image), "o", SD_BUS_PARAM(job), container_method_commit),
        METHOD("Export", "", , "h", SD_BUS_PARAM(archive), container_method_export),
        METHOD("GetChanges", "", , "a(sy)", SD_BUS_PARAM(changes), container_method_get_changes),
        METHOD("CopyOut", "s", SD_BUS_PARAM(path), "h", SD_BUS_PARAM(archive),
               container_method_copy_out),
        METHOD("CopyIn", "s", SD_BUS_PARAM(path), "ho", SD_BUS_PARAM(archive) SD_BUS_PARAM(job),
               container_method_copy_in),
        METHOD("GetStats", "", , "a{sv}", SD_BUS_PARAM(stats), container_method_get_stats),
        METHOD("GetProcesses", "", , "aa{sv}", SD_BUS_PARAM(processes),
               container_method_get_processes),
        METHOD("GetConfig", "", , "s", SD_BUS_PARAM(config), container_method_get_config),
        METHOD("Mount", "", , "s", SD_BUS_PARAM(path), container_method_mount),
        METHOD("Unmount", "", , "", , container_method_unmount),
        METHOD("Wait", "", , "i", SD_BUS_PARAM(status), container_method_wait),
        METHOD("Remove", "", , "", , container_method_remove),

        SD_BUS_SIGNAL("Restarted", "", 0),

        SD_BUS_PROPERTY("Id", "s", get_id, 0, CONST),
        SD_BUS_PROPERTY("Name", "s", get_name, 0, CHANGES),
        SD_BUS_PROPERTY("Image", "s", get_image, 0, CONST),
        SD_BUS_PROPERTY("ImageId", "s", get_image_id, 0, CONST),
        SD_BUS_PROPERTY("Command", "as", get_command, 0, CONST),
        SD_BUS_PROPERTY("State", "s", get_state, 0, CHANGES),
        SD_BUS_PROPERTY("ExitCode", "i", get_exit_code, 0, CHANGES),
        SD_BUS_PROPERTY("OOMKilled", "b", get_oom_killed, 0, CHANGES),
        SD_BUS_PROPERTY("Error", "s", get_error, 0, CHANGES),
        SD_BUS_PROPERTY("Pid", "u", get_pid, 0, CHANGES),
        SD_BUS_PROPERTY("Owner", "u", get_owner, 0, CONST),
        SD_BUS_PROPERTY("CreatedAt", "t", get_created_at, 0, CONST),
        SD_BUS_PROPERTY("StartedAt", "t", get_started_at, 0, CHANGES),
        SD_BUS_PROPERTY("FinishedAt", "t", get_finished_at, 0, CHANGES),
        SD_BUS_PROPERTY("Hostname", "s", get_hostname, 0, CONST),
        SD_BUS_PROPERTY("Labels", "a{ss}", get_labels, 0, CONST),
        SD_BUS_PROPERTY("Volumes", "a(ssb)", get_volumes, 0, CONST),
        SD_BUS_PROPERTY("MemoryLimit", "t", get_memory, 0, CHANGES),
        SD_BUS_PROPERTY("MemorySwapLimit", "t", get_memory_swap, 0, CHANGES),
        SD_BUS_PROPERTY("CpuLimit", "d", get_cpus, 0, CHANGES),
        SD_BUS_PROPERTY("CpuShares", "t", get_cpu_shares, 0, CHANGES),
        SD_BUS_PROPERTY("CpusetCpus", "s", get_cpuset, 0, CHANGES),
        SD_BUS_PROPERTY("PidsLimit", "t", get_pids, 0, CHANGES),
        SD_BUS_PROPERTY("CgroupPath", "s", get_cgroup, 0, CHANGES),
        SD_BUS_PROPERTY("Tty", "b", get_tty, 0, CONST),
        SD_BUS_PROPERTY("Health", "s", get_health, 0, CHANGES),
        SD_BUS_PROPERTY("RestartPolicy", "s", get_restart_policy, 0, CHANGES),
        SD_BUS_PROPERTY("RestartCount", "u", get_restart_count, 0, CHANGES),
        SD_BUS_VTABLE_END,
};

static int find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                void **ret_found, sd_bus_error *error) {
        Manager *m = userdata;
        const char *id = startswith(path, PATH_CONTAINERS "/");
        Container *c;

        if (!id || !id_is_valid(id))
                return 0;
        c = container_by_id(m, id);
        if (c && c->announced) {
                *ret_found = c;
                return 1;
        }
        /* It was there when the caller began to wait. */
        if (authorize_was_asked(m, sd_bus_get_current_message(bus)))
                return sd_bus_error_setf(error, ERROR_NO_SUCH_CONTAINER, "No such container: %s",
                                         id);
        return 0;
}

static int enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret,
                     sd_bus_error *error) {
        Manager *m = userdata;
        char **paths;
        size_t n = 0;

        paths = calloc(m->containers.n + 1, sizeof(char *));
        if (!paths)
                return -ENOMEM;
        LIST_FOREACH(c, m->container_list, links) {
                if (!c->announced)
                        continue;
                paths[n] = strdup(c->path);
                if (!paths[n++]) {
                        strv_free(paths);
                        return -ENOMEM;
                }
        }
        *ret = paths;
        return 1;
}

int containers_export(Manager *m) {
        TRY(sd_bus_add_fallback_vtable(m->bus, NULL, PATH_CONTAINERS, "org.mydocker.Container",
                                       vtable, find, m));
        return sd_bus_add_node_enumerator(m->bus, NULL, PATH_CONTAINERS, enumerate, m);
}

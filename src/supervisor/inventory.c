/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "supervisor/inventory.h"

static int describe_container(const Container *container, InventoryContainer *ret) {
        size_t n = 0;

        memcpy(ret->id, container->id, sizeof(ret->id));
        ret->start_time = container->start_time;
        ret->started_at = container->started_at;
        ret->id_base = container->id_base;
        ret->frozen = container->frozen;
        ret->cgroup = strdup(cgroup_path(container->cgroup));
        if (!ret->cgroup)
                return -ENOMEM;
        LIST_FOREACH(process, container->processes, processes)
        n++;
        ret->processes = calloc(n, sizeof(InventoryProcess));
        if (!ret->processes)
                return -ENOMEM;
        LIST_FOREACH(process, container->processes, processes)
        if (!process->call && !process->told)
                ret->processes[ret->n_processes++] = (InventoryProcess){
                        .process = process->number,
                        .pid = process->pid,
                        .tty = process->tty,
                };
        return 0;
}

static int describe(const Supervisor *supervisor, Inventory *inventory) {
        inventory->version = strdup(PACKAGE_VERSION);
        inventory->features = runtime_feature_names(supervisor->runtime);
        inventory->containers = calloc(supervisor->containers.n + 1, sizeof(InventoryContainer));
        if (!inventory->version || !inventory->features || !inventory->containers)
                return -ENOMEM;
        inventory->cgroup_version = cgroup_tree_version(supervisor->cgroups);
        /* One that has ended is still there until its exit event has been sent, which comes after
         * this reply. */
        LIST_FOREACH(container, supervisor->list, containers)
        if (container->running)
                TRY(describe_container(container,
                                       &inventory->containers[inventory->n_containers++]));
        return 0;
}

int request_hello(Supervisor *supervisor, Call **call, Error *e) {
        Inventory *inventory = calloc(1, sizeof(Inventory));

        if (!inventory)
                return error_oom(e);
        (*call)->reply.inventory = inventory;
        if (describe(supervisor, inventory) < 0)
                return error_oom(e);
        server_subscribe(supervisor->server, (*call)->connection);
        return 0;
}

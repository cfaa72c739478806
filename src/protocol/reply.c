/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/message.h"

Inventory *inventory_free(Inventory *inventory) {
        if (!inventory)
                return NULL;
        for (size_t i = 0; i < inventory->n_containers; i++) {
                free(inventory->containers[i].cgroup);
                free(inventory->containers[i].processes);
        }
        free(inventory->containers);
        free(inventory->version);
        strv_free(inventory->features);
        free(inventory);
        return NULL;
}

void reply_done(Reply *reply) {
        free(reply->cgroup);
        strv_free(reply->streams);
        free(reply->pids);
        inventory_free(reply->inventory);
        *reply = (Reply){};
}

static int stats_to_json(const Stats *stats, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object();

        if (!json)
                return -ENOMEM;
        TRY(json_add_u64(json, "memory", stats->memory));
        TRY(json_add_u64(json, "memory-limit", stats->memory_limit));
        TRY(json_add_u64(json, "cpu-ns", stats->cpu_ns));
        TRY(json_add_u64(json, "pids", stats->pids));
        TRY(json_add_u64(json, "pids-limit", stats->pids_limit));
        TRY(json_add_u64(json, "read-bytes", stats->read_bytes));
        TRY(json_add_u64(json, "written-bytes", stats->written_bytes));
        TRY(json_add_bool(json, "has-pressure", stats->has_pressure));
        TRY(json_add_u64(json, "cpu-pressure", stats->cpu_pressure));
        TRY(json_add_u64(json, "memory-pressure", stats->memory_pressure));
        TRY(json_add_u64(json, "io-pressure", stats->io_pressure));
        *ret = TAKE_PTR(json);
        return 0;
}

static int stats_from_json(Json *json, Stats *ret) {
        TRY(json_get_u64(json, "memory", &ret->memory));
        TRY(json_get_u64(json, "memory-limit", &ret->memory_limit));
        TRY(json_get_u64(json, "cpu-ns", &ret->cpu_ns));
        TRY(json_get_u64(json, "pids", &ret->pids));
        TRY(json_get_u64(json, "pids-limit", &ret->pids_limit));
        TRY(json_get_u64(json, "read-bytes", &ret->read_bytes));
        TRY(json_get_u64(json, "written-bytes", &ret->written_bytes));
        TRY(json_get_bool(json, "has-pressure", &ret->has_pressure));
        TRY(json_get_u64(json, "cpu-pressure", &ret->cpu_pressure));
        TRY(json_get_u64(json, "memory-pressure", &ret->memory_pressure));
        TRY(json_get_u64(json, "io-pressure", &ret->io_pressure));
        return 0;
}

static int inventory_process_to_json(const InventoryProcess *process, Json *array) {
        Json *json = json_object_new_object();

        if (!json)
                return -ENOMEM;
        if (json_object_array_add(array, json) < 0) {
                json_object_put(json);
                return -ENOMEM;
        }
        TRY(json_add_u64(json, "process", process->process));
        TRY(json_add_int(json, "pid", process->pid));
        return json_add_bool(json, "tty", process->tty);
}

static int inventory_container_to_json(const InventoryContainer *container, Json *array) {
        Json *json = json_object_new_object(), *processes;

        if (!json)
                return -ENOMEM;
        if (json_object_array_add(array, json) < 0) {
                json_object_put(json);
                return -ENOMEM;
        }
        TRY(json_add_string(json, "id", container->id));
        TRY(json_add_u64(json, "start-time", container->start_time));
        TRY(json_add_u64(json, "started-at", container->started_at));
        TRY(json_add_u64(json, "id-base", container->id_base));
        TRY(json_add_string(json, "cgroup", container->cgroup));
        TRY(json_add_bool(json, "frozen", container->frozen));
        processes = json_object_new_array();
        TRY(json_add(json, "processes", processes));
        for (size_t i = 0; i < container->n_processes; i++)
                TRY(inventory_process_to_json(&container->processes[i], processes));
        return 0;
}

static int inventory_to_json(const Inventory *inventory, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object();
        Json *containers;

        if (!json)
                return -ENOMEM;
        TRY(json_add_string(json, "version", inventory->version));
        TRY(json_add_u64(json, "cgroup-version", inventory->cgroup_version));
        TRY(json_add_strv(json, "features", inventory->features));
        containers = json_object_new_array();
        TRY(json_add(json, "containers", containers));
        for (size_t i = 0; i < inventory->n_containers; i++)
                TRY(inventory_container_to_json(&inventory->containers[i], containers));
        *ret = TAKE_PTR(json);
        return 0;
}

static int inventory_container_from_json(Json *json, InventoryContainer *ret) {
        Json *array = NULL;
        int r = message_get_id(json, "id", ret->id);

        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        TRY(json_get_u64(json, "start-time", &ret->start_time));
        TRY(json_get_u64(json, "started-at", &ret->started_at));
        TRY(json_get_u32(json, "id-base", &ret->id_base));
        TRY(json_get_string(json, "cgroup", &ret->cgroup));
        TRY(json_get_bool(json, "frozen", &ret->frozen));
        TRY(json_get_array(json, "processes", &array));
        for (size_t i = 0; array && i < json_object_array_length(array); i++) {
                Json *item = json_object_array_get_idx(array, i);
                InventoryProcess process = {};
                InventoryProcess *grown;

                TRY(json_get_u64(item, "process", &process.process));
                TRY(json_get_int(item, "pid", &process.pid));
                TRY(json_get_bool(item, "tty", &process.tty));
                grown = reallocarray(ret->processes, i + 1, sizeof(process));
                if (!grown)
                        return -ENOMEM;
                grown[i] = process;
                ret->processes = grown;
                ret->n_processes = i + 1;
        }
        return 0;
}

static int inventory_from_json(Json *json, Inventory **ret) {
        _cleanup_(inventory_freep) Inventory *inventory = calloc(1, sizeof(Inventory));
        Json *array = NULL;
        size_t n;

        if (!inventory)
                return -ENOMEM;
        TRY(json_get_string(json, "version", &inventory->version));
        TRY(json_get_u32(json, "cgroup-version", &inventory->cgroup_version));
        TRY(json_get_strv(json, "features", &inventory->features));
        TRY(json_get_array(json, "containers", &array));
        n = array ? json_object_array_length(array) : 0;
        inventory->containers = calloc(n + 1, sizeof(InventoryContainer));
        if (!inventory->containers)
                return -ENOMEM;
        inventory->n_containers = n;
        for (size_t i = 0; i < n; i++)
                TRY(inventory_container_from_json(json_object_array_get_idx(array, i),
                                                  &inventory->containers[i]));
        *ret = TAKE_PTR(inventory);
        return 0;
}

int reply_encode(const Reply *reply, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object(), *part = NULL;

        if (!json)
                return -ENOMEM;
        TRY(json_add_u64(json, "reply", reply->serial));
        if (reply->error.number) {
                TRY(error_to_json(&reply->error, &part));
                TRY(json_add(json, "error", TAKE_PTR(part)));
                *ret = TAKE_PTR(json);
                return 0;
        }
        if (reply->pid)
                TRY(json_add_int(json, "pid", reply->pid));
        if (reply->start_time)
                TRY(json_add_u64(json, "start-time", reply->start_time));
        if (reply->started_at)
                TRY(json_add_u64(json, "started-at", reply->started_at));
        TRY(json_add_string(json, "cgroup", reply->cgroup));
        TRY(json_add_strv(json, "streams", reply->streams));
        TRY(stats_to_json(&reply->stats, &part));
        TRY(json_add(json, "stats", TAKE_PTR(part)));
        if (reply->n_pids > 0) {
                Json *array = json_object_new_array();

                TRY(json_add(json, "pids", array));
                for (size_t i = 0; i < reply->n_pids; i++) {
                        Json *pid = json_object_new_uint64(reply->pids[i]);

                        if (!pid)
                                return -ENOMEM;
                        if (json_object_array_add(array, pid) < 0) {
                                json_object_put(pid);
                                return -ENOMEM;
                        }
                }
        }
        if (reply->inventory) {
                TRY(inventory_to_json(reply->inventory, &part));
                TRY(json_add(json, "inventory", TAKE_PTR(part)));
        }
        *ret = TAKE_PTR(json);
        return 0;
}

static int pids_from_json(Json *json, Reply *ret) {
        Json *array;
        size_t n;
        int r = json_get_array(json, "pids", &array);

        if (r <= 0)
                return r;
        n = json_object_array_length(array);
        ret->pids = calloc(n + 1, sizeof(uint32_t));
        if (!ret->pids)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                ret->pids[i] =
                        (uint32_t)json_object_get_uint64(json_object_array_get_idx(array, i));
        ret->n_pids = n;
        return 0;
}

int reply_decode(Json *json, Reply *ret) {
        Json *part;
        int r;

        *ret = (Reply){};
        r = json_get_u64(json, "reply", &ret->serial);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        r = json_get_object(json, "error", &part);
        if (r != 0)
                return r < 0 ? r : error_from_json(part, &ret->error);
        TRY(json_get_int(json, "pid", &ret->pid));
        TRY(json_get_u64(json, "start-time", &ret->start_time));
        TRY(json_get_u64(json, "started-at", &ret->started_at));
        TRY(json_get_string(json, "cgroup", &ret->cgroup));
        TRY(json_get_strv(json, "streams", &ret->streams));
        r = json_get_object(json, "stats", &part);
        if (r > 0)
                r = stats_from_json(part, &ret->stats);
        if (r < 0)
                return r;
        TRY(pids_from_json(json, ret));
        r = json_get_object(json, "inventory", &part);
        if (r > 0)
                r = inventory_from_json(part, &ret->inventory);
        return r < 0 ? r : 0;
}

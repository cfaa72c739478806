/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GetStats, GetProcesses, GetConfig. */

#include "daemon/authorize.h"
#include "daemon/bus-util.h"
#include "daemon/container-methods.h"
#include "daemon/errors.h"
#include "daemon/process-list.h"
#include "daemon/supervisor-client.h"
#include "shared/log.h"
#include "shared/process.h"

static int reply_stats(sd_bus_message *message, const Stats *stats) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        TRY(sd_bus_message_new_method_return(message, &reply));
        TRY(sd_bus_message_open_container(reply, 'a', "{sv}"));
        TRY(append_entry(reply, "time", "t", now_realtime()));
        TRY(append_entry(reply, "memory", "t", stats->memory));
        TRY(append_entry(reply, "memory-limit", "t", stats->memory_limit));
        TRY(append_entry(reply, "cpu-usage", "t", stats->cpu_ns));
        TRY(append_entry(reply, "pids", "t", stats->pids));
        TRY(append_entry(reply, "pids-limit", "t", stats->pids_limit));
        TRY(append_entry(reply, "io-read", "t", stats->read_bytes));
        TRY(append_entry(reply, "io-write", "t", stats->written_bytes));
        if (stats->has_pressure) {
                TRY(append_entry(reply, "cpu-pressure", "t", stats->cpu_pressure));
                TRY(append_entry(reply, "memory-pressure", "t", stats->memory_pressure));
                TRY(append_entry(reply, "io-pressure", "t", stats->io_pressure));
        }
        TRY(sd_bus_message_close_container(reply));
        return sd_bus_send(NULL, reply, NULL);
}

static void on_stats(Reply *reply, int *fds, size_t n_fds, void *userdata) {
        _cleanup_(call_freep) Call *call = userdata;
        int r;

        if (reply->error.number != 0) {
                reply_failure(call->message, &reply->error);
                return;
        }
        r = reply_stats(call->message, &reply->stats);
        reply_check(call->message, r);
}

static int ask(Container *c, sd_bus_message *message, RequestType type, SupervisorCallback callback,
               sd_bus_error *error) {
        _cleanup_(call_freep) Call *call = NULL;
        Error e = ERROR_INIT;

        TRY(container_check_up(c, true, error));
        call = call_new(c, message);
        if (!call)
                return bus_failure(error, ENOMEM, "call");
        if (supervisor_call_simple(c->manager->supervisor, type, c->record->spec->id, callback,
                                   call, &e) < 0)
                return error_to_bus(&e, error);
        call = NULL;
        return 1;
}

int container_method_get_stats(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        TRY(options_read_none(message, error));
        return ask(userdata, message, REQUEST_STATS, on_stats, error);
}

/* Descriptions of processes being read in a thread. */
typedef struct Listing {
        Call *call;
        uint32_t *pids;
        size_t n;
        uint32_t id_base;
        ProcessInfo *infos;
} Listing;

static Listing *listing_free(Listing *listing) {
        if (!listing)
                return NULL;
        for (size_t i = 0; listing->infos && i < listing->n; i++)
                free(listing->infos[i].command);
        free(listing->infos);
        free(listing->pids);
        call_free(listing->call);
        free(listing);
        return NULL;
}
DEFINE_CLEANUP(Listing *, listing_free)

static void read_in_thread(void *argument) {
        Listing *listing = argument;

        for (size_t i = 0; i < listing->n; i++)
                if (process_info_read((pid_t)listing->pids[i], listing->id_base,
                                      &listing->infos[i]) < 0)
                        listing->infos[i].pid = 0; /* it has ended */
}

static int append_process(sd_bus_message *reply, const ProcessInfo *info) {
        TRY(sd_bus_message_open_container(reply, 'a', "{sv}"));
        TRY(append_entry(reply, "pid", "u", (uint32_t)info->pid));
        TRY(append_entry(reply, "ppid", "u", (uint32_t)info->parent));
        TRY(append_entry(reply, "uid", "u", info->uid));
        TRY(append_entry(reply, "start-time", "t", info->start_time));
        TRY(append_entry(reply, "cpu-time", "t", info->cpu_time));
        TRY(append_entry(reply, "memory", "t", info->memory));
        TRY(append_entry(reply, "command", "s", info->command));
        return sd_bus_message_close_container(reply);
}

static int reply_processes(const Listing *listing) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        TRY(sd_bus_message_new_method_return(listing->call->message, &reply));
        TRY(sd_bus_message_open_container(reply, 'a', "a{sv}"));
        for (size_t i = 0; i < listing->n; i++)
                if (listing->infos[i].pid != 0)
                        TRY(append_process(reply, &listing->infos[i]));
        TRY(sd_bus_message_close_container(reply));
        return sd_bus_send(NULL, reply, NULL);
}

static void on_listed(void *argument) {
        _cleanup_(listing_freep) Listing *listing = argument;
        int r = reply_processes(listing);

        reply_check(listing->call->message, r);
}

static void on_pids(Reply *reply, int *fds, size_t n_fds, void *userdata) {
        _cleanup_(listing_freep) Listing *listing = NULL;
        _cleanup_(call_freep) Call *call = userdata;
        Container *c = call->container;
        int r;

        if (reply->error.number != 0) {
                reply_failure(call->message, &reply->error);
                return;
        }
        listing = calloc(1, sizeof(*listing));
        if (listing)
                listing->infos = calloc(reply->n_pids + 1, sizeof(ProcessInfo));
        if (!listing || !listing->infos) {
                reply_error(call->message, ERROR_LIMITS_EXCEEDED, "Not enough memory");
                return;
        }
        listing->n = reply->n_pids;
        listing->pids = TAKE_PTR(reply->pids);
        listing->id_base = c->record->spec->id_base;
        listing->call = TAKE_PTR(call);
        r = offload_run(c->manager->offload, c->record->owner, read_in_thread, on_listed, listing);
        if (r < 0) {
                reply_error(listing->call->message, ERROR_LIMITS_EXCEEDED,
                            "Too many calls read about processes");
                return;
        }
        listing = NULL;
}

int container_method_get_processes(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Container *c = userdata;
        int r;

        TRY(options_read_none(message, error));
        r = container_authorize(c, message, true, ACTION_INSPECT, "processes", error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return ask(c, message, REQUEST_PROCESSES, on_pids, error);
}

int container_method_get_config(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_json_ Json *json = NULL;
        Container *c = userdata;
        int r;

        TRY(options_read_none(message, error));
        r = container_authorize(c, message, true, ACTION_INSPECT, "config", error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (container_record_to_json(c->record, &json) < 0 || health_describe(c, json) < 0)
                return bus_failure(error, ENOMEM, "container");
        return sd_bus_reply_method_return(
                message, "s",
                json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY |
                                                             JSON_C_TO_STRING_SPACED |
                                                             JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The daemon's whole state: one object that everything else hangs on. */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "daemon/config.h"
#include "daemon/offload.h"
#include "daemon/ranges.h"
#include "protocol/message.h"
#include "shared/map.h"
#include "store/contents.h"

#define BUS_NAME "org.mydocker.Manager"
#define PATH_ROOT "/org/mydocker"
#define PATH_MANAGER PATH_ROOT "/Manager"
#define PATH_CONTAINERS PATH_ROOT "/containers"
#define PATH_IMAGES PATH_ROOT "/images"
#define PATH_JOBS PATH_ROOT "/jobs"

typedef struct Caller Caller;
typedef struct Check Check;
typedef struct Container Container;
typedef struct DiskUsage DiskUsage;
typedef struct Exec Exec;
typedef struct Image Image;
typedef struct Job Job;
typedef struct Layer Layer;
typedef struct Permissions Permissions;
typedef struct Supervisor Supervisor;
typedef struct Trash Trash;
typedef struct Waiter Waiter;
typedef struct Worker Worker;

typedef struct Manager {
        Config config;
        sd_event *event;
        sd_bus *bus;
        Store *store;
        Offload *offload;
        Supervisor *supervisor;
        Ranges ranges;

        /* What the supervisor said of the machine. */
        char **features;
        uint32_t cgroup_version;
        char *supervisor_version;

        Container *container_list; /* newest first */
        Map containers;            /* by id */
        Map container_names;
        unsigned n_announced, n_running;

        Image *image_list; /* newest first */
        Map images;        /* by id */
        Map layers;        /* by id */

        Job *jobs;
        uint64_t last_job, last_process;

        Caller *callers; /* known connections, the last used first */
        unsigned n_callers;
        Check *checks; /* calls that wait for polkit or have its verdict */
        Permissions *permissions;
        Exec *execs;     /* processes that are being begun */
        Waiter *waiters; /* calls that wait for something of a container or process */
        Worker *workers;

        sd_event_source *counts_source; /* announces the three counts */
        unsigned announced_counts[3];   /* containers, running, images */
        sd_event_source *trash_source;  /* empties the trash */
        Worker *trash_worker;
        uint64_t trash_delay;        /* after failures, until it is tried again (µs) */
        Worker *size_worker;         /* counts a layer's bytes */
        sd_event_source *disk_timer; /* when users' containers are counted again (disk.c) */
        Worker *disk_worker;         /* counts one */
        bool disk_counted;           /* once since the start */
        DiskUsage *disk_usage;       /* being counted */
        bool exported;               /* the objects are on the bus */
        bool ending;                 /* everything is freed, nothing is removed from the store */
} Manager;

Manager *manager_free(Manager *manager);
DEFINE_CLEANUP(Manager *, manager_free)

/* Opens the store and the bus and connects with the supervisor, whose inventory leads to manager_begin().
 * Return: 0 or a negative errno. */
int manager_new(Config *config, Manager **ret, Error *e);

/* Makes the records agree with what the supervisor says that runs, and, the first time, puts all objects
 * on the bus and asks for the name. */
void manager_reconcile(Manager *m, Inventory *inventory);

/* An event of the supervisor. */
void manager_on_event(Manager *m, const Event *event);

/* One of the three counts may have changed; announced once for each turn of the event loop. */
void manager_counts_changed(Manager *m);

/* Puts the manager's own object on the bus, and the object manager (manager-dbus.c). Return: 0 or a
 * negative errno. */
int manager_export(Manager *m);

/* Has what is discarded moved to the trash, and it emptied, soon; a worker does it, while the daemon goes on (trash.c). */
void manager_empty_trash(Manager *m);

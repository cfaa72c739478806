/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A container: its record, what state it is in, and what is being done with it. */

#include "daemon/health.h"
#include "daemon/manager.h"
#include "daemon/restart.h"
#include "daemon/worker-client.h"
#include "shared/list.h"

typedef enum ContainerState {
        CONTAINER_CREATED,
        CONTAINER_RUNNING,
        CONTAINER_PAUSED,
        CONTAINER_STOPPING,
        CONTAINER_EXITED,
        CONTAINER_RESTARTING, /* has ended and will be started again soon */
        CONTAINER_REMOVING,
        CONTAINER_DEAD, /* could not be removed */
        _CONTAINER_STATE_MAX,
} ContainerState;

const char *container_state_to_string(ContainerState state);

struct Call;

/* A call that goes on when the container's main process has ended. */
typedef struct ExitHook {
        LIST_LINKS(struct ExitHook) links;
        uid_t uid; /* whose call waits */
        void (*callback)(Container *c, struct Call *call);
        struct Call *call;
} ExitHook;

/* A worker that follows the log. */
typedef struct LogFollower {
        LIST_LINKS(struct LogFollower) links;
        Container *container;
        Worker *worker;
} LogFollower;

struct Container {
        LIST_LINKS(Container) links;
        Manager *manager;
        unsigned n_ref;
        char *path; /* on the bus */
        ContainerRecord *record;
        ContainerState state;
        bool announced; /* its object is on the bus */
        bool forgotten; /* removed; only somebody's reference keeps it */

        /* One thing at a time is done with a container that changes what it is: start, freeze, commit,
         * remove. Calls that would interfere are put aside until then. */
        bool busy;
        bool starting;
        sd_bus_message **parked;
        size_t n_parked;

        pid_t pid;    /* 0: it does not run */
        char *cgroup; /* as long as it runs */
        bool frozen;  /* in fact, be it paused or being committed */

        /* Its upper directory's bytes, as far as they count for its user (disk.c). */
        uint64_t upper_size;
        bool upper_grew;  /* when it was counted last */
        bool upper_due;   /* to be counted in this round */
        bool upper_final; /* was counted since the container ended */

        /* For the first start: descriptors of the caller's, given to the process and mounted. */
        int streams[3];
        int *volume_fds;
        /* Clients that are attached from the start: of the terminal (sockets), or else of standard output
         * and standard error (pipes). */
        int attached[2][8];
        size_t n_attached[2];

        ExitHook *exit_hooks;
        LogFollower *followers;
        struct Copy *copies; /* archives being unpacked in it */
        sd_event_source *stop_timer;
        Restart restart;
        Health health;
        struct Process *processes;
};

/* Makes the object of a record, which it takes over. Not yet on the bus.
 * Return: 0, -EEXIST when the name is used, or another negative errno. */
int container_add(Manager *m, ContainerRecord *record, Container **ret);
Container *container_ref(Container *c);
Container *container_unref(Container *c);
DEFINE_CLEANUP(Container *, container_unref)

/* Puts it on the bus. */
void container_announce(Container *c);

/* Takes it off the bus and out of the tables, and drops the tables' reference. */
void container_forget(Container *c);

/* By name, id, or a unique beginning of an id. Return: 0, or a negative errno with `error` set. */
int container_find(Manager *m, const char *id_or_name, Container **ret, sd_bus_error *error);
Container *container_by_id(Manager *m, const char *id);

/* Whether it has processes. */
bool container_is_up(const Container *c);

/* Announces changed properties; the names end with NULL. */
void container_changed(Container *c, const char *property, ...) __attribute__((sentinel));

/* Writes the record; a failure is logged. Return: 0 or a negative errno. */
int container_save(Container *c);
/* The same, and answers the call. */
void container_save_and_reply(Container *c, sd_bus_message *message);

/* Whether the call may go on. Otherwise it is dispatched again later.
 * Return: 1, 0 when it was put aside, or a negative errno with `error` set. */
int container_wait_turn(Container *c, sd_bus_message *message, sd_bus_error *error);
void container_busy_begin(Container *c);
void container_busy_end(Container *c);

/* Does what is due when it is not busy: removes it if it shall be removed after its end and all in it has
 * ended, or starts it again. */
void container_settle(Container *c);

/* Closes the descriptors that were given for the first start. */
void container_drop_given(Container *c);

/* Lets a client, who reads at the other end of `fd`, have a copy of what is written to standard output
 * (or the terminal, which it can also write to) or standard error, from the start on. Takes `fd`, also on
 * failure. Return: 0 or -EUSERS. */
int container_attach_at_start(Container *c, int stream, int fd);

/* Calls `callback`, which takes over the user's call, when the main process has ended. If the container goes
 * away without that, the call is refused. Return: 0 or -ENOMEM. */
int container_on_exit(Container *c, uid_t uid, void (*callback)(Container *c, struct Call *call),
                      struct Call *call);

/* The main process was found to run: since this moment, or when the daemon starts. */
typedef struct ContainerRun {
        pid_t pid;
        const char *cgroup;
        uint64_t started_at;
        bool frozen;
} ContainerRun;
int container_running(Container *c, const ContainerRun *run);

/* The main process has ended. */
void container_exited(Container *c, const Event *event);

/* Writes how it ended into its record, after which the supervisor's record of it goes. A failure is logged; the supervisor's
 * then stays. */
void container_note_exit(Container *c);

/* Details for polkit; `user` is who acts in it, NULL its own one. A record alone may be that of a container
 * that does not exist yet: its id says nothing. Return: 0 or a negative errno; *ret is to be freed. */
int container_record_details(const ContainerRecord *record, const char *verb, const char *user,
                             char ***ret);
int container_details(const Container *c, const char *verb, const char *user, char ***ret);

/* Authorizes the call: for the owner at once, unless `owner_may` is false.
 * Return: as authorize(). */
int container_authorize(Container *c, sd_bus_message *message, bool owner_may, const char *action,
                        const char *verb, sd_bus_error *error);

/* Starts it (container-start.c): not busy, not up. `callback` gets NULL or what failed, after the
 * container's state and properties say so; it may be called at once. */
void container_start(Container *c,
                     void (*callback)(Container *c, const Error *error, void *userdata),
                     void *userdata);

/* Opens the volumes' sources, in the caller's order. `callback` gets them, or what failed, and they are
 * closed after it; it may be called at once. `make`: sources that are missing are made. */
void container_open_volumes(Container *c, bool make,
                            void (*callback)(Container *c, const int *fds, const Error *error,
                                             void *userdata),
                            void *userdata);

/* Ends it (container-stop.c): `signal` now, SIGKILL after `timeout` seconds. It is up.
 * Return: 0 or a negative errno; its end is heard of by container_on_exit(). */
int container_stop(Container *c, int signal, unsigned timeout, Error *e);
/* Whether SIGKILL has been sent to it, or could not be, while it is up. */
bool container_is_killed(const Container *c);
/* For one that runs in spite of SIGKILL: it went to a supervisor that has died since. */
void container_stop_again(Container *c);

/* Whether it is shown at containers/ID/merged (container-view.c). */
bool container_is_mounted(const Container *c);
/* Has that ended; what the supervisor is asked for next comes after it. Return: 0 or a negative errno. */
int container_end_mount(Container *c, Error *e);

/* Removes it (container-stop.c); it is not up and not busy. `callback` gets NULL or what failed. */
void container_remove(Container *c, void (*callback)(const Error *error, void *userdata),
                      void *userdata);

/* Ends what unpacks archives in it (container-copy-dbus.c): the tree is to be left alone. */
void container_cancel_copies(Container *c);

/* Puts the objects on the bus (container-dbus.c). Return: 0 or a negative errno. */
int containers_export(Manager *m);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A process that was begun in a running container by Exec or ExecCollect. */

#include "daemon/container.h"

/* In the number of one that is a health check, of which nobody is told. */
#define PROCESS_CHECK (1ULL << 62)

typedef struct Process {
        LIST_LINKS(struct Process) links;
        Container *container;
        uint64_t number;
        char *path; /* on the bus */
        char **command;
        uid_t owner;
        char *creator; /* bus name of who hears of its end; NULL: nobody */
        bool announced;
        bool tty;
        pid_t pid; /* 0: it has ended */
        int status;
        /* Called once at its end, for a process that is not on the bus; it is then freed. */
        void (*on_exit)(struct Process *p, void *userdata);
        void *userdata;
        sd_event_source *timer;
} Process;

/* A new one of the container, not on the bus yet. `number` 0: the next free one. Return: NULL when out of
 * memory. */
Process *process_new(Container *c, uint64_t number);

/* Takes it off the bus. */
void process_free(Process *p);

Process *process_by_number(Container *c, uint64_t number);

void process_announce(Process *p);

/* It has ended: tells who has to know; its object stays a little longer. */
void process_exited(Process *p, int status);

/* Puts the objects on the bus (process-dbus.c). Return: 0 or a negative errno. */
int processes_export(Manager *m);

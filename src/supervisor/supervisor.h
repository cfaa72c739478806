/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The objects of the supervisor: itself, containers, and their processes. */

#include "protocol/message.h"
#include "runtime/cgroup.h"
#include "runtime/runtime.h"
#include "runtime/start.h"
#include "shared/map.h"
#include "supervisor/event.h"
#include "supervisor/logfile.h"
#include "supervisor/output.h"
#include "supervisor/reaper.h"
#include "supervisor/server.h"

typedef struct Container Container;
typedef struct Process Process;

/* Absolute paths. */
typedef struct SupervisorOptions {
        char *program; /* what takes our place at an upgrade */
        char *state_dir, *runtime_dir;
        char *cgroup_parent;
} SupervisorOptions;

typedef struct Supervisor {
        SupervisorOptions options;
        EventLoop *loop;
        Runtime *runtime;
        CgroupTree *cgroups;
        Reaper *reaper;
        Server *server;
        int state_dir;    /* STATE-DIR */
        int runtime_dir;  /* RUNTIME-DIR */
        int records;      /* RUNTIME-DIR/state */
        int exit_records; /* RUNTIME-DIR/exits */
        char boot_id[37];
        Map containers; /* id → Container */
        Container *list;

        /* An upgrade: that is waited for, the state that another program has left for us. */
        EventTimer upgrade;
        unsigned upgrade_waited;
        State *state;
        struct FdStore *kept; /* what a service manager has kept for us */
        bool incomplete;      /* not everything of it was taken over */
        EventTimer strangers;
} Supervisor;

/* A process that this supervisor has made, or the main process of an adopted container. */
struct Process {
        Container *container;
        uint64_t number; /* 0: the main process */
        pid_t pid;
        int pidfd;
        bool tty;
        int terminal; /* the slave, held open so that the master isn't hung up in between */
        int root;     /* of the main process: the hold on its root file system, or -EBADF */
        EventSource exit_source;
        /* What the supervisor reads: stdout and stderr, or the terminal first. */
        Output *outputs[2];

        /* While it is made. */
        Call *call;
        Launch launch;
        EventSource channel;

        /* When it has ended. One that was exec'ed may have left others behind that still use its
         * outputs. */
        bool ended, told;
        Event end;
        LIST_LINKS(Process) processes;
};

struct Container {
        Supervisor *supervisor;
        char id[ID_LENGTH + 1];
        Cgroup *cgroup;
        LogFile *log;
        Process *main;      /* NULL until its group can be made */
        Process *processes; /* all, the main one too */
        uint64_t start_time;
        uint64_t started_at;
        uint32_t id_base;
        bool running; /* the main process has executed its command */
        int input; /* the write end of the main process's stdin, for whoever attaches, or -EBADF */
        bool input_once; /* it is the first one's alone */
        bool killed;     /* the main process is about to end */

        /* Of a start that has to wait for the last run's control group to go. */
        Call *call;
        /* That wait, or at the end the one for the exit status or the outputs. */
        EventTimer timer;
        unsigned waited;

        bool frozen;
        Call *freeze_call; /* waits for all processes to be frozen */
        EventTimer freeze_timer;
        unsigned freeze_waited;

        EventSource oom_source;
        EventTimer oom_timer;
        unsigned oom_looks; /* after the last notice */
        uint64_t oom_kills;
        LIST_LINKS(Container) containers;
};

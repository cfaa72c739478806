/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The inside of Runtime, for the files of this folder only. */

#include "runtime/runtime.h"

struct Runtime {
        char *state_path;
        int state;          /* the state directory as seen in the private mount namespace */
        int host_namespace; /* mount namespace of the host */
        int own_namespace;  /* the private one, in which the supervisor lives */
        int own_pids;       /* the supervisor's pid namespace */
        int proc;
        int init;          /* the program of a container's own init */
        int closer;        /* the channel of mount_release() */
        bool oom_adjusted; /* the supervisor's own OOM score is not 0 and would be inherited */
        Features features;
};

/* Runs the following calls of this process in another mount namespace (for what belongs to it: open_tree(2) and
 * move_mount(2) refuse mounts of others). Working directory and root become that namespace's root.
 * Return: 0 or a negative errno, then nothing has changed. */
int runtime_enter_mounts(Runtime *runtime, int namespace);

/* Back into the private one. Doesn't return when that fails: a supervisor in the wrong mount namespace must not
 * go on. */
void runtime_leave_mounts(Runtime *runtime);

/* The same for the pid namespace of processes that are made next. */
int runtime_enter_pids(Runtime *runtime, int pidfd);
void runtime_leave_pids(Runtime *runtime);

/* Opens the directory containers/ID (O_DIRECTORY|O_RDONLY). Return: a descriptor or a negative errno. */
int runtime_open_container(const Runtime *runtime, const char *id);

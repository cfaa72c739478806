/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The new process's side of start.c and exec.c, from clone3(2) to execve(2). */

#include "runtime/context.h"
#include "runtime/start.h"
#include "runtime/stream.h"

/* What the process has of the supervisor. Everything else that it inherited is closed first. */
typedef struct Child {
        int channel;
        Streams streams;
        Cgroup *cgroup; /* NULL: the process has been made in it */
        int init;       /* the program of the init that it becomes, or -EBADF */
} Child;

/* Becomes the main process of a new container. */
_Noreturn void start_child(const Child *child, const ContainerSpec *spec, bool unified_cgroup);

/* Becomes a process in the running container of `main_pidfd`, in whose pid namespace it has been made. */
_Noreturn void exec_child(const Child *child, const ProcessSpec *process, int main_pidfd,
                          bool own_userns);

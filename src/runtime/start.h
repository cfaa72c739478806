/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Starting a process in a new container, and in one that runs. Both in two steps, so that the caller's event loop
 * never waits for the new process:
 *
 *   container_start_begin() or container_exec_begin() makes the process and gives it what it needs;
 *   whenever launch.channel is readable, launch_continue() says how far it came: the command was executed,
 *   not yet, or what failed.
 *
 * The caller gives up with launch_abort() at any time before that, and when any of these failed. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/spec.h"
#include "runtime/cgroup.h"
#include "runtime/runtime.h"
#include "shared/error.h"

typedef struct Launch {
        pid_t pid; /* a direct child of the caller, which reaps it; 0 when there is none */
        int pidfd;
        int channel; /* to be watched for EPOLLIN until launch_continue() returned something else than 0 */
        int streams
                [3]; /* our ends of STREAM_PIPE and STREAM_LOG: written for stdin, read for the others; else
                         * -EBADF. CLOEXEC, blocking. */
        int root; /* a main process's: a hold on its root file system, to be given to mount_release() */
        int terminal_master; /* both only with a tty, and only from the moment launch_continue() returns 1 */
        int terminal_slave;
        bool in_running; /* in a container that runs: its end in between is one like any other */
        bool prepared;   /* the process has got as far as executing its command */
} Launch;

#define LAUNCH_INIT                                                                                \
        ((Launch){.pidfd = -EBADF,                                                                 \
                  .channel = -EBADF,                                                               \
                  .streams = {-EBADF, -EBADF, -EBADF},                                             \
                  .root = -EBADF,                                                                  \
                  .terminal_master = -EBADF,                                                       \
                  .terminal_slave = -EBADF})

/* Starts `spec`'s main process in new namespaces and in `cgroup` (made, with its limits set, by the caller, who
 * also removes it on failure). `volumes` has one O_PATH descriptor for each volume of the spec, opened in the
 * host's mount namespace, then one for each device; `given` one for each STREAM_GIVEN, in order. Both stay the caller's.
 * Error stages: "overlay", "volume", "device", "namespace", "cgroup", "mount", "workdir", "user", "terminal", "streams", "limits",
 * "signals", "capabilities", "seccomp", "exec".
 * Return: 0 or a negative errno, then *ret is only to be given to launch_abort(). */
int container_start_begin(Runtime *runtime, const ContainerSpec *spec, Cgroup *cgroup,
                          const int *volumes, const int *given, Launch *ret, Error *e);

/* Starts a process in the running container whose main process is `main_pidfd`, id_base that of its
 * ContainerSpec (0: it shares the host's user namespace). The caller has checked that the container is not frozen.
 * Otherwise as container_start_begin(). */
int container_exec_begin(Runtime *runtime, int main_pidfd, uint32_t id_base, Cgroup *cgroup,
                         const ProcessSpec *process, const int *given, Launch *ret, Error *e);

/* Reads what the new process reports; never blocks.
 * Return: 1 when the command was executed or, unless launch.prepared, the process was killed before in a container that
 * runs (what `launch` holds is the caller's from now on: pidfd, streams, root and
 * terminal; the channel is closed), 0 when there is nothing final yet, or a negative errno with the failed step in *e,
 * after which `launch` is only to be given to launch_abort(). Stage "exec" with ENOENT: the command was not found; stage
 * "exec" with another errno: it can't be executed. */
int launch_continue(Launch *launch, Error *e);

/* Closes a mount that is attached nowhere, in a process of its own, since whoever does it last waits: for a grace period
 * of the kernel, milliseconds on a busy machine, and with an overlay until the disk has all that anybody wrote to the file
 * system below it. So launch.root is a hold, without which a container's main process would wait for the disk, and
 * its end would be known only then; it is to be released after that end has been told. `mount` may be
 * -EBADF: then the process is only made, if there is none. Return: a pidfd of a process that was made, or -EBADF; it is
 * to be given to child_reap() when it is readable. */
int mount_release(Runtime *runtime, int mount);

/* Kills the process, which has not executed its command yet, and closes everything. May be called again. Return: the
 * process's pidfd, or -EBADF when there is none; it is to be given to child_reap() when it is readable. */
int launch_abort(Runtime *runtime, Launch *launch);

/* Reaps a child that has ended and closes its pidfd. */
void child_reap(int pidfd);

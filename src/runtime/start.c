/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "runtime/channel.h"
#include "runtime/child.h"
#include "runtime/context.h"
#include "runtime/overlay.h"
#include "runtime/rootfs.h"
#include "runtime/start.h"
#include "runtime/stream.h"
#include "runtime/userns.h"
#include "runtime/volume.h"
#include "shared/fault.h"
#include "shared/fd.h"
#include "shared/strutil.h"
#include "shared/syscalls.h"

/* The two sides of the channel and the streams, while the process is made. */
typedef struct Making {
        Child child;
        Launch launch;
} Making;

static int making_init(Making *making, const ProcessSpec *process, const int *given,
                       uint32_t id_base, Cgroup *cgroup, Error *e) {
        int r;

        *making = (Making){
                .child = {.channel = -EBADF, .streams = STREAMS_INIT, .init = -EBADF},
                .launch = LAUNCH_INIT,
        };
        r = channel_open(&making->launch.channel, &making->child.channel);
        if (r < 0)
                return error_set(e, r, "namespace", "making a channel to the new process");
        r = streams_open(process, given, id_base, &making->child.streams, e);
        memcpy(making->launch.streams, making->child.streams.ours, sizeof(making->launch.streams));
        if (cgroup_clone_fd(cgroup) < 0)
                making->child.cgroup = cgroup;
        return r;
}

/* What only the process needs is closed here. */
static void making_release_child(Making *making) {
        streams_close_theirs(&making->child.streams);
        making->child.channel = safe_close(making->child.channel);
}

/* Return: the pid, 0 in the process. */
static pid_t make_process(Making *making, uint64_t flags, const Cgroup *cgroup, Error *e) {
        struct clone3_args args = {
                .flags = flags | CLONE_PIDFD,
                .pidfd = (uintptr_t)&making->launch.pidfd,
                .exit_signal = SIGCHLD,
        };
        pid_t pid;

        if (!making->child.cgroup) {
                args.flags |= CLONE_INTO_CGROUP;
                args.cgroup = cgroup_clone_fd(cgroup);
        }
        pid = FAULT("process.make") < 0 ? -1 : sys_clone3(&args);
        if (pid < 0) {
                /* The kernel may have closed it again, and left the number. */
                making->launch.pidfd = -EBADF;
                return error_set(e, errno, "namespace", "making a process");
        }
        if (pid > 0)
                making->launch.pid = pid;
        return pid;
}

/* The supervisor may be protected from the kernel's OOM killer; no container is. */
static int reset_oom_score(const Runtime *runtime, pid_t pid, Error *e) {
        char path[40];
        int r;

        if (!runtime->oom_adjusted)
                return 0;
        snprintf(path, sizeof(path), "%d/oom_score_adj", (int)pid);
        r = fd_write_attribute_at(runtime->proc, path, "0");
        return r < 0 ? error_set(e, r, "namespace", "resetting the OOM score") : 0;
}

/* Maps the ids of the new process. Return: its user namespace or, when it shares the host's, -EBADF in *ret. */
static int map_ids(const Runtime *runtime, const ContainerSpec *spec, pid_t pid, int *ret,
                   Error *e) {
        const IdMap map = {.outside = spec->id_base, .count = ID_RANGE};
        int r;

        if (spec->host_userns)
                return 0;
        r = userns_write_maps(runtime, pid, map, map);
        if (r >= 0)
                r = *ret = userns_open(runtime, pid);
        return r < 0 ? error_set(e, r, "namespace", "mapping the container's ids") : 0;
}

/* Makes the file systems that the process waits for and sends them. The root file system is also kept. */
static int send_mounts(Runtime *runtime, const ContainerSpec *spec, const int *sources, int userns,
                       Launch *launch, Error *e) {
        const OverlaySpec overlay = {
                .container = spec->id,
                .layers = spec->layers,
                .userns = userns,
                .id_base = spec->id_base,
        };
        size_t n = rootfs_count_mounts(spec);
        _cleanup_free_ int *mounts = malloc(n * sizeof(int));
        int r;

        if (!mounts)
                return error_oom(e);
        TRY(mounts[0] = launch->root = overlay_mount(runtime, &overlay, e));
        TRY(volumes_open(runtime, spec, sources, userns, spec->id_base, mounts + 1, e));
        r = 0;
        if (spec->n_devices > 0) {
                r = mounts[n - 1] =
                        device_nodes_make(spec, sources + spec->n_volumes, spec->id_base, e);
                if (r < 0) {
                        fd_close_many(mounts + 1, n - 1);
                        return r;
                }
        }
        for (size_t i = 0; r >= 0 && i < n; i += FD_PASS_MAX)
                r = channel_send(launch->channel, mounts + i, MIN(n - i, (size_t)FD_PASS_MAX));
        fd_close_many(mounts + 1, n - 1);
        return r < 0 ? error_set(e, r, "namespace", "sending the mounts") : 0;
}

/* The supervisor's part after the process has been made. */
static int supply(Runtime *runtime, const ContainerSpec *spec, const int *volumes, Launch *launch,
                  Error *e) {
        _cleanup_close_ int userns = -EBADF;
        int r;

        TRY(map_ids(runtime, spec, launch->pid, &userns, e));
        TRY(reset_oom_score(runtime, launch->pid, e));
        r = FAULT("process.release") < 0 ? -errno : channel_send(launch->channel, NULL, 0);
        if (r < 0)
                return error_set(e, r, "namespace", "releasing the new process");
        return send_mounts(runtime, spec, volumes, userns, launch, e);
}

static int say_killed(Error *e) {
        return error_set(e, ECHILD, "namespace", "the new process was killed");
}

/* A process that failed before it got everything has said why, which is better than that it is gone. One that has said
 * nothing was killed. */
static int prefer_report(Launch *launch, int r, Error *e) {
        Report report;
        int fds[2];

        while (r == -EPIPE && channel_read_report(launch->channel, &report, fds, 2) > 0) {
                fd_close_many(fds, 2);
                if (report.type == REPORT_FAILED) {
                        *e = report.error;
                        r = -e->number;
                }
        }
        return r == -EPIPE ? say_killed(e) : r;
}

static int check_spec(const Runtime *runtime, const ContainerSpec *spec, Error *e) {
        if (!spec->host_userns && spec->id_base == 0)
                return error_set(e, EINVAL, "namespace", "no ids are reserved for the container");
        if (!spec->host_userns && !runtime->features.idmapped_overlay)
                return error_set(
                        e, EOPNOTSUPP, "overlay",
                        "the state directory's file system can't be mounted with other ids");
        return 0;
}

int container_start_begin(Runtime *runtime, const ContainerSpec *spec, Cgroup *cgroup,
                          const int *volumes, const int *given, Launch *ret, Error *e) {
        uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
                         (spec->host_userns ? 0 : CLONE_NEWUSER) |
                         (spec->host_network ? 0 : CLONE_NEWNET);
        Making making;
        int r;

        *ret = LAUNCH_INIT;
        TRY(check_spec(runtime, spec, e));
        r = making_init(&making, &spec->process, given, spec->host_userns ? 0 : spec->id_base,
                        cgroup, e);
        if (spec->process.init)
                making.child.init = runtime->init;
        if (r >= 0) {
                r = make_process(&making, flags, cgroup, e);
                if (r == 0)
                        start_child(&making.child, spec, cgroup_clone_fd(cgroup) >= 0);
        }
        making_release_child(&making);
        if (r >= 0)
                r = prefer_report(&making.launch, supply(runtime, spec, volumes, &making.launch, e),
                                  e);
        *ret = making.launch;
        return r < 0 ? r : 0;
}

int container_exec_begin(Runtime *runtime, int main_pidfd, uint32_t id_base, Cgroup *cgroup,
                         const ProcessSpec *process, const int *given, Launch *ret, Error *e) {
        Making making;
        int r;

        *ret = LAUNCH_INIT;
        r = making_init(&making, process, given, id_base, cgroup, e);
        if (r >= 0) {
                /* Only a parent can choose the pid namespace of a process. So it is our child at once, without
                 * another process in between. */
                r = runtime_enter_pids(runtime, main_pidfd);
                if (r < 0)
                        error_set(e, r, "namespace", "entering the container's pid namespace");
        }
        if (r >= 0) {
                making.launch.in_running = true;
                r = make_process(&making, 0, cgroup, e);
                if (r == 0)
                        exec_child(&making.child, process, main_pidfd, id_base != 0);
                runtime_leave_pids(runtime);
        }
        making_release_child(&making);
        if (r >= 0)
                r = reset_oom_score(runtime, making.launch.pid, e);
        *ret = making.launch;
        return r < 0 ? r : 0;
}

/* What a report changes. Return: as launch_continue(). */
static int take_report(Launch *launch, const Report *report, int fds[static 2], Error *e) {
        switch (report->type) {
        case REPORT_TERMINAL:
                launch->terminal_master = TAKE_FD(fds[0]);
                launch->terminal_slave = TAKE_FD(fds[1]);
                return 0;
        case REPORT_PREPARED:
                launch->prepared = true;
                return 0;
        default:
                *e = report->error;
                return -e->number;
        }
}

int launch_continue(Launch *launch, Error *e) {
        int r;

        do {
                int fds[2] = {-EBADF, -EBADF};
                Report report;

                r = channel_read_report(launch->channel, &report, fds, 2);
                if (r == -EAGAIN)
                        return 0;
                if (r < 0)
                        error_set(e, r, "namespace", "reading from the new process");
                else if (r > 0)
                        r = take_report(launch, &report, fds, e);
                else if (launch->prepared || launch->in_running)
                        r = 1;
                else
                        r = say_killed(e);
                fd_close_many(fds, 2);
        } while (r == 0);
        launch->channel = safe_close(launch->channel);
        return r;
}

int launch_abort(Runtime *runtime, Launch *launch) {
        int pidfd = TAKE_FD(launch->pidfd);

        /* Its end isn't waited for: frozen, for instance, it comes only when somebody lets the container go on. */
        if (pidfd >= 0)
                (void)sys_pidfd_send_signal(pidfd, SIGKILL);
        safe_close(mount_release(runtime, launch->root));
        safe_close(launch->channel);
        safe_close(launch->terminal_master);
        safe_close(launch->terminal_slave);
        fd_close_many(launch->streams, 3);
        *launch = LAUNCH_INIT;
        return pidfd;
}

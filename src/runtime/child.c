/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <grp.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "runtime/channel.h"
#include "runtime/child.h"
#include "runtime/command.h"
#include "runtime/hosts.h"
#include "runtime/rootfs.h"
#include "shared/fd.h"
#include "shared/strutil.h"
#include "shared/syscalls.h"

static int compare_ints(const void *a, const void *b) {
        int x = *(const int *)a, y = *(const int *)b;

        return (x > y) - (x < y);
}

/* Closes every descriptor but these; negative ones are skipped. */
static int close_all_but(int *keep, size_t n) {
        unsigned from = 0;

        qsort(keep, n, sizeof(int), compare_ints);
        for (size_t i = 0; i < n; i++) {
                if (keep[i] < 0)
                        continue;
                if ((unsigned)keep[i] > from && close_range(from, keep[i] - 1, 0) < 0)
                        return -errno;
                from = keep[i] + 1;
        }
        return close_range(from, ~0U, 0) < 0 ? -errno : 0;
}

/* What comes first in each new process. `other` is one more descriptor to keep, or -EBADF. */
static int enter(const Child *child, int other, Error *e) {
        int keep[] = {child->channel, child->streams.theirs[0], child->streams.theirs[1],
                      child->streams.theirs[2], other};
        int r;

        umask(0022);
        /* Not to be traced or looked into by anything in the container until execve(2), even when that
         * becomes the same user (CVE-2016-9962). */
        if (prctl(PR_SET_DUMPABLE, 0) < 0)
                return error_set(e, errno, "namespace", "making the process non-dumpable");
        /* The keys of the supervisor's session stay with it. Made while this counts for the host's root, since others
         * may have few keys. Some kernels have no keyrings. */
        if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
                return error_set(e, errno, "namespace", "making a session keyring");
        if (child->cgroup)
                TRY(cgroup_join(child->cgroup, 0, e));
        r = close_all_but(keep, ELEMENTSOF(keep));
        if (r < 0)
                return error_set(e, r, "namespace", "closing the supervisor's descriptors");
        return 0;
}

/* Root of the user namespace, whose creation has given all capabilities in it. */
static int become_root(Error *e) {
        if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
                return error_set(e, errno, "namespace", "becoming root of the container");
        /* A change of ids makes a process dumpable again where suid_dumpable says so. */
        if (prctl(PR_SET_DUMPABLE, 0) < 0)
                return error_set(e, errno, "namespace", "making the process non-dumpable");
        return 0;
}

static _Noreturn void fail(const Child *child, const Error *e) {
        /* When it can't be told, the end of the channel without it tells that something failed. */
        (void)channel_report(child->channel, REPORT_FAILED, e, NULL, 0);
        _exit(1);
}

/* The state of a start, handed from step to step. */
typedef struct Setup {
        const Child *child;
        const ContainerSpec *spec;
        bool unified_cgroup;
        Rootfs rootfs;
        HostFiles files;
        int *mounts; /* see rootfs_count_mounts() */
        Command command;
        Terminal terminal;
} Setup;

static int step_enter(Setup *s, Error *e) {
        return enter(s->child, s->child->init, e);
}

/* The host's files are read as the host's root, the container's are not. */
static int step_read_host(Setup *s, Error *e) {
        return host_files_make(&s->files, s->spec, e);
}

static int step_become_root(Setup *s, Error *e) {
        int r = channel_receive(s->child->channel, NULL, 0);

        if (r < 0)
                return error_set(e, r, "namespace", "waiting for the supervisor");
        return become_root(e);
}

/* Only now is the cgroup the container's, which becomes the root of what it sees. */
static int step_namespaces(Setup *s, Error *e) {
        if (unshare(CLONE_NEWCGROUP) < 0)
                return error_set(e, errno, "namespace", "making a cgroup namespace");
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return error_set(e, errno, "namespace", "making the mounts private");
        if (sethostname(s->spec->hostname, strlen(s->spec->hostname)) < 0)
                return error_set(e, errno, "namespace", "setting the host name");
        return 0;
}

static int step_loopback(Setup *s, Error *e) {
        struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
        _cleanup_close_ int fd = -EBADF;

        if (s->spec->host_network)
                return 0;
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
                return error_set(e, errno, "namespace", "bringing the loopback interface up");
        return 0;
}

static int step_prepare(Setup *s, Error *e) {
        return rootfs_prepare(&s->rootfs, s->spec, e);
}

static int step_receive(Setup *s, Error *e) {
        int r;

        s->mounts = calloc(rootfs_count_mounts(s->spec), sizeof(int));
        if (!s->mounts)
                return error_oom(e);
        r = channel_receive(s->child->channel, s->mounts, rootfs_count_mounts(s->spec));
        return r < 0 ? error_set(e, r, "namespace", "waiting for the mounts") : 0;
}

static int step_attach(Setup *s, Error *e) {
        return rootfs_attach(&s->rootfs, s->mounts[0], e);
}

static int step_mask(Setup *s, Error *e) {
        return rootfs_mask(&s->rootfs, e);
}

static int step_cgroup(Setup *s, Error *e) {
        return rootfs_attach_cgroup(&s->rootfs, s->unified_cgroup, e);
}

static int step_files(Setup *s, Error *e) {
        return host_files_attach(&s->files, s->rootfs.fs[FS_STAGING], s->rootfs.root, e);
}

static int step_volumes(Setup *s, Error *e) {
        return rootfs_attach_volumes(&s->rootfs, s->spec, s->mounts + 1, e);
}

static int open_terminal(const Child *child, int devpts, Terminal *ret, Error *e) {
        int r = terminal_open(devpts, ret);

        if (r < 0)
                return error_set(e, r, "terminal", "making a terminal");
        r = channel_report(child->channel, REPORT_TERMINAL, NULL,
                           (const int[]){ret->master, ret->slave}, 2);
        return r < 0 ? error_set(e, r, "terminal", "handing the terminal over") : 0;
}

static int step_terminal(Setup *s, Error *e) {
        if (!s->spec->process.tty)
                return 0;
        TRY(open_terminal(s->child, s->rootfs.fs[FS_PTS], &s->terminal, e));
        return device_attach_console(s->rootfs.fs[FS_DEV], s->rootfs.fs[FS_PTS], &s->terminal, e);
}

/* Before the root file system may become read-only, since it makes the working directory. */
static int step_command(Setup *s, Error *e) {
        TRY(command_prepare(&s->command, &s->spec->process, s->rootfs.root, true, e));
        s->command.init = s->child->init;
        return 0;
}

static int step_pivot(Setup *s, Error *e) {
        return rootfs_pivot(&s->rootfs, s->spec->read_only, e);
}

static int step_execute(Setup *s, Error *e) {
        return command_execute(&s->command, &s->child->streams,
                               s->spec->process.tty ? s->terminal.slave : s->rootfs.null,
                               s->child->channel, e);
}

/* A start, from top to bottom. What needs nothing from the supervisor comes before the wait for it. */
static int (*const steps[])(Setup *s, Error *e) = {
        step_enter,    step_read_host, step_become_root, step_namespaces,
        step_loopback, step_prepare,   step_receive,     step_attach,
        step_mask,     step_cgroup,    step_files,       step_volumes,
        step_terminal, step_command,   step_pivot,       step_execute,
};

void start_child(const Child *child, const ContainerSpec *spec, bool unified_cgroup) {
        Setup setup = {.child = child, .spec = spec, .unified_cgroup = unified_cgroup};
        Error e = ERROR_INIT;

        for (size_t i = 0; i < ELEMENTSOF(steps); i++)
                if (steps[i](&setup, &e) < 0)
                        fail(child, &e);
        _exit(1); /* not reached: the last step executes the command or fails */
}

static int enter_container(const Child *child, int main_pidfd, bool own_userns, Error *e) {
        int flags = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
                    (own_userns ? CLONE_NEWUSER : 0);

        TRY(enter(child, main_pidfd, e));
        /* All at once or none; the pidfd makes sure whose they are. */
        if (setns(main_pidfd, flags) < 0)
                return error_set(e, errno, "namespace", "entering the container");
        return become_root(e);
}

/* The container may have changed everything below its /dev. */
static int open_device(int root, const char *path, int flags, unsigned major_number,
                       unsigned minor_number) {
        _cleanup_close_ int fd = sys_openat2(root, path, flags | O_NONBLOCK | O_NOCTTY, 0,
                                             RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(major_number, minor_number))
                return -ENODEV;
        TRY(fd_set_nonblock(fd, false));
        return TAKE_FD(fd);
}

static int open_fallback(const Child *child, const ProcessSpec *process, int root, Error *e) {
        _cleanup_close_ int devpts = -EBADF;
        Terminal terminal;
        int fd;

        if (!process->tty) {
                fd = open_device(root, "/dev/null", O_RDWR, 1, 3);
                return fd < 0 ? error_set(e, fd, "streams", "opening the container's /dev/null") :
                                fd;
        }
        devpts = sys_openat2(root, "/dev/pts", O_PATH | O_DIRECTORY, 0,
                             RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
        if (devpts < 0)
                return error_set(e, errno, "terminal", "opening the container's /dev/pts");
        TRY(open_terminal(child, devpts, &terminal, e));
        return terminal.slave;
}

static int run_exec(const Child *child, const ProcessSpec *process, int main_pidfd, bool own_userns,
                    Error *e) {
        Command command;
        int root, fallback;

        TRY(enter_container(child, main_pidfd, own_userns, e));
        root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return error_set(e, errno, "namespace", "opening the container's root");
        TRY(command_prepare(&command, process, root, false, e));
        TRY(fallback = open_fallback(child, process, root, e));
        return command_execute(&command, &child->streams, fallback, child->channel, e);
}

void exec_child(const Child *child, const ProcessSpec *process, int main_pidfd, bool own_userns) {
        Error e = ERROR_INIT;

        run_exec(child, process, main_pidfd, own_userns, &e);
        fail(child, &e);
}

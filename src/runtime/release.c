/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The process in which mounts are closed that nobody uses any more. There is one for all, since making one for each
 * takes the supervisor longer than any other step at a container's end. */

#include <sys/wait.h>

#include "runtime/channel.h"
#include "runtime/context.h"
#include "runtime/start.h"
#include "shared/fd.h"
#include "shared/syscalls.h"

/* Until the supervisor is gone, and what it has sent is closed. */
static _Noreturn void close_mounts(int channel) {
        int fd;

        /* Nothing else: the supervisor's descriptors must not stay open here. */
        if (dup2(channel, 0) < 0 || close_range(1, ~0U, 0) < 0)
                _exit(1);
        while (channel_receive(0, &fd, 1) >= 0)
                safe_close(fd);
        _exit(0);
}

/* In place of one that is gone or behind, which ends when it has closed what it was sent. Return: its pidfd or a
 * negative errno. */
static int make_process(Runtime *runtime) {
        _cleanup_close_ int ours = -EBADF, theirs = -EBADF;
        int pidfd = -EBADF;
        /* Without an exit signal: what ends then is no child that anybody else waits for. */
        struct clone3_args args = {.flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd};
        pid_t pid;

        while (waitpid(-1, NULL, __WCLONE | WNOHANG) > 0)
                ; /* earlier ones that nobody watches */
        TRY(channel_open(&ours, &theirs));
        pid = sys_clone3(&args);
        if (pid < 0)
                return -errno;
        if (pid == 0)
                close_mounts(theirs);
        safe_close(runtime->closer);
        runtime->closer = TAKE_FD(ours);
        return pidfd;
}

int mount_release(Runtime *runtime, int mount) {
        int pidfd = -EBADF, r = -ENOTCONN;

        if (runtime->closer >= 0)
                r = mount < 0 ? 0 : channel_send(runtime->closer, &mount, 1);
        if (r < 0) {
                pidfd = make_process(runtime);
                if (pidfd >= 0 && mount >= 0)
                        (void)channel_send(runtime->closer, &mount, 1);
        }
        safe_close(mount); /* if it couldn't be sent, late, but done */
        return MAX(pidfd, -EBADF);
}

void child_reap(int pidfd) {
        siginfo_t info;

        (void)waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | __WALL);
        safe_close(pidfd);
}

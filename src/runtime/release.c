/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/wait.h>

#include "runtime/start.h"
#include "shared/fd.h"
#include "shared/syscalls.h"

/* Keeps `root` until the supervisor has closed it, and goes. */
static _Noreturn void hold_last(int root, const int pipe_fds[static 2]) {
        int keep = dup(root), wait_for = dup(pipe_fds[0]);
        char byte;

        /* Nothing else: the supervisor's descriptors must not stay open for as long as the disk takes. */
        if (keep < 0 || wait_for < 0 || dup2(keep, 0) < 0 || dup2(wait_for, 1) < 0 ||
            close_range(2, ~0U, 0) < 0)
                _exit(1);
        while (read(1, &byte, 1) < 0 && errno == EINTR)
                ;
        _exit(0);
}

int root_release(int root) {
        int pipe_fds[2], pidfd = -EBADF;
        /* Without an exit signal: what ends then is no child that anybody else waits for. */
        struct clone3_args args = {.flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd};

        if (root < 0)
                return -EBADF;
        while (waitpid(-1, NULL, __WCLONE | WNOHANG) > 0)
                ; /* earlier ones that nobody watches */
        if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
                safe_close(root); /* late, but done */
                return -EBADF;
        }
        if (sys_clone3(&args) == 0)
                hold_last(root, pipe_fds);
        safe_close(root);
        fd_close_many(pipe_fds, 2);
        return pidfd;
}

void child_reap(int pidfd) {
        siginfo_t info;

        (void)waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | __WALL);
        safe_close(pidfd);
}

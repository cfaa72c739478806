/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/error.h"
#include "shared/fd.h"

/* In the child: takes its descriptors and signals. Return: only a failure. */
static int become(char *const *argv, const ChildFd *fds, const sigset_t *blocked, pid_t parent) {
        /* Also of what cannot be caught: nobody is left to read what it writes. */
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
                return -errno;
        if (getppid() != parent)
                return -ESRCH;
        signal(SIGPIPE, SIG_DFL);
        if (sigprocmask(SIG_SETMASK, blocked, NULL) < 0)
                return -errno;
        for (; fds->fd >= 0; fds++)
                if (fds->fd == fds->as ? fcntl(fds->fd, F_SETFD, 0) < 0 :
                                         dup2(fds->fd, fds->as) < 0)
                        return -errno;
        execvp(argv[0], argv);
        return -errno;
}

int child_start_masked(char *const *argv, const ChildFd *fds, const sigset_t *blocked, pid_t *ret) {
        pid_t parent = getpid(), pid;
        int report[2], failure;
        ssize_t n;

        if (pipe2(report, O_CLOEXEC) < 0)
                return -errno;
        pid = fork();
        if (pid < 0) {
                failure = -errno;
                fd_close_many(report, 2);
                return failure;
        }
        if (pid == 0) {
                failure = become(argv, fds, blocked, parent);
                (void)!write(report[1], &failure, sizeof(failure));
                _exit(127);
        }
        safe_close(report[1]);
        do
                n = read(report[0], &failure, sizeof(failure));
        while (n < 0 && errno == EINTR);
        safe_close(report[0]);
        if (n == sizeof(failure)) {
                (void)child_wait(pid);
                return failure;
        }
        *ret = pid;
        return 0;
}

int child_start(char *const *argv, const ChildFd *fds, pid_t *ret) {
        sigset_t none;

        /* job_wait() blocks signals that the program is to end by, together with us. */
        sigemptyset(&none);
        return child_start_masked(argv, fds, &none, ret);
}

int child_wait(pid_t pid) {
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

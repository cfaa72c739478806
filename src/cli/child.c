/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/child.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

static int prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes,
                   const ChildFd *fds, const sigset_t *blocked) {
        sigset_t defaults;
        int r = 0;

        sigemptyset(&defaults);
        sigaddset(&defaults, SIGPIPE);
        r = posix_spawnattr_setsigmask(attributes, blocked);
        if (r == 0)
                r = posix_spawnattr_setsigdefault(attributes, &defaults);
        if (r == 0)
                r = posix_spawnattr_setflags(attributes,
                                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        for (; r == 0 && fds->fd >= 0; fds++)
                r = posix_spawn_file_actions_adddup2(actions, fds->fd, fds->as);
        return r;
}

int child_start_masked(char *const *argv, const ChildFd *fds, const sigset_t *blocked, pid_t *ret) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        r = posix_spawnattr_init(&attributes);
        if (r == 0) {
                r = prepare(&actions, &attributes, fds, blocked);
                if (r == 0)
                        r = posix_spawnp(ret, argv[0], &actions, &attributes, argv, environ);
                posix_spawnattr_destroy(&attributes);
        }
        posix_spawn_file_actions_destroy(&actions);
        return -r;
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

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "daemon/start-program.h"
#include "shared/syscalls.h"

static int spawn(const char *const *argv, int fd, int target, short flags, pid_t *ret, Error *e) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, ignored;
        int r;

        sigemptyset(&none);
        /* What main() ignores. */
        sigemptyset(&ignored);
        sigaddset(&ignored, SIGPIPE);
        if (posix_spawn_file_actions_init(&actions) != 0)
                return error_oom(e);
        if (posix_spawnattr_init(&attributes) != 0) {
                posix_spawn_file_actions_destroy(&actions);
                return error_oom(e);
        }
        posix_spawnattr_setflags(&attributes,
                                 (short)(flags | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &ignored);
        r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
        if (r == 0 && fd >= 0)
                r = posix_spawn_file_actions_adddup2(&actions, fd, target);
        if (r == 0)
                r = posix_spawn(ret, argv[0], &actions, &attributes, (char *const *)argv, environ);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return r != 0 ? error_set(e, r, "spawn", "cannot start %s", argv[0]) : 0;
}

/* Ours until we end; should it end before, it must not stay as a zombie. */
static int on_detached_exit(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        bool *runs = userdata;
        siginfo_t info;

        *runs = false;
        (void)waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG);
        sd_event_source_set_floating(source, false); /* the loop's was the last reference */
        return 0;
}

int spawn_detached(sd_event *event, const char *const *argv, bool *runs, Error *e) {
        sd_event_source *source;
        pid_t pid;
        int pidfd, r;

        TRY(spawn(argv, -EBADF, -1, POSIX_SPAWN_SETSID, &pid, e));
        pidfd = sys_pidfd_open(pid, 0);
        if (pidfd < 0)
                return error_set(e, errno, "spawn", "cannot watch %s", argv[0]);
        r = sd_event_add_io(event, &source, pidfd, EPOLLIN, on_detached_exit, runs);
        if (r < 0) {
                close(pidfd);
                return error_set(e, r, "spawn", "cannot watch %s", argv[0]);
        }
        sd_event_source_set_io_fd_own(source, true);
        /* The loop's, or else each would keep the other. */
        sd_event_source_set_floating(source, true);
        sd_event_source_unref(source);
        *runs = true;
        return 0;
}

int spawn_child(const char *const *argv, int fd, int target, pid_t *ret_pid, int *ret_pidfd,
                Error *e) {
        TRY(spawn(argv, fd, target, 0, ret_pid, e));
        /* Nobody reaps it before us, so the number still means it. */
        *ret_pidfd = sys_pidfd_open(*ret_pid, 0);
        if (*ret_pidfd < 0) {
                int r = error_set(e, errno, "spawn", "cannot watch %s", argv[0]);

                kill(*ret_pid, SIGKILL);
                waitpid(*ret_pid, NULL, 0);
                return r;
        }
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <sys/mman.h>

#include "runtime/init.h"
#include "runtime/seal.h"
#include "shared/fd.h"
#include "shared/syscalls.h"

static const unsigned char program_bytes[] = {
#include "runtime/init-program.h"
};

int init_open(void) {
        _cleanup_close_ int fd = seal_open("mydocker-init");

        if (fd < 0)
                return fd;
        TRY(fd_write_all(fd, program_bytes, sizeof(program_bytes)));
        TRY(seal(fd));
        return TAKE_FD(fd);
}

/* In the process that will be the command. Nothing in the container sees its first process before that is the init,
 * which then closes the other end of `ready`. Signals come from now on. */
static int prepare_command(int ready, bool tty, Error *e) {
        sigset_t none;
        char byte;

        if (read(ready, &byte, 1) < 0)
                return error_set(e, errno, "init", "waiting for the init");
        close(ready);
        /* A group of its own in the foreground: what is typed is for the command alone, the init would pass it on
         * once more. SIGTTOU is blocked as yet. */
        if (setpgid(0, 0) < 0 || (tty && tcsetpgrp(STDIN_FILENO, getpid()) < 0))
                return error_set(e, errno, "init", "making a process group");
        sigemptyset(&none);
        if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
                return error_set(e, errno, "init", "unblocking signals");
        return 0;
}

int init_become(int program, bool tty, Error *e) {
        char number[16], ready[16];
        char *const argv[] = {(char *)"mydocker-init", number, ready, NULL};
        char *const env[] = {NULL};
        int fds[2];
        sigset_t all;
        pid_t pid;

        /* What comes before the init waits for signals stays pending. */
        sigfillset(&all);
        if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
                return error_set(e, errno, "init", "blocking signals");
        if (pipe2(fds, O_CLOEXEC) < 0)
                return error_set(e, errno, "init", "making a pipe");
        pid = fork();
        if (pid < 0)
                return error_set(e, errno, "init", "making a process");
        if (pid == 0) {
                close(fds[1]);
                return prepare_command(fds[0], tty, e);
        }
        snprintf(number, sizeof(number), "%d", (int)pid);
        snprintf(ready, sizeof(ready), "%d", fds[1]);
        if (fcntl(fds[1], F_SETFD, 0) < 0)
                return error_set(e, errno, "init", "passing on a pipe");
        fexecve(program, argv, env);
        return error_set(e, errno, "init", "executing the init");
}

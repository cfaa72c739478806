/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/memfd.h>
#include <signal.h>
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
 * which then sends SIGCHLD: no descriptor, which RLIMIT_NOFILE may not leave. Signals come from now on. */
static int prepare_command(bool tty, Error *e) {
        sigset_t released, none;

        sigemptyset(&released);
        sigaddset(&released, SIGCHLD);
        if (sigwaitinfo(&released, NULL) < 0)
                return error_set(e, errno, "init", "waiting for the init");
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
        char number[16];
        char *const argv[] = {(char *)"mydocker-init", number, NULL}, *const env[] = {NULL};
        sigset_t all;
        pid_t pid;

        /* What comes before the init waits for signals stays pending. */
        sigfillset(&all);
        if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
                return error_set(e, errno, "init", "blocking signals");
        pid = fork();
        if (pid < 0)
                return error_set(e, errno, "init", "making a process");
        if (pid == 0)
                return prepare_command(tty, e);
        snprintf(number, sizeof(number), "%d", (int)pid);
        fexecve(program, argv, env);
        return error_set(e, errno, "init", "executing the init");
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/strutil.h"

static pid_t pager;

/* The child: only returns by exec. */
static void run_pager(const char *command, int input) {
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || dup2(input, STDIN_FILENO) < 0)
                _exit(1);
        /* As systemd's: quit if it fits on one screen, colours, no wrapping, keep the screen. */
        setenv("LESS", "FRSXMK", 0);
        if (command)
                execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        else {
                execlp("less", "less", (char *)NULL);
                execlp("more", "more", (char *)NULL);
                execlp("cat", "cat", (char *)NULL);
        }
        _exit(127);
}

void pager_open(bool wanted) {
        const char *command = getenv("SYSTEMD_PAGER") ?: getenv("PAGER");
        int fds[2];

        if (!wanted || pager > 0 || !isatty(STDOUT_FILENO))
                return;
        if (command && (!*command || streq(command, "cat")))
                return;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return;
        fflush(stdout);
        pager = fork();
        if (pager == 0)
                run_pager(command, fds[0]);
        /* Ctrl-c is the pager's; and a pager that ends early is no error. */
        if (pager > 0 && dup2(fds[1], STDOUT_FILENO) >= 0) {
                signal(SIGINT, SIG_IGN);
                signal(SIGPIPE, SIG_IGN);
        }
        safe_close(fds[0]);
        safe_close(fds[1]);
}

void pager_close(void) {
        if (pager <= 0)
                return;
        fflush(stdout);
        close(STDOUT_FILENO);
        while (waitpid(pager, NULL, 0) < 0 && errno == EINTR)
                ;
        pager = 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include "shared/cleanup.h"

static pid_t agent;

/* The child: only returns by exec. */
static void run_agent(int notify_fd, pid_t parent) {
        char fd[16], pid[16];
        sigset_t none;

        /* It must not stay behind on the terminal, whatever happens to us. */
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
                _exit(1);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        (void)fcntl(notify_fd, F_SETFD, 0);
        snprintf(fd, sizeof(fd), "%d", notify_fd);
        snprintf(pid, sizeof(pid), "%d", (int)parent);
        /* A desktop's agent goes first, which is one of the session. Without a session polkit (122) never
         * comes back to an agent that is marked as the last resort. */
        if (sd_pid_get_session(parent, NULL) >= 0)
                execlp("pkttyagent", "pkttyagent", "--notify-fd", fd, "--process", pid,
                       "--fallback", (char *)NULL);
        else
                execlp("pkttyagent", "pkttyagent", "--notify-fd", fd, "--process", pid,
                       (char *)NULL);
        if (errno != ENOENT)
                fprintf(stderr, "Cannot start pkttyagent: %s\n", strerror(errno));
        _exit(1);
}

void agent_open(void) {
        struct pollfd notify = {.events = POLLIN};
        pid_t parent = getpid();
        int fds[2];

        if (agent > 0 || geteuid() == 0 || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
                return;
        if (pipe2(fds, O_CLOEXEC) < 0) {
                fprintf(stderr, "Cannot start pkttyagent: %s\n", strerror(errno));
                return;
        }
        agent = fork();
        if (agent == 0)
                run_agent(fds[1], parent);
        safe_close(fds[1]);
        if (agent < 0)
                fprintf(stderr, "Cannot start pkttyagent: %s\n", strerror(errno));
        else {
                /* The agent closes its end when it is registered, or by its end. */
                notify.fd = fds[0];
                while (poll(&notify, 1, -1) < 0 && errno == EINTR)
                        ;
        }
        safe_close(fds[0]);
}

void agent_close(void) {
        if (agent <= 0)
                return;
        kill(agent, SIGTERM);
        kill(agent, SIGCONT);
        while (waitpid(agent, NULL, 0) < 0 && errno == EINTR)
                ;
        agent = 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void become_foreground(gpointer data) {
        setsid();
        ioctl(0, TIOCSCTTY, 0);
}

Session *session_new(const char *command, int rows, int columns) {
        const char *argv[] = {"/bin/sh", "-c", command, NULL};
        struct winsize size = {.ws_row = rows, .ws_col = columns};
        Session *session = g_new0(Session, 1);
        g_autoptr(GError) error = NULL;
        int slave;

        session->output = g_string_new(NULL);
        session->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        g_assert_cmpint(session->master, >=, 0);
        g_assert_cmpint(grantpt(session->master), ==, 0);
        g_assert_cmpint(unlockpt(session->master), ==, 0);
        g_assert_cmpint(ioctl(session->master, TIOCSWINSZ, &size), ==, 0);
        slave = open(ptsname(session->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
        g_assert_cmpint(slave, >=, 0);
        g_spawn_async_with_fds(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
                               become_foreground, NULL, &session->pid, slave, slave, slave, &error);
        g_assert_no_error(error);
        close(slave);
        return session;
}

bool session_read(Session *session) {
        struct pollfd pollfd = {.fd = session->master, .events = POLLIN};
        char buffer[4096];
        ssize_t n;

        if (poll(&pollfd, 1, 50) <= 0)
                return true;
        n = read(session->master, buffer, sizeof(buffer));
        if (n <= 0)
                return false; /* EIO: nobody is at the other end */
        g_string_append_len(session->output, buffer, n);
        return true;
}

void session_expect(Session *session, const char *text) {
        gint64 end = g_get_monotonic_time() + HARNESS_PATIENCE_USEC;

        while (!strstr(session->output->str, text)) {
                if (!session_read(session) || g_get_monotonic_time() > end) {
                        test_fails("“%s” did not come, but: “%s”", text, session->output->str);
                        return;
                }
        }
        /* What follows is compared with what comes after it. */
        g_string_erase(session->output, 0,
                       strstr(session->output->str, text) + strlen(text) - session->output->str);
}

void session_type(Session *session, const char *text) {
        g_assert_cmpint(write(session->master, text, strlen(text)), ==, strlen(text));
}

void session_ask(Session *session, const char *line, const char *answer) {
        gint64 end = g_get_monotonic_time() + HARNESS_PATIENCE_USEC;

        while (!strstr(session->output->str, answer) && g_get_monotonic_time() < end) {
                session_type(session, line);
                g_usleep(50000);
                session_read(session);
        }
        session_expect(session, answer);
}

int session_end(Session *session) {
        gint64 end = g_get_monotonic_time() + HARNESS_PATIENCE_USEC;
        int status;

        while (session_read(session))
                if (waitpid(session->pid, &status, WNOHANG) == session->pid)
                        goto ended;
                else if (g_get_monotonic_time() > end) {
                        test_fails("the command does not end; it wrote: “%s”",
                                   session->output->str);
                        kill(session->pid, SIGKILL);
                        break;
                }
        g_assert_cmpint(waitpid(session->pid, &status, 0), ==, session->pid);
ended:
        while (session_read(session) && g_get_monotonic_time() < end) {
                struct pollfd pollfd = {.fd = session->master, .events = POLLIN};

                if (poll(&pollfd, 1, 0) <= 0)
                        break;
        }
        close(session->master);
        g_string_free(session->output, TRUE);
        g_free(session);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

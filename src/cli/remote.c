/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/remote.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "cli/child.h"
#include "cli/report.h"
#include "shared/error.h"
#include "shared/strutil.h"

int remote_add(char ***words, ...) {
        const char *word;
        va_list ap;
        int r = 0;

        va_start(ap, words);
        while (r >= 0 && (word = va_arg(ap, const char *)))
                r = strv_extend(words, word);
        va_end(ap);
        return r;
}

/* A word for the shell of the other machine, whichever that is: backslashes between single quotes are not the same to all
 * of them, so that they stand outside. */
static void write_quoted(FILE *file, const char *word) {
        do {
                size_t n = strcspn(word, "'\\");

                if (n > 0 || !*word)
                        fprintf(file, "'%.*s'", (int)n, word);
                word += n;
                if (*word)
                        fprintf(file, "\\%c", *word++);
        } while (*word);
}

static char *make_command(const Client *client, char *const *words) {
        char *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);

        if (!file)
                return NULL;
        fputs(client->ask_password ? "mydocker" : "mydocker --no-ask-password", file);
        for (; *words; words++) {
                fputc(' ', file);
                write_quoted(file, *words);
        }
        /* Only this says where the text is. */
        if (fclose(file) == 0)
                return text;
        free(text);
        return NULL;
}

/* "HOST:PORT", as for the bus. Return: 1 and a new string without the port if there is one; 0; or -ENOMEM. */
static int split_port(const char *host, char **ret, const char **port) {
        const char *colon = strrchr(host, ':');

        if (!colon || !colon[1] || colon[1 + strspn(colon + 1, "0123456789")])
                return 0;
        *port = colon + 1;
        *ret = strndup(host, (size_t)(colon - host));
        return *ret ? 1 : -ENOMEM;
}

/* The words of ssh(1). No key has a meaning of its own for it: those typed are for the container. */
static int make_argv(const Client *client, const char *command, bool terminal, char ***ret) {
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_free_ char *host = NULL;
        const char *port;
        int r = command ? split_port(client->host, &host, &port) : -ENOMEM;

        if (r >= 0)
                r = remote_add(&argv, "ssh", "-x", terminal ? "-t" : "-T", "-e", "none", NULL);
        if (r >= 0 && host)
                r = remote_add(&argv, "-p", port, NULL);
        if (r >= 0)
                r = remote_add(&argv, "--", host ?: client->host, command, NULL);
        if (r >= 0)
                *ret = TAKE_PTR(argv);
        return r;
}

static int report_ssh(const Client *client, int r) {
        return r == -ENOENT ? report(client, "ssh is not installed") :
                              report_errno(client, r, "cannot run ssh");
}

/* Return: 0 or a negative errno. */
static int start_ssh(const Client *client, const char *command, int input, int output,
                     RemoteKind kind, pid_t *ret) {
        const ChildFd fds[] = {{input, STDIN_FILENO}, {output, STDOUT_FILENO}, {-1, 0}};
        _cleanup_strv_free_ char **argv = NULL;
        sigset_t blocked;

        sigemptyset(&blocked);
        if (kind == REMOTE_SHIELDED) {
                sigaddset(&blocked, SIGINT);
                sigaddset(&blocked, SIGQUIT);
        }
        TRY(make_argv(client, command, kind == REMOTE_TERMINAL, &argv));
        return child_start_masked(argv, fds, &blocked, ret);
}

int remote_open_bus(Client *client, sd_bus **ret, pid_t *ssh) {
        sd_bus *bus = NULL;
        int fds[2], r;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;
        r = start_ssh(client, "systemd-stdio-bridge", fds[1], fds[1], REMOTE_SHIELDED, ssh);
        close(fds[1]);
        if (r >= 0)
                r = sd_bus_new(&bus);
        if (r < 0) {
                close(fds[0]);
                return r;
        }
        r = sd_bus_set_fd(bus, fds[0], fds[0]);
        if (r < 0)
                close(fds[0]);
        if (r >= 0)
                r = sd_bus_negotiate_fds(bus, false);
        if (r >= 0)
                r = sd_bus_set_bus_client(bus, true);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r < 0)
                sd_bus_close_unref(bus);
        else
                *ret = bus;
        return r;
}

int remote_start(Client *client, char *const *words, int input, int output, RemoteKind kind,
                 pid_t *ret) {
        _cleanup_free_ char *command = make_command(client, words);
        int r = start_ssh(client, command, input, output, kind, ret);

        return r < 0 ? report_ssh(client, r) : 0;
}

int remote_start_reading(Client *client, char *const *words, int *ret_fd, pid_t *ret) {
        _cleanup_close_ int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        int fds[2], r;

        if (null_fd < 0 || pipe2(fds, O_CLOEXEC) < 0)
                return report_errno(client, errno, "cannot make a pipe");
        r = remote_start(client, words, null_fd, fds[1], REMOTE_PLAIN, ret);
        close(fds[1]);
        if (r == 0)
                *ret_fd = fds[0];
        else
                close(fds[0]);
        return r;
}

int remote_wait(Client *client, pid_t pid) {
        int r = child_wait(pid);

        if (r < 0)
                return report_errno(client, r, "cannot wait for ssh");
        return r == 0 ? 0 : client->verb->failure;
}

int remote_exec_with(Client *client, char *const *words, int input) {
        if (dup2(input, STDIN_FILENO) < 0)
                return report_errno(client, errno, "cannot use the archive");
        return remote_exec(client, words, false);
}

int remote_exec(Client *client, char *const *words, bool terminal) {
        _cleanup_free_ char *command = make_command(client, words);
        _cleanup_strv_free_ char **argv = NULL;
        int r = make_argv(client, command, terminal, &argv);

        client_disconnect(client);
        if (r >= 0) {
                execvp(argv[0], argv);
                r = -errno;
        }
        return report_ssh(client, r);
}

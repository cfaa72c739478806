/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rubbish on the supervisor's socket: whoever is not root is not heard, what is no request is refused or ends its own
 * connection only, and containers and the daemon go on. */

#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int connect_socket(void) {
        int fd = supervisor_connect();

        g_assert_cmpint(fd, >=, 0);
        return fd;
}

/* Sends a packet, with `n_fds` copies of a descriptor. Return: false when the connection has ended. */
static bool send_packet(int fd, const void *data, gsize size, int n_fds) {
        char control[CMSG_SPACE(64 * sizeof(int))] = {};
        struct iovec iov = {(void *)data, size};
        struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

        if (n_fds > 0) {
                struct cmsghdr *header;

                message.msg_control = control;
                message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                header = CMSG_FIRSTHDR(&message);
                header->cmsg_level = SOL_SOCKET;
                header->cmsg_type = SCM_RIGHTS;
                header->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
                for (int i = 0; i < n_fds; i++)
                        memcpy(CMSG_DATA(header) + i * sizeof(int), &(int){STDIN_FILENO},
                               sizeof(int));
        }
        return sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)size;
}

/* Return: what was answered, to be freed; empty when the connection was closed. */
static char *receive(int fd) {
        static char buffer[65536];
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        ssize_t n;

        g_assert_cmpint(poll(&poll_fd, 1, HARNESS_PATIENCE * 1000), ==, 1);
        n = recv(fd, buffer, sizeof(buffer) - 1, 0);
        return g_strndup(buffer, MAX(n, 0));
}

static char *path;
static pid_t supervisor;

static void begin(void) {
        path = container_run(NULL, "sleep 1000");
        supervisor = supervisor_pid();
}

/* All is as before. */
static void end(void) {
        g_autofree char *said = container_exec(path, "echo alive");

        check_text("what a process in the container says", said, "alive\n");
        g_assert_cmpint(supervisor_pid(), ==, supervisor);
        container_remove(path);
        g_clear_pointer(&path, g_free);
}

/* Requests that can be read and not be carried out: each gets an error, and the connection stays. */
static void test_wrong_requests(void) {
        g_autofree char *id = NULL, *huge = g_strnfill(100000, 'x');
        const char *const requests[] = {
                "{}",
                "[]",
                "{\"version\":1}",
                "{\"version\":99,\"serial\":1,\"request\":\"hello\"}",
                "{\"version\":1,\"serial\":-1,\"request\":\"hello\"}",
                "{\"version\":1,\"serial\":1,\"request\":\"none\"}",
                "{\"version\":1,\"serial\":1,\"request\":7}",
                "{\"version\":1,\"serial\":1,\"request\":\"start\"}",
                "{\"version\":1,\"serial\":1,\"request\":\"start\",\"spec\":{}}",
                "{\"version\":1,\"serial\":1,\"request\":\"start\",\"spec\":{\"id\":\"ID\",\"layers\":[\"../..\"]}}",
                "{\"version\":1,\"serial\":1,\"request\":\"signal\",\"container\":\"../../etc\",\"signal\":9}",
                "{\"version\":1,\"serial\":1,\"request\":\"signal\",\"container\":\"ID\",\"signal\":-1}",
                "{\"version\":1,\"serial\":1,\"request\":\"signal\",\"container\":\"ID\",\"signal\":1e99}",
                "{\"version\":1,\"serial\":1,\"request\":\"signal\",\"container\":\"ID\",\"process\":77,\"signal\":9}",
                "{\"version\":1,\"serial\":1,\"request\":\"resize\",\"container\":\"ID\",\"rows\":99999,\"columns\":1}",
                "{\"version\":1,\"serial\":1,\"request\":\"exec\",\"container\":\"ID\",\"process\":1}",
                "{\"version\":1,\"serial\":1,\"request\":\"exec\",\"container\":\"ID\",\"process\":1,\"exec\":{\"args\":[]}}",
                "{\"version\":1,\"serial\":1,\"request\":\"exec\",\"container\":\"ID\",\"process\":1,\"exec\":{\"args\":[\"HUGE\"]}}",
                "{\"version\":1,\"serial\":1,\"request\":\"exec\",\"container\":\"ID\",\"process\":1,\"exec\":{\"args\":[\"true\"],\"stdin\":7}}",
                "{\"version\":1,\"serial\":1,\"request\":\"update\",\"container\":\"ID\",\"limits\":{\"cpuset\":\"../x\"}}",
        };
        int fd;

        begin();
        id = g_path_get_basename(path);
        fd = connect_socket();
        for (guint i = 0; i < G_N_ELEMENTS(requests); i++) {
                GString *request = g_string_new(requests[i]);

                g_string_replace(request, "ID", id, 0);
                g_string_replace(request, "HUGE", huge, 0);
                for (int n_fds = 0; n_fds < 4; n_fds += 3) {
                        g_autofree char *answer = NULL;

                        if (!send_packet(fd, request->str, request->len, n_fds)) {
                                test_fails("the connection has ended at %s", requests[i]);
                                break;
                        }
                        answer = receive(fd);
                        if (!strstr(answer, "\"error\""))
                                test_fails("%s: answered «%s»", requests[i], answer);
                }
                g_string_free(request, TRUE);
        }
        close(fd);
        end();
}

/* Bytes that are no message. A connection may end by it; the next one is as good as ever. */
static void test_rubbish(void) {
        static const char valid[] = "{\"version\":1,\"serial\":1,\"request\":\"hello\"}";
        g_autoptr(GRand) numbers = g_rand_new_with_seed(1);
        g_autofree char *packet = g_malloc(200000);

        begin();
        for (guint i = 0; i < 500; i++) {
                gsize size = g_rand_int_range(numbers, 0, i % 50 == 0 ? 150000 : 200);
                int fd = connect_socket();

                /* Half of them a request with some wrong bytes. */
                for (gsize n = 0; n < size; n++)
                        packet[n] =
                                i % 2 == 0 ? (char)g_rand_int(numbers) : valid[n % sizeof(valid)];
                for (guint n = 0; size > 0 && n < 3; n++)
                        packet[g_rand_int_range(numbers, 0, size)] = g_rand_int(numbers);
                send_packet(fd, packet, size, g_rand_int_range(numbers, 0, 20));
                send_packet(fd, packet, size / 2, 0);
                if (i % 3 == 0)
                        shutdown(fd, SHUT_WR);
                close(fd);
        }
        end();
}

/* More connections than it takes, none of which reads. */
static void test_many_connections(void) {
        static const char hello[] = "{\"version\":1,\"serial\":1,\"request\":\"none\"}";
        int fds[40];

        begin();
        for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
                fds[i] = connect_socket();
                g_assert_cmpint(fcntl(fds[i], F_SETFL, O_NONBLOCK), ==, 0);
                for (guint n = 0; n < 1000 && send_packet(fds[i], hello, strlen(hello), 0); n++)
                        ;
        }
        /* The daemon has its connection all the time. */
        g_free(container_exec(path, "true"));
        for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
                close(fds[i]);
        end();
}

/* The supervisor gets no descriptor more. Return: the limit before. */
static struct rlimit take_descriptors(void) {
        struct rlimit before, none;
        g_autofree char *file = NULL;

        g_assert_cmpint(prlimit(supervisor, RLIMIT_NOFILE, NULL, &before), ==, 0);
        none = before;
        for (none.rlim_cur = 0;; none.rlim_cur++) {
                g_free(file);
                file = g_strdup_printf("/proc/%d/fd/%u", supervisor, (unsigned)none.rlim_cur);
                if (readlink(file, &(char){0}, 1) < 0)
                        break;
        }
        g_assert_cmpint(prlimit(supervisor, RLIMIT_NOFILE, &none, NULL), ==, 0);
        return before;
}

/* Who comes when it has no descriptor left waits until there is one; it does not go round and round meanwhile. */
static void test_no_descriptors(void) {
        static const char request[] = "{\"version\":1,\"serial\":1,\"request\":\"none\"}";
        g_autofree char *answer = NULL, *complaints = NULL;
        struct rlimit before;
        int fd;

        begin();
        before = take_descriptors();
        fd = connect_socket();
        g_assert_true(send_packet(fd, request, strlen(request), 0));
        WAIT_UNTIL(shell(NULL, NULL, "grep -q 'accept a connection' %s/daemon.log",
                         sandbox_dir()) == 0);
        g_usleep(G_USEC_PER_SEC / 2);
        shell(&complaints, NULL, "grep -c 'accept a connection' %s/daemon.log", sandbox_dir());
        check_text("complaints", complaints, "1\n");
        g_assert_cmpint(prlimit(supervisor, RLIMIT_NOFILE, &before, NULL), ==, 0);
        answer = receive(fd);
        check_text("the answer to who waited", answer, "*\"error\"*");
        close(fd);
        end();
}

/* In a child. Return: 0 when nothing was answered, 1 when something was, 2 when it could not connect. */
static int talk_as_nobody(void) {
        static const char hello[] = "{\"version\":1,\"serial\":1,\"request\":\"hello\"}";
        char buffer[4096];
        int fd;

        if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
                return 2;
        fd = supervisor_connect();
        if (fd < 0)
                return 2;
        (void)send(fd, hello, strlen(hello), MSG_NOSIGNAL);
        return recv(fd, buffer, sizeof(buffer), 0) > 0;
}

static int status_as_nobody(void) {
        pid_t pid = fork();
        int status;

        g_assert_cmpint(pid, >=, 0);
        if (pid == 0)
                _exit(talk_as_nobody());
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        return WEXITSTATUS(status);
}

/* Neither by the modes of directory and socket, nor without them. */
static void test_not_root(void) {
        g_autofree char *run = g_build_filename(sandbox_dir(), "run", NULL);
        g_autofree char *socket_path = g_build_filename(run, "supervisor.sock", NULL);
        GStatBuf st;

        begin();
        g_assert_cmpint(g_stat(run, &st), ==, 0);
        g_assert_cmpint(st.st_mode & 07777, ==, 0700);
        g_assert_cmpint(g_stat(socket_path, &st), ==, 0);
        g_assert_cmpint(st.st_mode & 07777, ==, 0600);
        g_assert_cmpint(status_as_nobody(), ==, 2);
        g_assert_cmpint(g_chmod(run, 0755), ==, 0);
        g_assert_cmpint(status_as_nobody(), ==, 2);
        g_assert_cmpint(g_chmod(socket_path, 0666), ==, 0);
        g_assert_cmpint(status_as_nobody(), ==, 0);
        g_assert_cmpint(g_chmod(socket_path, 0600), ==, 0);
        g_assert_cmpint(g_chmod(run, 0700), ==, 0);
        end();
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        harness_add("/supervisor-socket/wrong-requests", test_wrong_requests);
        harness_add("/supervisor-socket/rubbish", test_rubbish);
        harness_add("/supervisor-socket/many-connections", test_many_connections);
        harness_add("/supervisor-socket/no-descriptors", test_no_descriptors);
        harness_add("/supervisor-socket/not-root", test_not_root);
        return harness_run();
}

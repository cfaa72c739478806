/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What containers put out and take in, through a running supervisor. As test-supervisor.c. */

#include <signal.h>
#include <sys/socket.h>

#include "shared/strutil.h"
#include "supervisor/test-client.h"

static void test_attach(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec = client_spec(
                "while read -r line; do echo \"<$line>\"; echo error >&2; done; echo over");
        _cleanup_free_ char *log = NULL;
        int fds[3], again[3];
        Reply reply;

        spec->process.streams[0] = STREAM_PIPE;
        client_run(spec);
        reply = client_do(REQUEST_ATTACH, spec->id);
        CHECK_INT(client_n_fds, 3);
        CHECK_STR(reply.streams[0], "stdin");
        CHECK_STR(reply.streams[1], "stdout");
        CHECK_STR(reply.streams[2], "stderr");
        memcpy(fds, client_fds, sizeof(fds));
        reply_done(&reply);
        reply = client_do(REQUEST_ATTACH, spec->id);
        memcpy(again, client_fds, sizeof(again));
        reply_done(&reply);

        CHECK_INT(write(fds[0], "one\n", 4), 4);
        client_expect(fds[1], "<one>\n");
        client_expect(again[1], "<one>\n");
        client_expect(again[2], "error\n");
        fd_close_many(again, 3);
        CHECK_INT(write(fds[0], "two\n", 4), 4);
        client_expect(fds[1], "<two>\n");
        log = client_log(spec->id);
        CHECK(strstr(log, "stdout F <two>\n"));

        reply = client_do(REQUEST_KILL, spec->id);
        reply_done(&reply);
        CHECK_INT(client_exit(spec->id, 0).status, 137);
        CHECK_STR(client_read(fds[1]), "");
        close(fds[0]);
        close(fds[2]);
}

static void test_terminal(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec = client_spec(
                "stty size; read -r line; echo \"<$line>\"; read -r line; stty size; exit 6");
        Request request = {.type = REQUEST_START, .spec = spec, .attach = {1}};
        _cleanup_free_ char *log = NULL;
        int pair[2], second;
        Reply reply;

        spec->process.tty = true;
        spec->process.rows = 20;
        spec->process.columns = 30;
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        reply = client_ask(&request, &pair[1], 1);
        client_check(&reply);
        reply_done(&reply);
        close(pair[1]);
        client_expect(pair[0], "20 30\r\n");
        reply = client_do(REQUEST_ATTACH, spec->id);
        CHECK_STR(reply.streams[0], "tty");
        second = client_fds[0];
        reply_done(&reply);
        CHECK_INT(write(second, "typed\n", 6), 6);
        client_expect(second, "<typed>\r\n");
        client_expect(pair[0], "<typed>\r\n");

        request = (Request){.type = REQUEST_RESIZE, .rows = 40, .columns = 50};
        memcpy(request.container, spec->id, sizeof(request.container));
        reply = client_ask(&request, NULL, 0);
        client_check(&reply);
        reply_done(&reply);
        CHECK_INT(shutdown(second, SHUT_WR), 0);
        CHECK_INT(write(pair[0], "\n", 1), 1);
        /* Also to the one that has nothing more to say, and to the end. */
        CHECK(strstr(client_read(second), "40 50\r\n"));
        CHECK(strstr(client_read(pair[0]), "40 50\r\n"));
        CHECK_INT(client_exit(spec->id, 0).status, 6);
        log = client_log(spec->id);
        /* A terminal passes a line and its end on one after the other. */
        CHECK(strstr(log, "stdout F <typed>\r\n") ||
              strstr(log, "stdout P <typed>\nstdout F \r\n"));
}

/* A client that doesn't read holds up neither the container for long nor another client. */
static void test_slow_client(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec = client_spec(
                "read -r line; dd if=/dev/zero bs=1M count=16 2>/dev/null; echo; echo over");
        int slow[3], fast[3];
        size_t size = 0, missed;
        char *buffer = malloc(1 << 16), last[100], *note;
        Reply reply;
        ssize_t n;

        spec->process.streams[0] = STREAM_PIPE;
        client_run(spec);
        reply = client_do(REQUEST_ATTACH, spec->id);
        memcpy(slow, client_fds, sizeof(slow));
        reply_done(&reply);
        reply = client_do(REQUEST_ATTACH, spec->id);
        memcpy(fast, client_fds, sizeof(fast));
        reply_done(&reply);
        CHECK_INT(write(fast[0], "\n", 1), 1);
        while ((n = read(fast[1], buffer, 1 << 16)) > 0)
                size += n;
        CHECK_INT(size, (16 << 20) + strlen("\nover\n"));
        CHECK_INT(client_exit(spec->id, 0).status, 0);
        /* The other one gets what it had room for, however long its disk takes, and hears how much that was not. */
        usleep(6000000);
        last[0] = '\0';
        size = 0;
        while ((n = read(slow[1], buffer, 1 << 16)) > 0) {
                size += n;
                snprintf(last, sizeof(last), "%.*s", (int)MIN(n, (ssize_t)sizeof(last) - 1),
                         buffer + n - MIN(n, (ssize_t)sizeof(last) - 1));
        }
        note = strstr(last, "[mydocker: ");
        CHECK(note);
        CHECK_INT(sscanf(note, "[mydocker: %zu bytes", &missed), 1);
        CHECK_INT(size + missed, (16 << 20) + strlen("\nover\n") + strlen(note) + 1);
        fd_close_many(slow, 3);
        fd_close_many(fast, 3);
        free(buffer);
}

/* While the supervisor does not run a client may not have run either: it is still waited for. */
static void test_stopped(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec =
                client_spec("read -r line; dd if=/dev/zero bs=1M count=4 2>/dev/null; echo over");
        size_t size = 0;
        char *buffer = malloc(1 << 16);
        Reply reply;
        int fds[3];
        ssize_t n;

        spec->process.streams[0] = STREAM_PIPE;
        client_run(spec);
        reply = client_do(REQUEST_ATTACH, spec->id);
        memcpy(fds, client_fds, sizeof(fds));
        reply_done(&reply);
        CHECK_INT(write(fds[0], "\n", 1), 1);
        /* By now it should wait for the client. */
        usleep(200000);
        CHECK_INT(kill(client_supervisor(), SIGSTOP), 0);
        usleep(10500000);
        CHECK_INT(kill(client_supervisor(), SIGCONT), 0);
        while ((n = read(fds[1], buffer, 1 << 16)) > 0)
                size += n;
        CHECK_INT(size, (4 << 20) + strlen("over\n"));
        CHECK_INT(client_exit(spec->id, 0).status, 0);
        fd_close_many(fds, 3);
        free(buffer);
}

/* Logs more than the pipe and the buffers hold; nothing is lost. A line that was read in two parts is logged in two. */
static void test_much_output(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec = client_spec(
                "i=0; while [ $i -lt 30000 ]; do echo line $i of many; i=$((i+1)); done");
        _cleanup_free_ char *log = NULL, *text = NULL;
        char *end, *line, *rest;
        int next = 0;

        client_run(spec);
        CHECK_INT(client_exit(spec->id, 0).status, 0);
        log = client_log(spec->id);
        text = end = malloc(strlen(log) + 1);
        CHECK(text);
        for (const char *p = log; *p; p = strchr(p, '\n') + 1) {
                const char *full = startswith(p, "stdout F "), *part = startswith(p, "stdout P ");
                const char *begin = full ? full : part;

                CHECK(begin);
                end = mempcpy(end, begin, strchr(begin, '\n') - begin + (full ? 1 : 0));
        }
        *end = '\0';
        for (rest = text; *rest && (line = strsep(&rest, "\n")); next++) {
                char expected[32];

                snprintf(expected, sizeof(expected), "line %d of many", next);
                CHECK_STR(line, expected);
        }
        CHECK_INT(next, 30000);
}

int main(int argc, char **argv) {
        if (argc < 2 || !client_prepare(argv[1]))
                return 77;
        client_start_supervisor();
        test_attach();
        test_terminal();
        test_slow_client();
        test_stopped();
        test_much_output();
        client_stop_supervisor(SIGTERM);
        client_clean_up();
        return 0;
}

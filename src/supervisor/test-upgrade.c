/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The supervisor takes its own place by execve(2), beside running containers. As test-supervisor.c. */

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "shared/strutil.h"
#include "supervisor/state.h"
#include "supervisor/test-client.h"

/* Lines "line N" are all of an output, and all there. Return: how many. */
static int check_lines(const char *text) {
        int next = 0;

        for (const char *p = text; *p; p = strchr(p, '\n') + 1, next++) {
                const char *number = startswith(p, "line ");

                CHECK(number);
                CHECK_INT(atoi(number), next);
        }
        return next;
}

/* The same of the standard output in a log, where a line may come in parts. */
static int check_log(const char *container) {
        _cleanup_free_ char *log = client_log(container);
        char *out = log;

        for (const char *p = log; *p;) {
                const char *text = p + strlen("stdout F "), *end = strchr(p, '\n');
                bool whole = text[-2] == 'F', is_stdout = startswith(p, "stdout ");

                p = end + 1;
                if (is_stdout)
                        out = mempcpy(out, text, end - text + whole);
        }
        *out = '\0';
        return check_lines(log);
}

static char *grow(char *text, size_t size) {
        char *grown = realloc(text, size);

        CHECK(grown);
        return grown;
}

/* Reads what is there, at least something, to the end of *text, and counts the lines. */
static void read_some(int fd, char **text, size_t *size, size_t *lines) {
        char part[65536];
        ssize_t got = read(fd, part, sizeof(part));

        CHECK(got > 0);
        *text = grow(*text, *size + got + 1);
        memcpy(*text + *size, part, got);
        *size += got;
        for (ssize_t i = 0; i < got; i++)
                *lines += part[i] == '\n';
}

/* Lines in one go, as the command has it: more than the supervisor keeps for a client. */
#define GO 40000

/* A container that writes is upgraded under, many times; one client reads it all, later. */
static void test_output(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec =
                client_spec("trap 'echo error >&2; exit 7' TERM; i=0; end=0; while read -r go; do"
                            " end=$((end+40000)); while [ $i -lt $end ]; do"
                            " echo line $i; i=$((i+1)); done; done");
        _cleanup_free_ char *text = NULL, *rest = NULL;
        size_t size = 0, lines = 0;
        Reply reply;
        int fds[3], n;

        spec->process.streams[0] = STREAM_PIPE;
        client_run(spec);
        reply = client_do(REQUEST_ATTACH, spec->id);
        memcpy(fds, client_fds, sizeof(fds));
        reply_done(&reply);
        for (int i = 1; i <= 11; i++) {
                /* Whoever takes nothing for a while misses something: what takes long is done before. */
                client_install(NULL, NULL);
                CHECK_INT(write(fds[0], "\n", 1), 1);
                read_some(fds[1], &text, &size, &lines);
                if (i == 11)
                        break;
                client_ask_upgrade();
                client_await_upgrade();
                while (lines < (size_t)i * GO)
                        read_some(fds[1], &text, &size, &lines);
        }
        client_signal(spec->id, SIGTERM);
        client_ask_upgrade();
        client_await_upgrade();
        rest = strdup(client_read(fds[1]));
        CHECK(rest);
        text = grow(text, size + strlen(rest) + 1);
        memcpy(text + size, rest, strlen(rest) + 1);
        CHECK_INT(client_exit(spec->id, 0).status, 7);
        CHECK_STR(client_read(fds[2]), "error\n");
        close(fds[0]);
        n = check_lines(text);
        CHECK(n > 10 * GO);
        CHECK_INT(check_log(spec->id), n);
}

static void test_terminal(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec =
                client_spec("while read -r line; do echo \"<$line>\"; stty size; done; exit 6");
        Request start = {.type = REQUEST_START, .spec = spec, .attach = {1}};
        Request resize = {.type = REQUEST_RESIZE, .rows = 40, .columns = 50}, exec;
        int pair[2], second, inner;
        Reply reply;

        spec->process.tty = true;
        spec->process.rows = 20;
        spec->process.columns = 30;
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        reply = client_ask(&start, &pair[1], 1);
        client_check(&reply);
        reply_done(&reply);
        close(pair[1]);
        reply = client_do(REQUEST_ATTACH, spec->id);
        second = client_fds[0];
        reply_done(&reply);
        exec = client_exec(spec, 1, "read -r line; echo \"[$line]\"; exit 3");
        exec.exec.tty = true;
        reply = client_ask(&exec, NULL, 0);
        client_check(&reply);
        inner = client_fds[0];
        reply_done(&reply);
        request_done(&exec);

        CHECK_INT(write(second, "be", 2), 2);
        client_upgrade();
        CHECK_INT(write(second, "fore\n", 5), 5);
        client_expect(pair[0], "<before>\r\n20 30\r\n");
        client_expect(second, "<before>\r\n20 30\r\n");
        memcpy(resize.container, spec->id, sizeof(resize.container));
        reply = client_ask(&resize, NULL, 0);
        client_check(&reply);
        reply_done(&reply);
        CHECK_INT(write(inner, "x\n", 2), 2);
        client_expect(inner, "[x]\r\n");
        CHECK_INT(client_exit(spec->id, 1).status, 3);
        close(inner);
        client_upgrade();
        CHECK_INT(write(pair[0], "again\n\4", 7), 7);
        CHECK(strstr(client_read(second), "<again>\r\n40 50\r\n"));
        CHECK(strstr(client_read(pair[0]), "<again>\r\n40 50\r\n"));
        CHECK_INT(client_exit(spec->id, 0).status, 6);
}

/* What a client has not taken yet is still there for it, also when its container is over. */
static void test_backlog(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec =
                client_spec("read -r go; dd if=/dev/zero bs=1k count=200 2>/dev/null;"
                            "echo over; exit 5");
        Reply reply;
        int fds[3];
        const char *text;

        spec->process.streams[0] = STREAM_PIPE;
        client_run(spec);
        reply = client_do(REQUEST_ATTACH, spec->id);
        memcpy(fds, client_fds, sizeof(fds));
        reply_done(&reply);
        CHECK_INT(write(fds[0], "\n", 1), 1);
        CHECK_INT(client_exit(spec->id, 0).status, 5);
        client_upgrade();
        client_upgrade();
        text = client_read(fds[1]);
        CHECK_STR(text + 200 * 1024, "over\n");
        close(fds[0]);
        close(fds[2]);
}

/* Exits around an upgrade, before it, in the middle and after it, are told with their status. */
static void test_exits(void) {
        enum { N = 12 };
        ContainerSpec *specs[N];
        char command[64];

        for (int round = 0; round < 3; round++) {
                for (int i = 0; i < N; i++) {
                        snprintf(command, sizeof(command), "sleep 0.%02d; exit %d", 3 * i, 10 + i);
                        specs[i] = client_spec(command);
                        client_run(specs[i]);
                }
                client_upgrade();
                for (int i = 0; i < N; i++) {
                        _cleanup_free_ char *path = NULL;
                        Event event = client_exit(specs[i]->id, 0);

                        CHECK_INT(event.status, 10 + i);
                        path = strf("%s/run/state/%s.json", test_dir, specs[i]->id);
                        CHECK(path && access(path, F_OK) < 0);
                        container_spec_free(specs[i]);
                }
        }
}

static int count_fds(void) {
        char path[32];
        DIR *dir;
        int n = 0;

        snprintf(path, sizeof(path), "/proc/%d/fd", (int)client_supervisor());
        dir = opendir(path);
        CHECK(dir);
        while (readdir(dir))
                n++;
        closedir(dir);
        return n;
}

/* Starts and execs that are on their way when the upgrade is asked for are finished first. */
static void test_requests(void) {
        _cleanup_(container_spec_freep) ContainerSpec *base = client_spec("exec sleep 1000");
        int ends[3], before;

        client_upgrade();
        before = count_fds();
        client_run(base);
        for (uint64_t i = 1; i <= 6; i++) {
                _cleanup_(container_spec_freep) ContainerSpec *spec = client_spec("exit 9");
                Request exec = client_exec(base, i, "cat; exit 8");
                Reply reply;

                exec.exec.streams[0] = STREAM_PIPE;
                client_install(NULL, NULL);
                client_ask_upgrade();
                client_run(spec);
                reply = client_ask(&exec, NULL, 0);
                client_check(&reply);
                memcpy(ends, client_fds, sizeof(ends));
                reply_done(&reply);
                request_done(&exec);
                client_await_upgrade();
                CHECK_INT(client_exit(spec->id, 0).status, 9);
                CHECK_INT(write(ends[0], "text\n", 5), 5);
                close(ends[0]);
                CHECK_STR(client_read(ends[1]), "text\n");
                close(ends[2]);
                CHECK_INT(client_exit(base->id, i).status, 8);
        }
        client_signal(base->id, SIGKILL);
        CHECK_INT(client_exit(base->id, 0).status, 137);
        for (int i = 0; i < 5000 && count_fds() > before; i++)
                usleep(10000);
        CHECK_INT(count_fds(), before);
}

/* What a process leaves behind that has ended still gets into the log; a paused container stays paused. */
static void test_rest(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec = client_spec("exec sleep 1000");
        _cleanup_free_ char *log = NULL;
        Request exec;
        Reply reply;

        client_run(spec);
        exec = client_exec(spec, 1,
                           "mkfifo /tmp/fifo; (read -r x < /tmp/fifo; echo later) & exit 2");
        exec.exec.streams[1] = STREAM_LOG;
        exec.exec.streams[2] = STREAM_NULL;
        reply = client_ask(&exec, NULL, 0);
        client_check(&reply);
        reply_done(&reply);
        request_done(&exec);
        CHECK_INT(client_exit(spec->id, 1).status, 2);
        reply = client_do(REQUEST_FREEZE, spec->id);
        reply_done(&reply);
        client_upgrade();
        exec = client_exec(spec, 2, "true");
        reply = client_ask(&exec, NULL, 0);
        CHECK_INT(reply.error.number, EBUSY);
        reply_done(&reply);
        reply = client_do(REQUEST_THAW, spec->id);
        reply_done(&reply);
        request_done(&exec);
        client_command(spec, 2, "echo > /tmp/fifo");
        log = client_await_log(spec->id, "later");
        CHECK_STR(log, "stdout F later\n");
        client_signal(spec->id, SIGKILL);
        CHECK_INT(client_exit(spec->id, 0).status, 137);
}

/* A program that can't be executed changes nothing. */
static void test_failure(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec = client_spec(
                "i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i+1)); sleep 0.01; done; read -r go; exit 4");
        const char *program = client_program();
        Reply reply;
        int input;

        spec->process.streams[0] = STREAM_PIPE;
        client_run(spec);
        reply = client_do(REQUEST_ATTACH, spec->id);
        input = client_fds[0];
        fd_close_many(client_fds + 1, 2);
        reply_done(&reply);
        for (int i = 0; i < 3; i++) {
                int fd;

                if (i != 1)
                        CHECK_INT(unlink(program), 0);
                if (i > 0) {
                        fd = open(program, O_WRONLY | O_CREAT | O_CLOEXEC, i == 1 ? 0600 : 0700);
                        CHECK_INT(write(fd, "rubbish", 7), 7);
                        close(fd);
                }
                client_ask_upgrade();
                /* It still hears. */
                reply = client_do(REQUEST_PROCESSES, spec->id);
                CHECK(reply.n_pids > 0);
                reply_done(&reply);
        }
        client_upgrade();
        CHECK_INT(write(input, "\n", 1), 1);
        close(input);
        CHECK_INT(client_exit(spec->id, 0).status, 4);
        CHECK_INT(check_log(spec->id), 100);
}

/* To a program that closes the connections and listens anew. */
static void upgrade_to(const char *from, const char *to) {
        _cleanup_free_ char *path = strf("%s/run/" SUPERVISOR_SOCKET, test_dir);
        struct stat before, after;

        CHECK(path);
        CHECK_INT(stat(path, &before), 0);
        client_install(from, to);
        client_ask_upgrade();
        client_await_upgrade();
        for (int i = 0; i < 6000; i++, usleep(10000))
                if (stat(path, &after) == 0 && after.st_ctim.tv_nsec != before.st_ctim.tv_nsec)
                        break;
        client_reconnect();
}

/* A program that knows another format adopts the containers as those of one that was killed. */
static void test_other_format(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec = client_spec(
                "trap 'exit 4' TERM; i=0; while :; do echo line $i; i=$((i+1)); sleep 0.01; done");
        char other[] = STATE_FORMAT;
        _cleanup_free_ char *program = NULL;
        Request exec;
        Reply reply;
        int stdin_fd;

        other[0] = 'X';
        client_run(spec);
        exec = client_exec(spec, 1, "cat");
        exec.exec.streams[0] = STREAM_PIPE;
        reply = client_ask(&exec, NULL, 0);
        client_check(&reply);
        stdin_fd = client_fds[0];
        close(client_fds[1]);
        close(client_fds[2]);
        program = strf("/proc/%d/exe", (int)reply.pid);
        reply_done(&reply);
        request_done(&exec);

        upgrade_to(STATE_FORMAT, other);
        reply = client_ask(&(Request){.type = REQUEST_HELLO}, NULL, 0);
        CHECK_INT(reply.inventory->n_containers, 1);
        CHECK_STR(reply.inventory->containers[0].id, spec->id);
        CHECK_INT(reply.inventory->containers[0].n_processes, 1);
        reply_done(&reply);
        /* As a zombie that nobody waits for it would hold up the container's end. */
        close(stdin_fd);
        for (int i = 0; i < 6000 && access(program, F_OK) == 0; i++)
                usleep(10000);
        CHECK(access(program, F_OK) < 0);
        free(client_await_log(spec->id, "line 6\n"));
        client_signal(spec->id, SIGTERM);
        /* Its parent is still the same process. */
        CHECK_INT(client_exit(spec->id, 0).status, 4);
        CHECK(check_log(spec->id) > 5);
        /* Back again. */
        upgrade_to(NULL, NULL);
}

int main(int argc, char **argv) {
        if (argc < 2 || !client_prepare(argv[1]))
                return 77;
        client_install(NULL, NULL);
        client_start_supervisor();
        test_output();
        test_terminal();
        test_backlog();
        test_exits();
        test_requests();
        test_rest();
        test_failure();
        test_other_format();
        client_stop_supervisor(SIGTERM);
        client_clean_up();
        return 0;
}

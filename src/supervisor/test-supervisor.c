/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a supervisor with real containers. Needs root and a static /bin/busybox; skips itself (77) without. The first argument
 * is the program under test. */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "supervisor/test-client.h"

static void test_run(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec =
                client_spec("echo out; echo error >&2; printf end; exit 7");
        _cleanup_free_ char *log = NULL;
        Event event;

        client_run(spec);
        event = client_exit(spec->id, 0);
        CHECK_INT(event.status, 7);
        CHECK(!event.oom_killed);
        CHECK(event.finished_at > 0);
        /* All of it is there when the event comes. */
        log = client_log(spec->id);
        CHECK(strstr(log, "stdout F out\n"));
        CHECK(strstr(log, "stderr F error\n"));
        CHECK(strstr(log, "stdout P end\n"));
}

static void test_exit_record(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec = client_spec("kill -9 $$; exit 3");
        _cleanup_json_ Json *json = NULL;
        char path[256];
        Event event, record;

        client_run(spec);
        event = client_exit(spec->id, 0);
        snprintf(path, sizeof(path), "%s/run/exits/%s.json", test_dir, spec->id);
        CHECK_INT(json_read_file_at(AT_FDCWD, path, 65536, &json), 0);
        CHECK_INT(event_decode(json, &record), 0);
        /* The first process of a pid namespace can't be killed from inside. */
        CHECK_INT(record.status, 3);
        CHECK_INT(record.status, event.status);
        CHECK(record.finished_at == event.finished_at);
        snprintf(path, sizeof(path), "%s/run/state/%s.json", test_dir, spec->id);
        CHECK(access(path, F_OK) < 0);
}

static void test_failed_start(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec = client_spec("true");
        Request request = {.type = REQUEST_START, .spec = spec};
        Reply reply;

        free(spec->process.argv[0]);
        spec->process.argv[0] = strdup("/bin/nothing");
        reply = client_ask(&request, NULL, 0);
        CHECK_STR(reply.error.stage, "exec");
        CHECK_INT(reply.error.number, ENOENT);
        reply_done(&reply);

        free(spec->process.argv[0]);
        spec->process.argv[0] = strdup("/bin/sh");
        spec->limits.cpuset = strdup("8000");
        reply = client_ask(&request, NULL, 0);
        CHECK_STR(reply.error.stage, "cgroup");
        reply_done(&reply);

        /* What failed has left nothing in the way. */
        free(spec->limits.cpuset);
        spec->limits.cpuset = NULL;
        client_run(spec);
        CHECK_INT(client_exit(spec->id, 0).status, 0);
        client_run(spec);
        CHECK_INT(client_exit(spec->id, 0).status, 0);
}

static void test_signals(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec =
                client_spec("trap 'echo got; exit 5' TERM; echo ready; while :; do sleep 0.1; done");
        Request request = {.type = REQUEST_SIGNAL, .signal = SIGTERM};
        _cleanup_free_ char *log = NULL;
        Reply reply;

        client_run(spec);
        for (int i = 0; i < 200 && (!log || !strstr(log, "ready")); i++, usleep(10000)) {
                free(log);
                log = client_log(spec->id);
        }
        memcpy(request.container, spec->id, sizeof(request.container));
        request.process = 9;
        reply = client_ask(&request, NULL, 0);
        CHECK_INT(reply.error.number, ESRCH);
        reply_done(&reply);
        request.process = 0;
        reply = client_ask(&request, NULL, 0);
        CHECK_INT(reply.error.number, 0);
        reply_done(&reply);
        CHECK_INT(client_exit(spec->id, 0).status, 5);
        reply = client_ask(&request, NULL, 0);
        CHECK_INT(reply.error.number, ENOENT);
        reply_done(&reply);

        client_run(spec);
        reply = client_do(REQUEST_KILL, spec->id);
        reply_done(&reply);
        CHECK_INT(client_exit(spec->id, 0).status, 137);
}

static Request exec_request(const ContainerSpec *spec, uint64_t process, const char *command) {
        Request request = {.type = REQUEST_EXEC, .process = process};

        memcpy(request.container, spec->id, sizeof(request.container));
        CHECK_INT(strv_extend(&request.exec.argv, "/bin/sh"), 0);
        CHECK_INT(strv_extend(&request.exec.argv, "-c"), 0);
        CHECK_INT(strv_extend(&request.exec.argv, command), 0);
        request.exec.streams[1] = request.exec.streams[2] = STREAM_PIPE;
        request.exec.no_new_privileges = request.exec.seccomp = true;
        return request;
}

static void test_exec(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec = client_spec("exec sleep 1000");
        Request request;
        Reply reply;
        int fds[2];

        client_run(spec);
        request = exec_request(spec, 1, "cat; echo out; echo error >&2; exit 9");
        request.exec.streams[0] = STREAM_PIPE;
        reply = client_ask(&request, NULL, 0);
        CHECK_INT(reply.error.number, 0);
        CHECK(reply.pid > 0);
        CHECK_INT(client_n_fds, 3);
        CHECK_STR(reply.streams[0], "stdin");
        CHECK_STR(reply.streams[2], "stderr");
        CHECK_INT(write(client_fds[0], "in\n", 3), 3);
        close(client_fds[0]);
        CHECK_STR(client_read(client_fds[1]), "in\nout\n");
        CHECK_STR(client_read(client_fds[2]), "error\n");
        reply_done(&reply);
        CHECK_INT(client_exit(spec->id, 1).status, 9);
        request_done(&request);

        /* The given descriptor is the process's own. */
        CHECK_INT(pipe(fds), 0);
        request = exec_request(spec, 2, "echo direct");
        request.exec.streams[1] = STREAM_GIVEN;
        request.exec.streams[2] = STREAM_NULL;
        reply = client_ask(&request, &fds[1], 1);
        CHECK_INT(reply.error.number, 0);
        CHECK_INT(client_n_fds, 0);
        close(fds[1]);
        CHECK_STR(client_read(fds[0]), "direct\n");
        reply_done(&reply);
        CHECK_INT(client_exit(spec->id, 2).status, 0);
        request_done(&request);

        request = exec_request(spec, 3, "echo tty; stty size; exit 4");
        request.exec.tty = true;
        request.exec.rows = 11;
        request.exec.columns = 22;
        reply = client_ask(&request, NULL, 0);
        CHECK_INT(reply.error.number, 0);
        CHECK_STR(reply.streams[0], "tty");
        reply_done(&reply);
        {
                char text[256];
                ssize_t n, size = 0;

                while ((n = read(client_fds[0], text + size, sizeof(text) - size - 1)) > 0)
                        size += n;
                close(client_fds[0]);
                text[size] = '\0';
                CHECK_STR(text, "tty\r\n11 22\r\n");
        }
        CHECK_INT(client_exit(spec->id, 3).status, 4);
        request_done(&request);

        /* Ends with the container. */
        request = exec_request(spec, 4, "sleep 1000");
        reply = client_ask(&request, NULL, 0);
        CHECK_INT(reply.error.number, 0);
        reply_done(&reply);
        reply = client_ask(&request, NULL, 0);
        CHECK_INT(reply.error.number, EEXIST);
        reply_done(&reply);
        fd_close_many(client_fds, client_n_fds);
        reply = client_do(REQUEST_KILL, spec->id);
        reply_done(&reply);
        CHECK_INT(client_event().process, 4);
        CHECK_INT(client_exit(spec->id, 0).status, 137);
        request_done(&request);
}

int main(int argc, char **argv) {
        if (argc < 2 || !client_prepare(argv[1]))
                return 77;
        client_start_supervisor();
        test_run();
        test_exit_record();
        test_failed_start();
        test_signals();
        test_exec();
        client_stop_supervisor(SIGTERM);
        client_clean_up();
        return 0;
}

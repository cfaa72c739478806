/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a supervisor with real containers. Needs root and a static /bin/busybox; skips itself (77)
 * without. The first argument is the program under test. */

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

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
        _cleanup_(container_spec_freep) ContainerSpec *spec = client_spec(
                "trap 'echo got; exit 5' TERM; echo ready; while :; do sleep 0.1; done");
        Request request = {.type = REQUEST_SIGNAL, .signal = SIGTERM};
        _cleanup_free_ char *log = NULL;
        Reply reply;

        client_run(spec);
        log = client_await_log(spec->id, "ready");
        memcpy(request.container, spec->id, sizeof(request.container));
        request.process = 9;
        reply = client_ask(&request, NULL, 0);
        CHECK_INT(reply.error.number, ESRCH);
        reply_done(&reply);
        request.process = 0;
        reply = client_ask(&request, NULL, 0);
        client_check(&reply);
        reply_done(&reply);
        CHECK_INT(client_exit(spec->id, 0).status, 5);
        reply = client_ask(&request, NULL, 0);
        CHECK_INT(reply.error.number, ESRCH);
        reply_done(&reply);

        client_run(spec);
        reply = client_do(REQUEST_KILL, spec->id);
        reply_done(&reply);
        CHECK_INT(client_exit(spec->id, 0).status, 137);
}

static void test_exec(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec = client_spec("exec sleep 1000");
        _cleanup_free_ char *log = NULL;
        Request request;
        Reply reply;
        int fds[2];

        client_run(spec);
        request = client_exec(spec, 1, "cat; echo out; echo error >&2; exit 9");
        request.exec.streams[0] = STREAM_PIPE;
        reply = client_ask(&request, NULL, 0);
        client_check(&reply);
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
        request = client_exec(spec, 2, "echo direct");
        request.exec.streams[1] = STREAM_GIVEN;
        request.exec.streams[2] = STREAM_NULL;
        reply = client_ask(&request, &fds[1], 1);
        client_check(&reply);
        CHECK_INT(client_n_fds, 0);
        close(fds[1]);
        CHECK_STR(client_read(fds[0]), "direct\n");
        reply_done(&reply);
        CHECK_INT(client_exit(spec->id, 2).status, 0);
        request_done(&request);

        request = client_exec(spec, 3, "echo tty; stty size; exit 4");
        request.exec.tty = true;
        request.exec.rows = 11;
        request.exec.columns = 22;
        reply = client_ask(&request, NULL, 0);
        client_check(&reply);
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

        /* What it leaves behind doesn't keep its end from being told, nor does it lose its
         * voice. */
        request = client_exec(
                spec, 5,
                "mkfifo /tmp/fifo; (read -r x < /tmp/fifo; echo later) & echo now; exit 2");
        request.exec.streams[1] = STREAM_LOG;
        request.exec.streams[2] = STREAM_NULL;
        reply = client_ask(&request, NULL, 0);
        client_check(&reply);
        reply_done(&reply);
        CHECK_INT(client_exit(spec->id, 5).status, 2);
        log = client_log(spec->id);
        CHECK_STR(log, "stdout F now\n");
        client_command(spec, 6, "echo > /tmp/fifo");
        free(log);
        log = client_await_log(spec->id, "later");
        CHECK_STR(log, "stdout F now\nstdout F later\n");
        request_done(&request);

        /* Ends with the container. */
        request = client_exec(spec, 4, "sleep 1000");
        reply = client_ask(&request, NULL, 0);
        client_check(&reply);
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

/* Until the supervisor has come round its loop: what was in pipes is read. */
static void settle(void) {
        for (int i = 0; i < 5; i++) {
                Reply reply = client_ask(&(Request){.type = REQUEST_HELLO}, NULL, 0);

                client_check(&reply);
                reply_done(&reply);
        }
}

static void test_pause(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec =
                client_spec("while :; do echo x; sleep 0.02; done");
        _cleanup_free_ char *before = NULL, *after = NULL;
        Request request;
        Reply reply;

        client_run(spec);
        free(client_await_log(spec->id, "x"));
        reply = client_do(REQUEST_FREEZE, spec->id);
        reply_done(&reply);
        settle();
        before = client_log(spec->id);
        usleep(200000);
        after = client_log(spec->id);
        CHECK_STR(after, before);

        request = client_exec(spec, 1, "true");
        reply = client_ask(&request, NULL, 0);
        CHECK_INT(reply.error.number, EBUSY);
        reply_done(&reply);
        request_done(&request);
        reply = client_ask(&(Request){.type = REQUEST_HELLO}, NULL, 0);
        CHECK_INT(reply.inventory->n_containers, 1);
        CHECK(reply.inventory->containers[0].frozen);
        reply_done(&reply);

        reply = client_do(REQUEST_THAW, spec->id);
        reply_done(&reply);
        for (int i = 0; i < 6000 && strlen(after) <= strlen(before); i++, usleep(10000)) {
                free(after);
                after = client_log(spec->id);
        }
        CHECK(strlen(after) > strlen(before));

        /* Also ends a frozen one. */
        reply = client_do(REQUEST_FREEZE, spec->id);
        reply_done(&reply);
        reply = client_do(REQUEST_KILL, spec->id);
        reply_done(&reply);
        CHECK_INT(client_exit(spec->id, 0).status, 137);
}

static void test_resources(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec =
                client_spec("sleep 1000 & read -r line; tail /dev/zero");
        Request request = {.type = REQUEST_UPDATE};
        Reply reply;
        Event event;
        int fd;

        spec->process.streams[0] = STREAM_PIPE;
        spec->limits.memory = 64 << 20;
        spec->limits.memory_swap = 64 << 20;
        reply = client_ask(&(Request){.type = REQUEST_START, .spec = spec}, NULL, 0);
        if (reply.error.number == EOPNOTSUPP)
                return; /* no memory controller */
        client_check(&reply);
        reply_done(&reply);
        reply = client_do(REQUEST_ATTACH, spec->id);
        fd = client_fds[0];
        close(client_fds[1]);
        close(client_fds[2]);
        reply_done(&reply);
        for (size_t n = 0; n != 2; usleep(10000)) {
                reply = client_do(REQUEST_PROCESSES, spec->id);
                n = reply.n_pids;
                reply_done(&reply);
        }
        reply = client_do(REQUEST_STATS, spec->id);
        CHECK_INT(reply.stats.pids, 2);
        CHECK_INT(reply.stats.memory_limit, 64 << 20);
        CHECK(reply.stats.memory > 0);
        CHECK(reply.stats.cpu_ns > 0);
        reply_done(&reply);

        memcpy(request.container, spec->id, sizeof(request.container));
        request.limits.memory = 24 << 20;
        request.limits.memory_swap = 24 << 20;
        reply = client_ask(&request, NULL, 0);
        client_check(&reply);
        reply_done(&reply);
        reply = client_do(REQUEST_STATS, spec->id);
        CHECK_INT(reply.stats.memory_limit, 24 << 20);
        reply_done(&reply);

        CHECK_INT(write(fd, "\n", 1), 1);
        close(fd);
        event = client_event();
        CHECK_INT(event.type, EVENT_OOM);
        CHECK_STR(event.container, spec->id);
        event = client_exit(spec->id, 0);
        CHECK_INT(event.status, 137);
        CHECK(event.oom_killed);
}

static void test_views(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec =
                client_spec("echo text > /tmp/made; echo ready; sleep 1000");
        Request request = {.type = REQUEST_VIEW, .spec = spec, .running = true};
        _cleanup_free_ char *text = NULL, *merged = NULL;
        char path[256];
        Reply reply;

        client_run(spec);
        free(client_await_log(spec->id, "ready"));
        reply = client_ask(&request, NULL, 0);
        client_check(&reply);
        CHECK_STR(reply.streams[0], "root");
        CHECK_INT(fd_read_file_at(client_fds[0], "tmp/made", 100, &text, NULL), 0);
        CHECK_STR(text, "text\n");
        close(client_fds[0]);
        reply_done(&reply);
        reply = client_do(REQUEST_KILL, spec->id);
        reply_done(&reply);
        client_exit(spec->id, 0);

        snprintf(path, sizeof(path), "%s/state/containers/%s/merged/tmp/made", test_dir, spec->id);
        request.type = REQUEST_MOUNT;
        request.running = false;
        reply = client_ask(&request, NULL, 0);
        client_check(&reply);
        reply_done(&reply);
        CHECK_INT(fd_read_file_at(AT_FDCWD, path, 100, &merged, NULL), 0);
        CHECK_STR(merged, "text\n");
        for (int i = 0; i < 2; i++) {
                reply = client_do(REQUEST_UNMOUNT, spec->id);
                reply_done(&reply);
        }
        CHECK(access(path, F_OK) < 0);
}

static void test_refused(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec = client_spec("sleep 1000");
        Request request = {.type = REQUEST_START, .spec = spec, .attach = {1}};
        int second = client_connect();
        Reply reply;

        reply = client_ask(&request, NULL, 0);
        CHECK_STR(reply.error.stage, "protocol");
        reply_done(&reply);
        request.attach[0] = 0;
        client_run(spec);
        reply = client_ask(&request, NULL, 0);
        CHECK_INT(reply.error.number, EEXIST);
        reply_done(&reply);
        /* What makes no sense costs the one who says it the connection. */
        CHECK_INT(send(second, "nonsense", 8, 0), 8);
        CHECK_STR(client_read(second), "");
        reply = client_do(REQUEST_KILL, spec->id);
        reply_done(&reply);
        client_exit(spec->id, 0);
}

static const InventoryContainer *find_container(const Inventory *inventory, const char *id) {
        for (size_t i = 0; i < inventory->n_containers; i++)
                if (strcmp(inventory->containers[i].id, id) == 0)
                        return &inventory->containers[i];
        return NULL;
}

/* Containers go on without their supervisor, and belong to the next one. */
static void test_adoption(int signo) {
        _cleanup_(container_spec_freep) ContainerSpec *spec =
                client_spec("trap 'echo got; exit 5' TERM; echo ready; i=0;"
                            "while :; do echo line $i; i=$((i+1)); sleep 0.01; done");
        _cleanup_(container_spec_freep) ContainerSpec *gone = client_spec("exec sleep 1000");
        Request exec;
        _cleanup_json_ Json *json = NULL;
        _cleanup_free_ char *log = NULL;
        char path[256];
        int next = 0;
        const InventoryContainer *adopted;
        pid_t pid, gone_pid;
        Reply reply;
        Event event;

        pid = client_run(spec);
        gone_pid = client_run(gone);
        free(client_await_log(spec->id, "line 3\n"));
        client_stop_supervisor(signo);
        CHECK_INT(kill(pid, 0), 0);
        CHECK_INT(kill(gone_pid, SIGKILL), 0);
        snprintf(path, sizeof(path), "/proc/%d/exe", (int)gone_pid);
        for (int i = 0; i < 6000 && access(path, F_OK) == 0; i++)
                usleep(10000);
        client_start_supervisor();

        reply = client_ask(&(Request){.type = REQUEST_HELLO}, NULL, 0);
        adopted = find_container(reply.inventory, spec->id);
        CHECK(adopted);
        CHECK_INT(adopted->n_processes, 1);
        CHECK_INT(adopted->processes[0].pid, pid);
        CHECK(adopted->start_time > 0);
        CHECK_INT(adopted->id_base, spec->id_base);
        reply_done(&reply);
        /* Whether its new parent has reaped it already or not. */
        snprintf(path, sizeof(path), "%s/run/exits/%s.json", test_dir, gone->id);
        client_await_file(path);
        CHECK_INT(json_read_file_at(AT_FDCWD, path, 65536, &json), 0);
        CHECK_INT(event_decode(json, &event), 0);
        CHECK(event.status == -1 || event.status == 137);

        exec = client_exec(spec, 1, "cat /proc/1/comm");
        reply = client_ask(&exec, NULL, 0);
        client_check(&reply);
        reply_done(&reply);
        CHECK_STR(client_read(client_fds[0]), "sh\n");
        close(client_fds[1]);
        CHECK_INT(client_exit(spec->id, 1).status, 0);
        request_done(&exec);

        free(client_await_log(spec->id, "line 25\n"));
        client_signal(spec->id, SIGTERM);
        event = client_exit(spec->id, 0);
        /* Kernels before 6.15 don't tell. */
        CHECK(event.status == 5 || event.status == -1);
        /* Not a line is lost that was put out while there was no supervisor. */
        log = client_log(spec->id);
        CHECK(strstr(log, "stdout F ready\n"));
        CHECK(strstr(log, "stdout F got\n"));
        for (const char *p = log; (p = strstr(p, "line ")); p++, next++) {
                int i;

                CHECK_INT(sscanf(p, "line %d", &i), 1);
                CHECK_INT(i, next);
        }
        CHECK(next > 20);
}

/* The record of a container that runs couldn't be removed when it ended. The next supervisor removes it; how it ended is
 * known as long as that record is there, which the daemon takes. */
static void test_record_left(bool taken) {
        _cleanup_(container_spec_freep) ContainerSpec *spec = client_spec("read -r line; exit 7");
        char running[256], aside[sizeof(running) + 1], exited[256];
        _cleanup_json_ Json *json = NULL;
        Reply reply;
        Event event;

        spec->process.streams[0] = STREAM_PIPE;
        client_run(spec);
        snprintf(running, sizeof(running), "%s/run/state/%s.json", test_dir, spec->id);
        snprintf(aside, sizeof(aside), "%s_", running);
        snprintf(exited, sizeof(exited), "%s/run/exits/%s.json", test_dir, spec->id);
        CHECK_INT(rename(running, aside), 0);
        CHECK_INT(mkdir(running, 0700), 0);
        reply = client_do(REQUEST_ATTACH, spec->id);
        CHECK_INT(write(client_fds[0], "\n", 1), 1);
        fd_close_many(client_fds, client_n_fds);
        reply_done(&reply);
        CHECK_INT(client_exit(spec->id, 0).status, 7);
        CHECK_INT(rmdir(running), 0);
        CHECK_INT(rename(aside, running), 0);
        if (taken)
                CHECK_INT(unlink(exited), 0);

        client_stop_supervisor(SIGKILL);
        client_start_supervisor();
        CHECK(access(running, F_OK) < 0);
        CHECK_INT(json_read_file_at(AT_FDCWD, exited, 65536, &json), 0);
        CHECK_INT(event_decode(json, &event), 0);
        CHECK_INT(event.status, taken ? -1 : 7);
        CHECK_INT(unlink(exited), 0);
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
        test_pause();
        test_resources();
        test_views();
        test_refused();
        test_adoption(SIGTERM);
        test_adoption(SIGKILL);
        test_record_left(false);
        test_record_left(true);
        client_stop_supervisor(SIGTERM);
        client_clean_up();
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A container is frozen while something else goes on with it, or by somebody else. As test-supervisor.c. */

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "shared/strutil.h"
#include "supervisor/test-client.h"

#define CHILDREN "100"

/* The directory of a process's control group, as far as it can be frozen there; version 1 has a hierarchy for that. */
static char group[512];
static bool is_v1;

static void find_group(pid_t pid) {
        _cleanup_free_ char *text = NULL;
        char path[64], *line;

        snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
        CHECK_INT(fd_read_file_at(AT_FDCWD, path, 65536, &text, NULL), 0);
        line = strstr(text, ":freezer:");
        is_v1 = line != NULL;
        line = is_v1 ? line + strlen(":freezer:") : strstr(text, "0::") + strlen("0::");
        *strchrnul(line, '\n') = '\0';
        snprintf(group, sizeof(group), "/sys/fs/cgroup%s%s", is_v1 ? "/freezer" : "", line);
}

static void write_attribute(const char *name, const char *value) {
        char path[600];

        snprintf(path, sizeof(path), "%s/%s", group, name);
        CHECK_INT(fd_write_attribute_at(AT_FDCWD, path, value), 0);
}

static char *read_attribute(const char *name) {
        static char *text;
        char path[600];

        free(text);
        text = NULL;
        snprintf(path, sizeof(path), "%s/%s", group, name);
        CHECK_INT(fd_read_file_at(AT_FDCWD, path, 65536, &text, NULL), 0);
        return text;
}

#define WAIT_UNTIL(condition)                                                                      \
        do {                                                                                       \
                for (int i_ = 0; i_ < 2000 && !(condition); i_++)                                  \
                        usleep(10000);                                                             \
                CHECK(condition);                                                                  \
        } while (0)

/* Behind the supervisor's back. */
static void freeze(void) {
        write_attribute(is_v1 ? "freezer.state" : "cgroup.freeze", is_v1 ? "FROZEN" : "1");
        if (is_v1)
                WAIT_UNTIL(strcmp(read_attribute("freezer.state"), "FROZEN\n") == 0);
        else
                WAIT_UNTIL(strstr(read_attribute("cgroup.events"), "frozen 1"));
}

static void thaw(void) {
        write_attribute(is_v1 ? "freezer.state" : "cgroup.freeze", is_v1 ? "THAWED" : "0");
}

static int count_processes(void) {
        int n = 0;

        for (const char *p = read_attribute("cgroup.procs"); *p; p++)
                n += *p == '\n';
        return n;
}

static Request request_for(const ContainerSpec *spec, RequestType type) {
        Request request = {.type = type};

        memcpy(request.container, spec->id, sizeof(request.container));
        return request;
}

static uint64_t send_for(const ContainerSpec *spec, RequestType type) {
        Request request = request_for(spec, type);

        return client_send(&request);
}

/* After it everything has been read that was sent before. */
static bool hello(void) {
        Reply reply = client_answer(client_send(&(Request){.type = REQUEST_HELLO}));
        bool frozen = reply.inventory->n_containers > 0 && reply.inventory->containers[0].frozen;

        client_check(&reply);
        reply_done(&reply);
        return frozen;
}

static void answered(uint64_t serial, int error) {
        Reply reply = client_answer(serial);

        CHECK_INT(reply.error.number, error);
        fd_close_many(client_fds, client_n_fds);
        reply_done(&reply);
}

static void end(const ContainerSpec *spec) {
        answered(send_for(spec, REQUEST_KILL), 0);
        CHECK_INT(client_exit(spec->id, 0).status, 137);
}

/* A container, and the request to execute something in it, which does not get far. */
static ContainerSpec *run_frozen(Request *exec) {
        ContainerSpec *spec = client_spec("exec sleep 1000");

        find_group(client_run(spec));
        freeze();
        *exec = client_exec(spec, 1, "exit 3");
        return spec;
}

static void await_exec(void) {
        WAIT_UNTIL(count_processes() == 2);
}

/* It is executed first. */
static void test_while_executing(void) {
        _cleanup_(request_done) Request exec = {};
        _cleanup_(container_spec_freep) ContainerSpec *spec = run_frozen(&exec);
        uint64_t executed = client_send(&exec), frozen;

        await_exec();
        frozen = send_for(spec, REQUEST_FREEZE);
        hello();
        answered(send_for(spec, REQUEST_FREEZE), EALREADY);
        thaw();
        answered(executed, 0);
        answered(frozen, 0);
        CHECK(hello());
        answered(send_for(spec, REQUEST_THAW), 0);
        CHECK_INT(client_exit(spec->id, 1).status, 3);
        end(spec);
}

/* Who has asked for it goes, and does not wait for it. */
static void test_given_up(void) {
        _cleanup_(request_done) Request exec = {};
        _cleanup_(container_spec_freep) ContainerSpec *spec = run_frozen(&exec);
        Request requests[] = {request_for(spec, REQUEST_FREEZE), request_for(spec, REQUEST_STATS)};
        int second = client_connect();
        uint64_t executed;
        char reply[4096];

        client_send_by(second, &exec);
        await_exec();
        close(second);
        hello();
        thaw();
        WAIT_UNTIL(count_processes() == 1);

        freeze();
        executed = client_send(&exec);
        await_exec();
        second = client_connect();
        for (size_t i = 0; i < ELEMENTSOF(requests); i++)
                client_send_by(second, &requests[i]);
        CHECK(recv(second, reply, sizeof(reply), 0) > 0);
        close(second);
        thaw();
        answered(executed, 0);
        CHECK_INT(client_exit(spec->id, 1).status, 3);
        CHECK(!hello());
        end(spec);
}

/* The end goes before. */
static void test_killed_meanwhile(void) {
        _cleanup_(request_done) Request exec = {};
        _cleanup_(container_spec_freep) ContainerSpec *spec = run_frozen(&exec);
        uint64_t executed = client_send(&exec), frozen, killed;
        Reply reply;

        await_exec();
        frozen = send_for(spec, REQUEST_FREEZE);
        killed = send_for(spec, REQUEST_KILL);
        answered(frozen, ESRCH);
        answered(killed, 0);
        /* It may just come to execute its command. */
        reply = client_answer(executed);
        CHECK(reply.error.number == 0 || reply.error.number == ESRCH);
        fd_close_many(client_fds, client_n_fds);
        reply_done(&reply);
        CHECK_INT(client_exit(spec->id, 0).status, 137);
}

/* What is about to end is not frozen any more: it could stop halfway. */
static void test_killed_before(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec = client_spec(
                "i=0; while [ $i -lt " CHILDREN " ]; do sleep 1000 & i=$((i+1)); done; wait");
        uint64_t killed, frozen;

        find_group(client_run(spec));
        WAIT_UNTIL(count_processes() > atoi(CHILDREN));
        killed = send_for(spec, REQUEST_KILL);
        frozen = send_for(spec, REQUEST_FREEZE);
        answered(killed, 0);
        answered(frozen, ESRCH);
        CHECK_INT(client_exit(spec->id, 0).status, 137);
}

/* Return: a process in the group that is not `main`. */
static pid_t find_other(pid_t main) {
        char *end;
        pid_t pid = (pid_t)strtol(read_attribute("cgroup.procs"), &end, 10);

        return pid == main ? (pid_t)strtol(end, NULL, 10) : pid;
}

/* The main process of a container is killed, and waits for the other one, which is frozen in a group of its own. */
static pid_t end_half(pid_t main) {
        char path[64], text[16];
        pid_t other;

        WAIT_UNTIL(count_processes() == 2);
        other = find_other(main);
        snprintf(text, sizeof(text), "%d", (int)other);
        snprintf(group + strlen(group), sizeof(group) - strlen(group), "/sub");
        CHECK_INT(mkdir(group, 0755), 0);
        write_attribute("cgroup.procs", text);
        freeze();
        CHECK_INT(kill(main, SIGKILL), 0);
        snprintf(path, sizeof(path), "/proc/%d/exe", (int)main);
        WAIT_UNTIL(access(path, F_OK) < 0);
        *strrchr(group, '/') = '\0';
        return other;
}

/* Only whether the container itself is frozen counts then. */
static void take_back(pid_t other) {
        char text[16];

        snprintf(text, sizeof(text), "%d", (int)other);
        write_attribute("cgroup.procs", text);
}

/* It ends while it is being frozen; or that is found out by the next supervisor. */
static void test_ending(void) {
        _cleanup_(container_spec_freep) ContainerSpec *spec =
                client_spec("sleep 1000 & wait; exit 1");
        pid_t main = client_run(spec), other;

        find_group(main);
        if (!is_v1) { /* what is frozen can be killed there */
                end(spec);
                return;
        }
        other = end_half(main);
        answered(send_for(spec, REQUEST_FREEZE), ESRCH);
        take_back(other);
        CHECK_INT(client_exit(spec->id, 0).status, 137);

        main = client_run(spec);
        other = end_half(main);
        freeze();
        take_back(other);
        client_stop_supervisor(SIGKILL);
        client_start_supervisor();
        client_exit(spec->id, 0);
}

int main(int argc, char **argv) {
        if (argc < 2 || !client_prepare(argv[1]))
                return 77;
        client_start_supervisor();
        test_while_executing();
        test_given_up();
        test_killed_meanwhile();
        test_killed_before();
        test_ending();
        client_stop_supervisor(SIGTERM);
        client_clean_up();
        return 0;
}

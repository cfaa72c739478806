/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "supervisor/test-client.h"
#include "supervisor/test-scene.h"

#define LAYER "1111111111111111111111111111111111111111111111111111111111111111"
#define TIMEOUT_MSEC 60000

char test_dir[64] = "/tmp/test-supervisor-XXXXXX";
int client_fds[FD_PASS_MAX];
size_t client_n_fds;

static const char *program, *original;
static size_t installed_size;
static char cgroup_parent[64];
static pid_t supervisor;
static int client = -EBADF;
static uint64_t serial;

static int passed[16];
static size_t n_passed;
static const char *passed_names;

static Event events[256];
static size_t n_events;

static const char *in_dir(const char *path) {
        static char text[4][256];
        static unsigned i;
        char *s = text[i++ % 4];

        snprintf(s, sizeof(text[0]), "%s/%s", test_dir, path);
        return s;
}

static void make_dir(const char *path) {
        CHECK_INT(mkdir(in_dir(path), 0755), 0);
}

static bool copy_busybox(void) {
        _cleanup_close_ int from = open("/bin/busybox", O_RDONLY | O_CLOEXEC);
        _cleanup_close_ int to = open(in_dir("state/layers/" LAYER "/diff/bin/busybox"),
                                      O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
        struct stat st;

        if (from < 0)
                return false;
        CHECK(to >= 0);
        CHECK_INT(fstat(from, &st), 0);
        CHECK_INT(sendfile(to, from, NULL, st.st_size), st.st_size);
        CHECK_INT(fchmod(to, 0755), 0);
        CHECK_INT(symlink("busybox", in_dir("state/layers/" LAYER "/diff/bin/sh")), 0);
        return true;
}

bool client_prepare(const char *path) {
        if (geteuid() != 0)
                return false;
        program = original = path;
        snprintf(cgroup_parent, sizeof(cgroup_parent), "/mydocker-test-supervisor-%d",
                 (int)getpid());
        scene_begin(test_dir, cgroup_parent);
        make_dir("state");
        make_dir("state/containers");
        make_dir("state/layers");
        make_dir("state/layers/" LAYER);
        make_dir("state/layers/" LAYER "/diff");
        make_dir("state/layers/" LAYER "/diff/bin");
        make_dir("state/layers/" LAYER "/diff/tmp");
        if (copy_busybox())
                return true;
        client_clean_up();
        return false;
}

void client_clean_up(void) {
        scene_end();
}

const char *client_program(void) {
        return program;
}

void client_install(const char *from, const char *to) {
        static char copy[256];
        static size_t count;
        _cleanup_free_ char *data = NULL;
        _cleanup_close_ int fd =
                open(in_dir("supervisor.new"), O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
        size_t size, n = 0;
        char *end;

        CHECK(fd >= 0);
        CHECK_INT(fd_read_file_at(AT_FDCWD, original, 1 << 28, &data, &size), 0);
        end = data + size;
        for (char *p = data; from && (p = memmem(p, end - p, from, strlen(from))); n++)
                p = mempcpy(p, to, strlen(to));
        CHECK(!from || n > 0);
        /* Each has a size of its own, which tells what is executed; what follows a program's end is nothing. */
        installed_size = size + ++count;
        data = realloc(data, installed_size);
        CHECK(data);
        memset(data + size, 0, count);
        /* Not on its way to the disk: nobody shall wait for that. */
        CHECK_INT(fd_write_all(fd, data, installed_size), 0);
        CHECK_INT(rename(in_dir("supervisor.new"), in_dir("supervisor")), 0);
        snprintf(copy, sizeof(copy), "%s", in_dir("supervisor"));
        program = copy;
}

void client_ask_upgrade(void) {
        CHECK_INT(kill(supervisor, SIGHUP), 0);
}

void client_upgrade(void) {
        Reply reply;

        client_install(NULL, NULL);
        client_ask_upgrade();
        client_await_upgrade();
        reply = client_ask(&(Request){.type = REQUEST_HELLO}, NULL, 0);
        client_check(&reply);
        reply_done(&reply);
}

void client_await_upgrade(void) {
        char path[32], target[64] = "";
        struct stat st = {};

        snprintf(path, sizeof(path), "/proc/%d/exe", (int)supervisor);
        for (int i = 0; i < TIMEOUT_MSEC; i += 10, usleep(10000)) {
                /* It goes on from a copy in memory. */
                if (readlink(path, target, sizeof(target) - 1) > 0 &&
                    strncmp(target, "/memfd:", 7) == 0 && stat(path, &st) == 0 &&
                    (size_t)st.st_size == installed_size)
                        return;
        }
        fprintf(stderr, "the upgrade didn't come: %s, %lld bytes\n", target, (long long)st.st_size);
        abort();
}

int client_connect(void) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), r = -1;

        CHECK(fd >= 0);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s",
                 in_dir("run/" SUPERVISOR_SOCKET));
        for (int i = 0; i < TIMEOUT_MSEC && r < 0; i += 10) {
                r = connect(fd, (struct sockaddr *)&address, sizeof(address));
                if (r < 0)
                        usleep(10000);
        }
        CHECK_INT(r, 0);
        return fd;
}

void client_reconnect(void) {
        Reply reply;

        safe_close(client);
        client = client_connect();
        CHECK_INT(message_socket_prepare(client), 0);
        reply = client_ask(&(Request){.type = REQUEST_HELLO}, NULL, 0);
        CHECK_INT(reply.error.number, 0);
        reply_done(&reply);
}

void client_pass(const int *fds, size_t n, const char *names) {
        CHECK(n <= ELEMENTSOF(passed));
        for (size_t i = 0; i < n; i++) /* out of the way of the numbers that they get */
                CHECK((passed[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 100)) >= 0);
        n_passed = n;
        passed_names = names;
}

static void set_passed(void) {
        char number[16];

        for (size_t i = 0; i < n_passed; i++)
                dup2(passed[i], 3 + (int)i);
        snprintf(number, sizeof(number), "%d", (int)getpid());
        setenv("LISTEN_PID", number, true);
        snprintf(number, sizeof(number), "%zu", n_passed);
        setenv("LISTEN_FDS", number, true);
        setenv("LISTEN_FDNAMES", passed_names, true);
}

pid_t client_start_supervisor(void) {
        supervisor = fork();
        CHECK(supervisor >= 0);
        if (supervisor == 0) {
                char state[128], run[128], parent[128];

                snprintf(state, sizeof(state), "--state-dir=%s", in_dir("state"));
                snprintf(run, sizeof(run), "--runtime-dir=%s", in_dir("run"));
                snprintf(parent, sizeof(parent), "--cgroup-parent=%s", cgroup_parent);
                if (n_passed > 0)
                        set_passed();
                execl(program, program, state, run, parent, NULL);
                _exit(127);
        }
        scene_set_supervisor(supervisor);
        fd_close_many(passed, n_passed);
        n_passed = 0;
        n_events = 0;
        client = -EBADF;
        client_reconnect();
        return supervisor;
}

pid_t client_supervisor(void) {
        return supervisor;
}

void client_stop_supervisor(int signo) {
        int status;

        client = safe_close(client);
        CHECK_INT(kill(supervisor, signo), 0);
        CHECK_INT(waitpid(supervisor, &status, 0), supervisor);
        scene_set_supervisor(0);
        if (signo == SIGTERM)
                CHECK_INT(status, 0);
}

ContainerSpec *client_spec(const char *command) {
        static const char *const dirs[] = {"", "/upper", "/work", "/merged"};
        static unsigned count;
        ContainerSpec *spec = calloc(1, sizeof(ContainerSpec));
        char path[128];

        CHECK(spec);
        CHECK_INT(id_make(spec->id), 0);
        CHECK_INT(strv_extend(&spec->layers, LAYER), 0);
        spec->hostname = strdup("box");
        spec->id_base = 1000000 + 65536 * (count++ % 1000);
        spec->log.driver = strdup("file");
        CHECK_INT(strv_extend(&spec->process.argv, "/bin/sh"), 0);
        CHECK_INT(strv_extend(&spec->process.argv, "-c"), 0);
        CHECK_INT(strv_extend(&spec->process.argv, command), 0);
        CHECK_INT(strv_extend(&spec->process.env, "PATH=/bin"), 0);
        CHECK_INT(strv_extend(&spec->process.capabilities, "CAP_KILL"), 0);
        spec->process.streams[1] = spec->process.streams[2] = STREAM_LOG;
        spec->process.no_new_privileges = spec->process.seccomp = true;
        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                snprintf(path, sizeof(path), "state/containers/%s%s", spec->id, dirs[i]);
                make_dir(path);
        }
        return spec;
}

/* Receives one packet. Return: the serial of a reply in *ret, or 0 for an event, which is kept. */
static uint64_t receive(Reply *ret) {
        struct pollfd pollfd = {.fd = client, .events = POLLIN};
        _cleanup_json_ Json *json = NULL;
        int fds[FD_PASS_MAX];
        size_t n_fds;

        CHECK_INT(poll(&pollfd, 1, TIMEOUT_MSEC), 1);
        CHECK_INT(message_receive(client, &json, fds, &n_fds), 1);
        if (message_is_event(json)) {
                CHECK(n_events < ELEMENTSOF(events));
                CHECK_INT(event_decode(json, &events[n_events++]), 0);
                return 0;
        }
        CHECK_INT(reply_decode(json, ret), 0);
        client_n_fds = n_fds;
        memcpy(client_fds, fds, sizeof(fds));
        return ret->serial;
}

static uint64_t send_by(int socket, const Request *request, const int *fds, size_t n_fds) {
        Request copy = *request;
        _cleanup_json_ Json *json = NULL;

        copy.serial = ++serial;
        if (copy.spec)
                memcpy(copy.container, copy.spec->id, sizeof(copy.container));
        CHECK_INT(request_encode(&copy, &json), 0);
        CHECK_INT(message_send(socket, json, fds, n_fds), 0);
        return copy.serial;
}

uint64_t client_send(const Request *request) {
        return send_by(client, request, NULL, 0);
}

void client_send_by(int socket, const Request *request) {
        (void)send_by(socket, request, NULL, 0);
}

Reply client_answer(uint64_t expected) {
        Reply reply;
        uint64_t got;

        while ((got = receive(&reply)) == 0)
                ;
        CHECK_INT(got, expected);
        return reply;
}

Reply client_ask(const Request *request, const int *fds, size_t n_fds) {
        uint64_t expected = send_by(client, request, fds, n_fds);
        Reply reply;

        while (receive(&reply) != expected)
                ;
        return reply;
}

void client_check(const Reply *reply) {
        char text[640];

        if (reply->error.number == 0)
                return;
        fprintf(stderr, "request %llu failed: %s: %s\n", (unsigned long long)reply->serial,
                reply->error.stage, error_format(&reply->error, text, sizeof(text)));
        abort();
}

Reply client_do(RequestType type, const char *container) {
        Request request = {.type = type};
        Reply reply;

        memcpy(request.container, container, ID_LENGTH + 1);
        reply = client_ask(&request, NULL, 0);
        client_check(&reply);
        return reply;
}

pid_t client_run(const ContainerSpec *spec) {
        Request request = {.type = REQUEST_START, .spec = (ContainerSpec *)spec};
        Reply reply = client_ask(&request, NULL, 0);
        pid_t pid = reply.pid;

        client_check(&reply);
        CHECK(pid > 0);
        reply_done(&reply);
        return pid;
}

void client_signal(const char *container, int signo) {
        Request request = {.type = REQUEST_SIGNAL, .signal = signo};
        Reply reply;

        memcpy(request.container, container, ID_LENGTH + 1);
        reply = client_ask(&request, NULL, 0);
        client_check(&reply);
        reply_done(&reply);
}

Event client_event(void) {
        Event event;
        Reply reply;

        while (n_events == 0)
                CHECK_INT(receive(&reply), 0);
        event = events[0];
        memmove(events, events + 1, --n_events * sizeof(Event));
        return event;
}

Event client_exit(const char *container, uint64_t process) {
        for (;;) {
                Reply reply;

                for (size_t i = 0; i < n_events; i++) {
                        Event event = events[i];

                        if (event.type != EVENT_EXITED || event.process != process ||
                            strcmp(event.container, container) != 0)
                                continue;
                        memmove(events + i, events + i + 1, (--n_events - i) * sizeof(Event));
                        return event;
                }
                CHECK_INT(receive(&reply), 0);
        }
}

const char *client_read(int fd) {
        static char *text;

        free(text);
        text = NULL;
        CHECK_INT(fd_read_all(fd, 1 << 30, &text, NULL), 0);
        close(fd);
        return text;
}

char *client_log(const char *container) {
        char path[128], *text, *out;
        const char *p;

        snprintf(path, sizeof(path), "state/containers/%s/log", container);
        CHECK_INT(fd_read_file_at(AT_FDCWD, in_dir(path), 1 << 30, &text, NULL), 0);
        p = out = text;
        while (*p) {
                const char *line = strchr(p, ' ') + 1, *end = strchr(p, '\n') + 1;

                out = mempcpy(out, line, end - line);
                p = end;
        }
        *out = '\0';
        return text;
}

char *client_await_log(const char *container, const char *text) {
        for (int i = 0; i < TIMEOUT_MSEC; i += 10, usleep(10000)) {
                char *log = client_log(container);

                if (strstr(log, text))
                        return log;
                free(log);
        }
        fprintf(stderr, "\"%s\" didn't get into the log\n", text);
        abort();
}

void client_await_file(const char *path) {
        for (int i = 0; i < TIMEOUT_MSEC && access(path, F_OK) < 0; i += 10)
                usleep(10000);
        CHECK_INT(access(path, F_OK), 0);
}

void client_expect(int fd, const char *text) {
        char buffer[8192];
        size_t size = 0;

        for (;;) {
                struct pollfd pollfd = {.fd = fd, .events = POLLIN};
                ssize_t n;

                CHECK_INT(poll(&pollfd, 1, TIMEOUT_MSEC), 1);
                n = read(fd, buffer + size, sizeof(buffer) - size - 1);
                buffer[size + MAX(n, 0)] = '\0';
                if (n <= 0) {
                        fprintf(stderr, "\"%s\" didn't come, but \"%s\"\n", text, buffer);
                        exit(1);
                }
                size += n;
                if (strstr(buffer, text))
                        return;
        }
}

Request client_exec(const ContainerSpec *spec, uint64_t process, const char *command) {
        Request request = {.type = REQUEST_EXEC, .process = process};

        memcpy(request.container, spec->id, sizeof(request.container));
        CHECK_INT(strv_extend(&request.exec.argv, "/bin/sh"), 0);
        CHECK_INT(strv_extend(&request.exec.argv, "-c"), 0);
        CHECK_INT(strv_extend(&request.exec.argv, command), 0);
        request.exec.streams[1] = request.exec.streams[2] = STREAM_PIPE;
        request.exec.no_new_privileges = request.exec.seccomp = true;
        return request;
}

void client_command(const ContainerSpec *spec, uint64_t process, const char *command) {
        Request request = client_exec(spec, process, command);
        Reply reply = client_ask(&request, NULL, 0);

        client_check(&reply);
        fd_close_many(client_fds, client_n_fds);
        reply_done(&reply);
        request_done(&request);
        CHECK_INT(client_exit(spec->id, process).status, 0);
}

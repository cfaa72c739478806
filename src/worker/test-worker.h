/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* For the tests of the worker: a directory to work in, and whole workers, sandbox included, in
 * processes of their own. */

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/message.h"
#include "protocol/work.h"
#include "shared/fd.h"
#include "shared/test.h"
#include "worker/tree.h"
#include "worker/worker.h"

/* Ends the test as skipped unless it may do what a worker does. */
static inline void need_root(void) {
        if (geteuid() != 0)
                exit(77);
        umask(0);
}

/* Makes a directory and goes there. */
static inline int enter_scratch(char path[static 64]) {
        int fd;

        /* /tmp may be a file system without attributes. */
        snprintf(path, 64, "/var/tmp/mydocker-test-XXXXXX");
        CHECK(mkdtemp(path));
        CHECK(chdir(path) >= 0);
        fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(fd >= 0);
        return fd;
}

static inline void leave_scratch(int fd, const char *path) {
        Error error = {};

        CHECK_INT(tree_empty(fd, &error), 0);
        close(fd);
        CHECK(chdir("/") >= 0);
        CHECK(rmdir(path) >= 0);
}

static inline int open_dir(const char *path) {
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        CHECK(fd >= 0);
        return fd;
}

static inline int make_dir(const char *path) {
        CHECK(mkdir(path, 0755) >= 0);
        return open_dir(path);
}

static inline void write_file(const char *path, const char *text) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        CHECK(fd >= 0);
        CHECK_INT(fd_write_all(fd, text, strlen(text)), 0);
        close(fd);
}

static inline void check_file(const char *path, const char *expected) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        CHECK_INT(fd_read_file_at(AT_FDCWD, path, 1 << 20, &text, &size), 0);
        CHECK_STR(text, expected);
}

static inline const WorkerJobs *jobs_of(WorkType type) {
        return streq(work_program(type), "mydocker-worker") ? &tree_jobs : &archive_jobs;
}

/* Starts a worker with this order; `fds` stay the caller's. *ret is the socket to it. Return:
 * its pid. */
static inline pid_t start_work(const Work *work, const int *fds, size_t n_fds, int *ret) {
        _cleanup_json_ Json *order = NULL;
        int pair[2];
        pid_t pid;

        CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) >= 0);
        CHECK_INT(work_encode(work, &order), 0);
        CHECK_INT(message_send(pair[0], order, fds, n_fds), 0);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                if (dup2(pair[1], WORKER_SOCKET_FD) < 0)
                        _exit(1);
                if (pair[1] != WORKER_SOCKET_FD)
                        close(pair[1]);
                if (pair[0] != WORKER_SOCKET_FD)
                        close(pair[0]);
                exit(worker_main(
                        jobs_of(work->type))); /* and not _exit(2): the leak check comes with it */
        }
        close(pair[1]);
        *ret = pair[0];
        return pid;
}

/* Waits for the outcome. Return: its "done", or NULL with *error set. */
static inline Json *finish_work(pid_t pid, int socket, Error *error) {
        Json *done = NULL, *description = NULL;
        int fds[FD_PASS_MAX], status;
        size_t n_fds;

        *error = (Error){};
        for (;;) {
                _cleanup_json_ Json *message = NULL;

                if (message_receive(socket, &message, fds, &n_fds) <= 0)
                        break;
                if (json_object_object_get_ex(message, "progress", NULL))
                        continue;
                if (json_object_object_get_ex(message, "done", &done))
                        json_object_get(done);
                else if (json_get_object(message, "error", &description) > 0)
                        CHECK_INT(error_from_json(description, error), 0);
        }
        close(socket);
        CHECK_INT(waitpid(pid, &status, 0), pid);
        CHECK(WIFEXITED(status));
        CHECK(done || error->number != 0);
        CHECK_INT(WEXITSTATUS(status), done ? 0 : 1);
        return done;
}

static inline Json *do_work(const Work *work, const int *fds, size_t n_fds, Error *error) {
        int socket;
        pid_t pid = start_work(work, fds, n_fds, &socket);

        return finish_work(pid, socket, error);
}

/* As do_work(), for what must succeed. */
static inline Json *succeed(const Work *work, const int *fds, size_t n_fds) {
        Error error;
        Json *done = do_work(work, fds, n_fds, &error);
        char text[sizeof(error.text) + 128];

        if (!done)
                fprintf(stderr, "%s: %s\n", error.stage, error_format(&error, text, sizeof(text)));
        CHECK(done);
        return done;
}

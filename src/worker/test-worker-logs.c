/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading logs: the choice of lines, and following through rotation. */

#include <poll.h>

#include "shared/strutil.h"
#include "worker/test-worker.h"

#define BASE 1767225600ULL /* 2026-01-01T00:00:00Z */

static void append(const char *file, unsigned i, const char *tag) {
        int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);
        char line[128];

        CHECK(fd >= 0);
        snprintf(line, sizeof(line), "2026-01-01T00:%02u:%02u.000000%03uZ stdout %s n%u\n", i / 60,
                 i % 60, i % 1000, tag, i);
        CHECK_INT(fd_write_all(fd, line, strlen(line)), 0);
        close(fd);
}

/* The numbers of the lines in a text, each with a blank before it. */
static char *numbers(const char *text) {
        char *result = strdup("");

        for (const char *p = text; result && (p = strstr(p, " n")); p++) {
                char *longer = strf("%s %d", result, atoi(p + 2));

                free(result);
                result = longer;
        }
        CHECK(result);
        return result;
}

static void check_lines(const Work *order, const char *expected) {
        _cleanup_free_ char *text = NULL, *found = NULL;
        int ends[2], dir = open_dir(".");
        size_t size;

        /* All of it fits into the pipe. */
        CHECK(pipe2(ends, O_CLOEXEC) >= 0);
        json_object_put(succeed(order, (int[]){ends[1], dir}, 2));
        close(ends[1]);
        CHECK_INT(fd_read_all(ends[0], 1 << 20, &text, &size), 0);
        found = numbers(text);
        CHECK_STR(found, expected);
        close(ends[0]);
        close(dir);
}

static void test_choice(void) {
        Work order = {.type = WORK_LOGS, .tail = -1};

        check_lines(&order, "");
        for (unsigned i = 1; i <= 3; i++)
                append("log.1", i, "F");
        append("log", 4, "F");
        /* One long line. */
        append("log", 5, "P");
        append("log", 5, "P");
        append("log", 5, "F");
        append("log", 6, "F");
        check_lines(&order, " 1 2 3 4 5 5 5 6");
        order.tail = 0;
        check_lines(&order, "");
        order.tail = 2;
        check_lines(&order, " 5 5 5 6");
        order.tail = 4;
        check_lines(&order, " 3 4 5 5 5 6");
        order.tail = 100;
        check_lines(&order, " 1 2 3 4 5 5 5 6");
        order.tail = -1;
        order.since = (BASE + 3) * 1000000;
        check_lines(&order, " 3 4 5 5 5 6");
        order.until = (BASE + 4) * 1000000;
        check_lines(&order, " 3 4");
        order.since = 0;
        check_lines(&order, " 1 2 3 4");
        CHECK(unlink("log") >= 0 && unlink("log.1") >= 0);
}

/* Reads from the pipe until line `last` has come. */
static void read_until(int fd, unsigned last, unsigned *next, char *buffer, size_t *used) {
        while (*next <= last) {
                struct pollfd pollfd = {.fd = fd, .events = POLLIN};
                char *line = buffer, *newline;
                ssize_t n;

                CHECK(poll(&pollfd, 1, 60000) == 1);
                n = read(fd, buffer + *used, 4000 - *used);
                CHECK(n > 0);
                *used += (size_t)n;
                while ((newline = memchr(line, '\n', (size_t)(buffer + *used - line)))) {
                        *newline = '\0';
                        CHECK_INT(atoi(strstr(line, " n") + 2), *next);
                        (*next)++;
                        line = newline + 1;
                }
                *used -= (size_t)(line - buffer);
                memmove(buffer, line, *used);
        }
}

static void test_follow(void) {
        const Work order = {.type = WORK_LOGS, .tail = 1, .follow = true};
        int ends[2], dir = open_dir("."), socket;
        _cleanup_json_ Json *done = NULL;
        char buffer[4096];
        size_t used = 0;
        unsigned next = 2, i;
        Error error;
        pid_t pid;

        append("log", 1, "F");
        append("log", 2, "F");
        CHECK(pipe2(ends, O_CLOEXEC) >= 0);
        pid = start_work(&order, (int[]){ends[1], dir}, 2, &socket);
        close(ends[1]);
        read_until(ends[0], 2, &next, buffer, &used);
        for (i = 3; i < 600; i++) {
                append("log", i, "F");
                /* Rotated, with lines in the old file that were perhaps not read yet. */
                if (i % 50 == 0) {
                        CHECK(rename("log", "log.1") >= 0);
                        read_until(ends[0], i, &next, buffer, &used);
                }
        }
        /* The container has ended: what was written is still read. */
        CHECK(shutdown(socket, SHUT_WR) >= 0);
        read_until(ends[0], i - 1, &next, buffer, &used);
        CHECK_INT(read(ends[0], buffer, 1), 0);
        done = finish_work(pid, socket, &error);
        CHECK(done);
        close(ends[0]);
        close(dir);
}

static void test_reader_gone(void) {
        const Work order = {.type = WORK_LOGS, .tail = 0, .follow = true};
        int ends[2], dir = open_dir("."), socket;
        _cleanup_json_ Json *done = NULL;
        Error error;
        pid_t pid;

        CHECK(pipe2(ends, O_CLOEXEC) >= 0);
        pid = start_work(&order, (int[]){ends[1], dir}, 2, &socket);
        close(ends[1]);
        close(ends[0]);
        alarm(60);
        done = finish_work(pid, socket, &error);
        alarm(0);
        CHECK(done);
        close(dir);
}

int main(void) {
        char path[64];
        int scratch;

        need_root();
        scratch = enter_scratch(path);
        test_choice();
        test_follow();
        test_reader_gone();
        leave_scratch(scratch, path);
        return 0;
}

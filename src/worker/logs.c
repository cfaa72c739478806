/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading a container's log: files "log.1" (the older) and "log", each line TIME STREAM TAG TEXT
 * as the supervisor writes them; see OpenLogs in the D-Bus interface. */

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>

#include "shared/process.h"
#include "shared/strutil.h"
#include "worker/job.h"

#define BLOCK_SIZE (128 * 1024)
/* A line that is longer is not the supervisor's. */
#define LINE_MAX_SIZE (1024 * 1024)
#define HEAD_MAX 64

typedef struct LogReader {
        Job *job;
        int output, directory;
        int file; /* the one that is read; -EBADF: none yet */
        struct stat st;
        /* What was read and is not yet a whole line. */
        char *line;
        size_t used, allocated;
        bool past; /* a line of after `until` was seen */
        bool gone; /* the reader of the output has */
} LogReader;

static int open_log(const LogReader *reader, const char *name, struct stat *st) {
        int fd = openat(reader->directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        if (fstat(fd, st) < 0 || !S_ISREG(st->st_mode)) {
                safe_close(fd);
                return -EINVAL;
        }
        return fd;
}

/* The time of a line in µs, 0 when it has none. */
static uint64_t line_time(const char *line, size_t size) {
        char head[HEAD_MAX];
        struct tm tm = {};
        const char *rest;
        uint64_t us = 0, unit = 100000;

        snprintf(head, sizeof(head), "%.*s", (int)MIN(size, sizeof(head) - 1), line);
        rest = strptime(head, "%Y-%m-%dT%H:%M:%S", &tm);
        if (!rest)
                return 0;
        if (*rest == '.')
                for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
                        us += (uint64_t)(*rest - '0') * unit;
        return (uint64_t)timegm(&tm) * 1000000 + us;
}

static int put_out(LogReader *reader, const char *data, size_t size, Error *e) {
        int r;

        if (size == 0 || reader->gone)
                return 0;
        r = fd_write_all(reader->output, data, size);
        if (r == -EPIPE)
                reader->gone = true;
        else if (r < 0)
                return error_set(e, r, "output", "writing the log");
        return 0;
}

/* Puts out the whole lines of `data` that the order asks for, in as few pieces as possible. */
static int put_lines(LogReader *reader, const char *data, size_t size, Error *e) {
        const Work *order = &reader->job->order;
        const char *start = data, *p = data, *end = data + size;

        if (order->since == 0 && order->until == 0)
                return put_out(reader, data, size, e);
        while (p < end) {
                const char *newline = memchr(p, '\n', (size_t)(end - p)), *next = newline + 1;
                uint64_t time = line_time(p, (size_t)(next - p));

                if (order->until > 0 && time > order->until) {
                        reader->past = true;
                        break;
                }
                if (time < order->since) {
                        TRY(put_out(reader, start, (size_t)(p - start), e));
                        start = next;
                }
                p = next;
        }
        return put_out(reader, start, (size_t)(p - start), e);
}

/* Makes room for another block. */
static int grow(LogReader *reader) {
        char *line;

        if (reader->allocated - reader->used >= BLOCK_SIZE)
                return 0;
        line = realloc(reader->line, reader->used + BLOCK_SIZE);
        if (!line)
                return -ENOMEM;
        reader->line = line;
        reader->allocated = reader->used + BLOCK_SIZE;
        return 0;
}

/* Puts out what the open file has beyond what was read; a line that is not yet whole waits. */
static int read_on(LogReader *reader, Error *e) {
        while (reader->file >= 0 && !reader->past && !reader->gone) {
                const char *newline;
                size_t whole;
                ssize_t n;

                if (reader->used > LINE_MAX_SIZE)
                        return error_set(e, EBADMSG, "read", "the log has a line without end");
                if (grow(reader) < 0)
                        return error_oom(e);
                n = read(reader->file, reader->line + reader->used, BLOCK_SIZE);
                if (n < 0)
                        return error_set(e, errno, "read", "reading the log");
                if (n == 0)
                        break;
                newline = memrchr(reader->line + reader->used, '\n', (size_t)n);
                reader->used += (size_t)n;
                if (!newline)
                        continue;
                whole = (size_t)(newline + 1 - reader->line);
                TRY(put_lines(reader, reader->line, whole, e));
                reader->used -= whole;
                memmove(reader->line, reader->line + whole, reader->used);
        }
        return 0;
}

/* Goes over to another file; takes `fd`. */
static void change_to(LogReader *reader, int fd, const struct stat *st) {
        safe_close(reader->file);
        reader->file = fd;
        reader->st = *st;
        reader->used = 0;
}

static bool is_open(const LogReader *reader, const struct stat *st) {
        return reader->file >= 0 && reader->st.st_dev == st->st_dev &&
               reader->st.st_ino == st->st_ino;
}

/* Reads on, through rotation: when "log" has become "log.1" since, the rest of that file comes
 * first, then one that came and went between, then the new one. Any of the names may be missing
 * for a moment or change between two looks. */
static int read_on_rotated(LogReader *reader, Error *e) {
        _cleanup_close_ int current = -EBADF, older = -EBADF;
        struct stat current_st = {}, older_st = {};

        current = open_log(reader, "log", &current_st);
        if (current >= 0 && is_open(reader, &current_st))
                return read_on(reader, e);
        older = open_log(reader, "log.1", &older_st);
        TRY(read_on(reader, e));
        if (older >= 0 && !is_open(reader, &older_st)) {
                change_to(reader, TAKE_FD(older), &older_st);
                TRY(read_on(reader, e));
        }
        if (current >= 0 && !is_open(reader, &current_st)) {
                change_to(reader, TAKE_FD(current), &current_st);
                TRY(read_on(reader, e));
        }
        return 0;
}

/* Whether the line at `offset` ends what was written as one: its tag is F. */
static bool line_is_last_piece(int fd, off_t offset) {
        char head[HEAD_MAX + 1];
        ssize_t n = pread(fd, head, HEAD_MAX, offset);
        const char *tag;

        head[MAX(n, 0)] = '\0';
        tag = strchr(head, ' ');
        tag = tag ? strchr(tag + 1, ' ') : NULL;
        return !tag || tag[1] != 'P';
}

/* Finds where the last *count lines of a file begin. *count becomes the number that is missing.
 * A long line, written in pieces, is one; so is the last one of `newest`, the file that is written to, though its end may
 * be still to come. Return: the offset or a negative errno. */
static off_t find_tail(int fd, off_t size, bool newest, uint64_t *count) {
        _cleanup_free_ char *block = malloc(BLOCK_SIZE);
        off_t start = size, end = size; /* of the line that begins at `start` */

        if (!block)
                return -ENOMEM;
        /* `end` goes down over the file; each newline below it ends the line before `start`. */
        while (end > 0) {
                size_t length = (size_t)MIN(end, (off_t)BLOCK_SIZE);
                ssize_t n = pread(fd, block, length, end - (off_t)length);

                if (n < 0)
                        return -errno;
                if ((size_t)n != length)
                        return -EIO;
                end -= (off_t)length;
                for (size_t i = length; i-- > 0;) {
                        off_t begin = end + (off_t)i + 1;

                        if (block[i] != '\n' || begin == size)
                                continue;
                        if ((newest && start == size) || line_is_last_piece(fd, begin)) {
                                if (*count == 0)
                                        return start;
                                (*count)--;
                        }
                        start = begin;
                }
        }
        if (size > 0 && ((newest && start == size) || line_is_last_piece(fd, 0))) {
                if (*count == 0)
                        return start;
                (*count)--;
        }
        return 0;
}

/* Opens the files there are and goes to where reading begins. */
static int begin(LogReader *reader, Error *e) {
        _cleanup_close_ int current = -EBADF, older = -EBADF;
        struct stat current_st = {}, older_st = {};
        off_t current_start = 0, older_start = 0;
        uint64_t count;

        /* In this order no file can be missed between the two, only be seen as both. */
        current = open_log(reader, "log", &current_st);
        older = open_log(reader, "log.1", &older_st);
        if (current >= 0 && older >= 0 && current_st.st_ino == older_st.st_ino)
                older = safe_close(older);
        if (reader->job->order.tail >= 0) {
                count = (uint64_t)reader->job->order.tail;
                if (current >= 0)
                        current_start = find_tail(current, current_st.st_size, true, &count);
                if (older >= 0 && current_start >= 0)
                        older_start = find_tail(older, older_st.st_size, current < 0, &count);
                if (current_start < 0 || older_start < 0)
                        return error_set(e, (int)MIN(current_start, older_start), "read",
                                         "looking for the last lines of the log");
        }
        if (older >= 0) {
                if (lseek(older, older_start, SEEK_SET) < 0)
                        return error_set(e, errno, "read", "reading the log");
                change_to(reader, TAKE_FD(older), &older_st);
                TRY(read_on(reader, e));
        }
        if (current < 0)
                return 0;
        if (lseek(current, current_start, SEEK_SET) < 0)
                return error_set(e, errno, "read", "reading the log");
        change_to(reader, TAKE_FD(current), &current_st);
        return read_on(reader, e);
}

/* Takes what inotify has told; that there was something is enough. */
static void clear_events(int inotify) {
        char events[4096];

        while (read(inotify, events, sizeof(events)) > 0)
                ;
}

/* How long to wait, in ms: to `until`, which ends the following, or without end. */
static int time_left(const Work *order) {
        uint64_t now = now_realtime();

        if (order->until == 0)
                return -1;
        return now >= order->until ? 0 : (int)MIN((order->until - now) / 1000 + 1, 3600000ULL);
}

static int follow(LogReader *reader, int inotify, Error *e) {
        const Work *order = &reader->job->order;
        bool last = false;

        while (!reader->past && !reader->gone) {
                struct pollfd fds[] = {
                        {.fd = inotify, .events = POLLIN},
                        {.fd = reader->output},
                        {.fd = reader->job->socket, .events = POLLRDHUP},
                };

                TRY(read_on_rotated(reader, e));
                if (last || (order->until > 0 && now_realtime() >= order->until))
                        break;
                if (poll(fds, ELEMENTSOF(fds), time_left(order)) < 0 && errno != EINTR)
                        return error_set(e, errno, "read", "waiting for the log");
                if (fds[1].revents & (POLLERR | POLLHUP))
                        break; /* nobody reads any more */
                /* The container has ended, and with it its log: once more, then this is all. */
                last = fds[2].revents & (POLLRDHUP | POLLHUP);
                clear_events(inotify);
        }
        return 0;
}

static int read_log(LogReader *reader, Error *e) {
        _cleanup_close_ int inotify = -EBADF;

        if (reader->job->order.follow) {
                /* The directory is this process's root; watched before reading, so that nothing
                 * is missed. */
                inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
                if (inotify < 0 ||
                    inotify_add_watch(inotify, ".",
                                      IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM) < 0)
                        return error_set(e, errno, "read", "watching the log");
        }
        TRY(begin(reader, e));
        return reader->job->order.follow ? follow(reader, inotify, e) : 0;
}

int work_logs(Job *job, Json *done, Error *e) {
        LogReader reader = {
                .job = job,
                .output = job->fds[0],
                .directory = job->fds[1],
                .file = -EBADF,
        };
        int r;

        r = read_log(&reader, e);
        safe_close(reader.file);
        free(reader.line);
        return r;
}

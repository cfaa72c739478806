/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "shared/fd.h"
#include "shared/log.h"
#include "shared/strutil.h"
#include "shared/syscalls.h"
#include "supervisor/logfile.h"

#define NAME "log"
#define OLD_NAME "log.1"

/* Bytes that are put together before they are written. */
#define BUFFER_SIZE (256 * 1024)

#define PREFIX_MAX 64

/* Seconds between attempts when it can't be written: on a full disk a short note still fits when a
 * long text doesn't, which must not go on and on. */
#define RETRY_AFTER 2

struct LogFile {
        int top;
        char *path, *old_path; /* below `top` */
        int fd;                /* -EBADF: nothing was written yet */
        uint64_t size, max_size;
        uint64_t dropped; /* bytes of output since writing began to fail */
        time_t retry;     /* when it is tried again, seconds of CLOCK_MONOTONIC */
};

/* One for all logs, since only one is written at a time. */
static char buffer[BUFFER_SIZE];

/* Return: a descriptor with its *size, or a negative errno. */
static int open_file(const LogFile *log, uint64_t *size) {
        _cleanup_close_ int fd =
                sys_openat2(log->top, log->path,
                            O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
                            0600, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
        struct stat st;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return -EINVAL;
        *size = (uint64_t)st.st_size;
        return TAKE_FD(fd);
}

static int reopen(LogFile *log) {
        int fd = open_file(log, &log->size);

        if (fd < 0)
                return fd;
        safe_close(log->fd);
        log->fd = fd;
        return 0;
}

static int logfile_new(int top, const char *directory, uint64_t max_size, LogFile **ret) {
        _cleanup_(logfile_freep) LogFile *log = malloc(sizeof(LogFile));

        if (!log)
                return -ENOMEM;
        *log = (LogFile){
                .top = top,
                .path = strf("%s/" NAME, directory),
                .old_path = strf("%s/" OLD_NAME, directory),
                .fd = -EBADF,
                .max_size = max_size,
        };
        if (!log->path || !log->old_path)
                return -ENOMEM;
        *ret = TAKE_PTR(log);
        return 0;
}

int logfile_open(int top, const char *directory, uint64_t max_size, LogFile **ret, Error *e) {
        _cleanup_(logfile_freep) LogFile *log = NULL;
        int r;

        if (logfile_new(top, directory, max_size, &log) < 0)
                return error_oom(e);
        /* Many containers never put anything out, and each descriptor costs every new process of the supervisor's a
         * little. */
        r = open_file(log, &log->size);
        if (r < 0)
                return error_set(e, r, "log", "opening the container's log");
        safe_close(r);
        *ret = TAKE_PTR(log);
        return 0;
}

LogFile *logfile_free(LogFile *log) {
        if (!log)
                return NULL;
        safe_close(log->fd);
        free(log->path);
        free(log->old_path);
        free(log);
        return NULL;
}

static int rotate(LogFile *log) {
        if (renameat(log->top, log->path, log->top, log->old_path) < 0)
                return -errno;
        return reopen(log);
}

/* Writes whole entries: all of them or, as far as the file tells, none. */
static int write_entries(LogFile *log, const char *data, size_t size) {
        size_t done = 0;

        if (log->fd < 0)
                TRY(reopen(log));
        if (log->max_size && log->size > 0 && log->size + size > log->max_size) {
                int r = rotate(log);

                if (r < 0)
                        return r;
        }
        while (done < size) {
                ssize_t n = write(log->fd, data + done, size - done);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        int r = -errno;

                        if (done > 0 && ftruncate(log->fd, (off_t)log->size) < 0)
                                log->size += done;
                        return r;
                }
                done += n;
        }
        log->size += size;
        return 0;
}

/* "TIME STREAM " Return: its length. */
static size_t make_prefix(char prefix[static PREFIX_MAX], const char *stream) {
        struct timespec ts;
        struct tm tm;
        size_t n;

        clock_gettime(CLOCK_REALTIME, &ts);
        gmtime_r(&ts.tv_sec, &tm);
        n = strftime(prefix, PREFIX_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
        return n + snprintf(prefix + n, PREFIX_MAX - n, ".%09ldZ %s ", ts.tv_nsec, stream);
}

static time_t now_seconds(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
        return ts.tv_sec;
}

/* After writing has failed: says in the log itself what it lacks. Return: whether it can be written
 * again. */
static bool note_dropped(LogFile *log) {
        char prefix[PREFIX_MAX], line[PREFIX_MAX + 128];
        int n;

        if (log->dropped == 0)
                return true;
        if (now_seconds() < log->retry)
                return false;
        make_prefix(prefix, "stderr");
        n = snprintf(line, sizeof(line), "%sF [%" PRIu64 " bytes of output could not be logged]\n",
                     prefix, log->dropped);
        if (write_entries(log, line, n) < 0)
                return false;
        log_notice("A container's log can be written again, %" PRIu64 " bytes were lost",
                   log->dropped);
        log->dropped = 0;
        return true;
}

static void flush(LogFile *log, size_t filled, size_t payload) {
        int r;

        if (filled == 0)
                return;
        r = note_dropped(log) ? write_entries(log, buffer, filled) : -ENOSPC;
        if (r >= 0)
                return;
        if (log->dropped == 0) {
                log_errno(LOG_WARNING, r, "Can't write a container's log, its output is dropped");
                log->retry = now_seconds() + RETRY_AFTER;
        }
        log->dropped += payload;
}

void logfile_write(LogFile *log, const char *stream, const char *data, size_t size) {
        char prefix[PREFIX_MAX];
        size_t n_prefix = make_prefix(prefix, stream), filled = 0, payload = 0;

        while (size > 0) {
                /* A line that is longer than the buffer is cut, too. */
                size_t most = MIN(size, BUFFER_SIZE - n_prefix - 3);
                const char *newline = memchr(data, '\n', most);
                size_t n = newline ? (size_t)(newline - data) : most;

                if (filled + n_prefix + n + 3 > BUFFER_SIZE) {
                        flush(log, filled, payload);
                        filled = payload = 0;
                }
                memcpy(buffer + filled, prefix, n_prefix);
                filled += n_prefix;
                buffer[filled++] = newline ? 'F' : 'P';
                buffer[filled++] = ' ';
                memcpy(buffer + filled, data, n);
                filled += n;
                buffer[filled++] = '\n';
                n += newline ? 1 : 0;
                payload += n;
                data += n;
                size -= n;
        }
        flush(log, filled, payload);
}

int logfile_save(const LogFile *log, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object();

        if (!json)
                return -ENOMEM;
        TRY(json_add_u64(json, "max-size", log->max_size));
        TRY(json_add_u64(json, "dropped", log->dropped));
        *ret = TAKE_PTR(json);
        return 0;
}

int logfile_load(int top, const char *directory, Json *json, LogFile **ret, Error *e) {
        uint64_t max_size = 0, dropped = 0;
        int r;

        r = json_get_u64(json, "max-size", &max_size);
        if (r >= 0)
                r = json_get_u64(json, "dropped", &dropped);
        if (r < 0)
                return error_set(e, r, "log", "reading the state of the container's log");
        TRY(logfile_open(top, directory, max_size, ret, e));
        (*ret)->dropped = dropped;
        return 0;
}

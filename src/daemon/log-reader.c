/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "daemon/log-reader.h"
#include "shared/strutil.h"

/* One of the two files, the older one first. A cursor names a file by its inode, which stays when the
 * file is rotated, and its time of birth: the inode of one that is gone may be that of the next. */
typedef struct LogFile {
        int fd; /* -EBADF: there is none */
        uint64_t inode, born, size;
} LogFile;

void log_piece_done(LogPiece *piece) {
        free(piece->data);
        *piece = (LogPiece){};
}

static void log_files_done(LogFile files[2]) {
        safe_close(files[0].fd);
        safe_close(files[1].fd);
}

static void log_files_donep(LogFile (*files)[2]) {
        log_files_done(*files);
}

static int open_file(int dir, const char *name, LogFile *ret, Error *e) {
        struct statx st;

        ret->fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (ret->fd < 0)
                return errno == ENOENT ? 0 : error_set(e, errno, "log", "cannot open the log");
        if (statx(ret->fd, "", AT_EMPTY_PATH, STATX_INO | STATX_SIZE | STATX_BTIME, &st) < 0)
                return error_set(e, errno, "log", "cannot read the log");
        ret->inode = st.stx_ino;
        ret->size = st.stx_size;
        if (st.stx_mask & STATX_BTIME)
                ret->born = (uint64_t)st.stx_btime.tv_sec * 1000000000 + st.stx_btime.tv_nsec;
        return 0;
}

/* Return: 0, or -EINVAL when it is no cursor. */
static int parse_cursor(const char *cursor, LogFile *file, uint64_t *offset) {
        _cleanup_strv_free_ char **parts = strv_split(cursor, ':');

        if (strv_length(parts) != 3 || parse_u64(parts[0], &file->inode) < 0 ||
            parse_u64(parts[1], &file->born) < 0 || parse_u64(parts[2], offset) < 0)
                return -EINVAL;
        return 0;
}

static int find_start(const LogFile files[static 2], const char *cursor, size_t *file,
                      uint64_t *offset, Error *e) {
        LogFile meant = {};
        uint64_t wanted;

        *file = files[0].fd >= 0 ? 0 : 1;
        *offset = 0;
        if (!*cursor)
                return 0;
        if (parse_cursor(cursor, &meant, &wanted) < 0)
                return error_set(e, EINVAL, "argument", "Argument cursor is none of ours");
        for (size_t i = 0; i < 2; i++)
                if (files[i].fd >= 0 && files[i].inode == meant.inode &&
                    files[i].born == meant.born && wanted <= files[i].size) {
                        *file = i;
                        *offset = wanted;
                }
        return 0;
}

/* Reads whole lines of one file. Return: 0 or a negative errno. */
static int read_lines(const LogFile *file, uint64_t offset, size_t max, LogPiece *ret, Error *e) {
        uint64_t left = MIN(file->size - offset, (uint64_t)LOG_PIECE_MAX);
        size_t size = MIN(max, (size_t)left);
        char *last;
        ssize_t n;

        ret->data = malloc(size + 1);
        if (!ret->data)
                return error_oom(e);
        n = pread(file->fd, ret->data, size, (off_t)offset);
        if (n < 0)
                return error_set(e, errno, "log", "cannot read the log");
        last = memrchr(ret->data, '\n', (size_t)n);
        ret->size = last ? (size_t)(last + 1 - ret->data) : 0;
        if (!last && (size_t)n == max)
                return error_set(e, EINVAL, "argument",
                                 "Argument max_bytes is less than the next line has");
        return 0;
}

int log_read(int dir, const char *cursor, size_t max, LogPiece *ret, Error *e) {
        _cleanup_(log_files_donep) LogFile files[2] = {{.fd = -EBADF}, {.fd = -EBADF}};
        uint64_t offset;
        size_t file;

        if (max == 0 || max > LOG_PIECE_MAX)
                max = LOG_PIECE_MAX;
        TRY(open_file(dir, "log.1", &files[0], e));
        TRY(open_file(dir, "log", &files[1], e));
        TRY(find_start(files, cursor, &file, &offset, e));
        if (file == 0 && offset == files[0].size && files[1].fd >= 0) {
                file = 1;
                offset = 0;
        }
        if (files[file].fd < 0) {
                ret->end = true;
                return 0;
        }
        TRY(read_lines(&files[file], offset, max, ret, e));
        offset += ret->size;
        snprintf(ret->cursor, sizeof(ret->cursor), "%" PRIu64 ":%" PRIu64 ":%" PRIu64,
                 files[file].inode, files[file].born, offset);
        /* Half a line is no line yet. */
        ret->end = (file == 1 || files[1].fd < 0) && (offset == files[file].size || ret->size == 0);
        return 0;
}

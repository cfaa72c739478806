/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fuzzes reading a log piece by piece: whatever is in it, all whole lines come, in order, each once; and whatever a
 * caller gives for a cursor is refused or gives whole lines. The input is the most bytes of a piece, a cursor in which '@'
 * stands for the newer file, and the texts of the older and the newer file, which a line "--" divides. */

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/log-reader.h"
#include "shared/strutil.h"
#include "shared/test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[] = "/tmp/mydocker-fuzz-log.XXXXXX";
static int dir = -EBADF, older = -EBADF, newer = -EBADF;

static void clean_up(void) {
        (void)unlinkat(dir, "log.1", 0);
        (void)unlinkat(dir, "log", 0);
        (void)rmdir(directory);
}

static void set_up(void) {
        CHECK(mkdtemp(directory));
        dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(dir >= 0);
        older = openat(dir, "log.1", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        newer = openat(dir, "log", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        CHECK(older >= 0 && newer >= 0);
        CHECK_INT(atexit(clean_up), 0);
}

static size_t whole_lines(const char *text, size_t size) {
        const char *last = memrchr(text, '\n', size);

        return last ? (size_t)(last + 1 - text) : 0;
}

static void replace(int fd, const char *text, size_t size) {
        CHECK_INT(ftruncate(fd, 0), 0);
        CHECK(pwrite(fd, text, size, 0) == (ssize_t)size);
}

/* Reads on from a cursor to the end. Return: bytes, which are those at the end of `expected`; or -1 when a line is
 * longer than `max`, or the cursor none. */
static ssize_t read_on(const char *start, size_t max, const char *expected, size_t size) {
        char cursor[48], *all = NULL, *grown;
        size_t n = 0;
        bool end;

        snprintf(cursor, sizeof(cursor), "%s", start);
        do {
                LogPiece piece = {};
                Error e = ERROR_INIT;

                if (log_read(dir, cursor, max, &piece, &e) < 0) {
                        CHECK(streq(e.stage, "argument"));
                        log_piece_done(&piece);
                        free(all);
                        return -1;
                }
                CHECK(piece.end || piece.size > 0 || !streq(cursor, piece.cursor));
                grown = realloc(all, n + piece.size + 1);
                CHECK(grown);
                all = grown;
                if (piece.size > 0)
                        memcpy(all + n, piece.data, piece.size);
                n += piece.size;
                end = piece.end;
                memcpy(cursor, piece.cursor, sizeof(cursor));
                log_piece_done(&piece);
        } while (!end);
        CHECK(n <= size && (n == 0 || memcmp(all, expected + size - n, n) == 0));
        free(all);
        return (ssize_t)n;
}

/* A line of the input, cut off. Return: to be freed. */
static char *take_line(const char **text, const char *end) {
        const char *newline = memchr(*text, '\n', (size_t)(end - *text));
        char *line = strndup(*text, (size_t)((newline ?: end) - *text));

        CHECK(line);
        *text = newline ? newline + 1 : end;
        return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *text = (const char *)data, *end = text + size, *second;
        _cleanup_free_ char *max = take_line(&text, end), *given = take_line(&text, end);
        _cleanup_free_ char *cursor = NULL, *expected = malloc(size + 1);
        size_t n_old, n_new;
        struct stat st;

        if (dir < 0)
                set_up();
        second = memmem(text, (size_t)(end - text), "--\n", 3);
        n_old = second ? (size_t)(second - text) : 0;
        second = second ? second + 3 : text;
        /* The supervisor rotates at the end of a line. */
        n_old = whole_lines(text, n_old);
        replace(older, text, n_old);
        replace(newer, second, (size_t)(end - second));
        n_new = whole_lines(second, (size_t)(end - second));
        CHECK(expected);
        memcpy(expected, text, n_old);
        memcpy(expected + n_old, second, n_new);

        CHECK_INT(read_on("", 0, expected, n_old + n_new), (int)(n_old + n_new));
        (void)read_on("", strtoul(max, NULL, 10), expected, n_old + n_new);
        CHECK_INT(fstat(newer, &st), 0);
        cursor = given[0] == '@' ? strf("%llu%s", (unsigned long long)st.st_ino, given + 1) :
                                   strdup(given);
        CHECK(cursor);
        (void)read_on(cursor, 0, expected, n_old + n_new);
        return 0;
}

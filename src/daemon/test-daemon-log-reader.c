/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include "daemon/log-reader.h"
#include "shared/fd.h"
#include "shared/strutil.h"
#include "shared/test.h"

static int dir;

static void append(const char *name, const char *text) {
        int fd = openat(dir, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

        CHECK(fd >= 0);
        CHECK_INT(fd_write_all(fd, text, strlen(text)), 0);
        close(fd);
}

/* Reads on from `cursor`, which is moved, and compares. */
static void check(char cursor[static LOG_CURSOR_SIZE], size_t max, const char *expected, bool end) {
        LogPiece piece = {};
        Error e = ERROR_INIT;

        CHECK_INT(log_read(dir, cursor, max, &piece, &e), 0);
        CHECK_INT(piece.size, strlen(expected));
        CHECK(piece.size == 0 || memcmp(piece.data, expected, piece.size) == 0);
        CHECK_INT(piece.end, end);
        memcpy(cursor, piece.cursor, sizeof(piece.cursor));
        log_piece_done(&piece);
}

int main(void) {
        char path[] = "/tmp/mydocker-test-log.XXXXXX", cursor[LOG_CURSOR_SIZE] = "",
             early[LOG_CURSOR_SIZE] = "", *colon;
        LogPiece piece = {};
        Error e = ERROR_INIT;

        CHECK(mkdtemp(path));
        dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(dir >= 0);

        check(cursor, 0, "", true); /* no file yet */
        append("log", "one\ntwo\nthr");
        check(cursor, 5, "one\n", false); /* whole lines only */
        memcpy(early, cursor, sizeof(cursor));
        check(cursor, 0, "two\n", false);
        check(cursor, 0, "", true); /* half a line waits */
        append("log", "ee\n");
        check(cursor, 0, "three\n", true);
        check(cursor, 0, "", true);

        /* The cursor follows its file when that is rotated. */
        append("log", "four\n");
        CHECK_INT(renameat(dir, "log", dir, "log.1"), 0);
        append("log", "five\n");
        check(cursor, 0, "four\n", false);
        check(cursor, 0, "five\n", true);
        memcpy(cursor, early, sizeof(cursor));
        check(cursor, 0, "two\nthree\nfour\n", false);

        /* What was rotated away is missed, what is left is not. */
        CHECK_INT(unlinkat(dir, "log.1", 0), 0);
        memcpy(cursor, early, sizeof(cursor));
        check(cursor, 0, "five\n", true);

        /* Another file with the number of one that is gone is another file. */
        colon = strchr(cursor, ':');
        CHECK(colon);
        snprintf(colon, sizeof(cursor) - (size_t)(colon - cursor), ":1:3");
        check(cursor, 0, "five\n", true);

        CHECK_INT(log_read(dir, "here", 0, &piece, &e), -EINVAL);
        CHECK_STR(e.stage, "argument");
        log_piece_done(&piece);
        CHECK_INT(log_read(dir, "", 3, &piece, &e), -EINVAL);
        CHECK_STR(e.stage, "argument");
        log_piece_done(&piece);

        CHECK_INT(unlinkat(dir, "log", 0), 0);
        CHECK_INT(rmdir(path), 0);
        close(dir);
        return 0;
}

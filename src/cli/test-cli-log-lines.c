/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cli/log-lines.h"
#include "shared/test.h"

static int fds[2][2];

static const char *written(size_t stream) {
        static char text[512];
        ssize_t n = read(fds[stream][0], text, sizeof(text) - 1);

        text[n > 0 ? n : 0] = '\0';
        return text;
}

static const char log_text[] = "2024-05-01T10:00:00.000000000Z stdout F hello\n"
                               "2024-05-01T10:00:01.000000000Z stderr F oops\n"
                               "2024-05-01T10:00:02.000000000Z stdout P one \n"
                               "2024-05-01T10:00:03.000000000Z stdout F two\n"
                               "2024-05-01T10:00:04.000000000Z stdout F \n";

int main(void) {
        LogLines lines = {};

        for (size_t i = 0; i < 2; i++)
                CHECK_INT(pipe2(fds[i], O_NONBLOCK), 0);
        lines.fds[0] = fds[0][1];
        lines.fds[1] = fds[1][1];

        CHECK_INT(log_lines_feed(&lines, log_text, strlen(log_text)), 0);
        CHECK_STR(written(0), "hello\none two\n\n");
        CHECK_STR(written(1), "oops\n");

        /* However it is cut. */
        for (const char *p = log_text; *p; p++)
                CHECK_INT(log_lines_feed(&lines, p, 1), 0);
        CHECK_STR(written(0), "hello\none two\n\n");
        CHECK_STR(written(1), "oops\n");

        lines.timestamps = true;
        CHECK_INT(log_lines_feed(&lines, log_text, strlen(log_text)), 0);
        CHECK_STR(written(0), "2024-05-01T10:00:00.000000000Z hello\n"
                              "2024-05-01T10:00:02.000000000Z one two\n"
                              "2024-05-01T10:00:04.000000000Z \n");
        CHECK_STR(written(1), "2024-05-01T10:00:01.000000000Z oops\n");
        CHECK_INT(log_lines_feed(&lines, "no log\n", 7), -EBADMSG);

        log_lines_done(&lines);
        return 0;
}

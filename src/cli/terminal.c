/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>

static struct termios original;
static int raw_fd = -EBADF;

void terminal_restore(void) {
        if (raw_fd < 0)
                return;
        tcsetattr(raw_fd, TCSADRAIN, &original);
        raw_fd = -EBADF;
}

int terminal_raw(int fd) {
        static int registered;
        struct termios raw;

        if (tcgetattr(fd, &original) < 0)
                return -errno;
        if (!registered && atexit(terminal_restore) != 0)
                return -ENOMEM;
        registered = 1;
        raw = original;
        cfmakeraw(&raw);
        if (tcsetattr(fd, TCSADRAIN, &raw) < 0)
                return -errno;
        raw_fd = fd;
        return 0;
}

void terminal_size(int fd, uint16_t *rows, uint16_t *columns) {
        struct winsize size = {};

        if (ioctl(fd, TIOCGWINSZ, &size) < 0)
                size = (struct winsize){};
        *rows = size.ws_row;
        *columns = size.ws_col;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "runtime/terminal.h"
#include "shared/syscalls.h"

int terminal_set_size(int fd, uint16_t rows, uint16_t columns) {
        struct winsize size = {.ws_row = rows, .ws_col = columns};

        if (rows == 0 && columns == 0)
                return 0;
        return ioctl(fd, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

int terminal_open(int devpts, Terminal *ret) {
        _cleanup_close_ int master = -EBADF;
        struct statfs fs;
        struct stat st;
        int unlock = 0, slave;
        unsigned number;

        if (fstatfs(devpts, &fs) < 0)
                return -errno;
        if (fs.f_type != DEVPTS_SUPER_MAGIC)
                return -ENODEV;
        master = sys_openat2(devpts, "ptmx", O_RDWR | O_NOCTTY, 0,
                             RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
        if (master < 0)
                return -errno;
        if (fstat(master, &st) < 0)
                return -errno;
        if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
                return -ENODEV;
        if (ioctl(master, TIOCSPTLCK, &unlock) < 0 || ioctl(master, TIOCGPTN, &number) < 0)
                return -errno;
        /* No name is looked up again to get at the other end. */
        slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (slave < 0)
                return -errno;
        *ret = (Terminal){.master = TAKE_FD(master), .slave = slave, .number = number};
        return 0;
}

int terminal_take(int slave) {
        return ioctl(slave, TIOCSCTTY, 0) < 0 ? -errno : 0;
}

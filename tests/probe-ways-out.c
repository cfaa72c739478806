/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ways out that take more than one call: descriptors, set-id files, and the processes of ours that come in. */

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probe.h"

/* All capabilities for whoever runs a file of the volume. */
long try_setcap(void) {
        struct vfs_cap_data data = {
                .magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
                .data = {{.permitted = ~0U}, {.permitted = ~0U}},
        };

        return setxattr("/data/busybox-caps", "security.capability", &data, XATTR_CAPS_SZ_2, 0);
}

/* Whether this program runs with other rights than those of who called it: exit status 4, otherwise 3. */
long try_raised(void) {
        exit(geteuid() != getuid() || getegid() != getgid() ? 4 : 3);
}

/* Sends a descriptor of the root directory to whoever listens in the volume. */
long try_hand_out(void) {
        struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/data/socket"};
        union {
                char buffer[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control = {};
        struct iovec iov = {.iov_base = (char[]){0}, .iov_len = 1};
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control.buffer,
                .msg_controllen = sizeof(control.buffer),
        };
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0), root = open("/", O_RDONLY | O_DIRECTORY);

        if (fd < 0 || root < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                return -1;
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &root, sizeof(int));
        if (sendmsg(fd, &message, 0) < 0)
                return -1;
        return pause();
}

/* Calls `found` for each process whose program is one of mydocker's, until it succeeds or /tmp/stop is there. */
static long watch_processes(long (*found)(const char *exe)) {
        errno = EPERM;
        while (access("/tmp/stop", F_OK) < 0) {
                DIR *proc = opendir("/proc");
                struct dirent *entry;

                while (proc && (entry = readdir(proc))) {
                        char exe[300], program[256] = "";

                        if (!isdigit((unsigned char)entry->d_name[0]))
                                continue;
                        snprintf(exe, sizeof(exe), "/proc/%s/exe", entry->d_name);
                        if (readlink(exe, program, sizeof(program) - 1) > 0 &&
                            strstr(program, "mydocker") && found(exe) >= 0)
                                return 0;
                }
                closedir(proc);
        }
        errno = EPERM;
        return -1;
}

static long found_anything(const char *exe) {
        return 0;
}

long try_hunt(void) {
        return watch_processes(found_anything);
}

/* A running program cannot be written to; so the file is kept until it does not run. */
static long write_program(const char *exe) {
        int fd = open(exe, O_PATH);
        char path[40];

        if (fd < 0)
                return -1;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        for (int i = 0; i < 10000; i++) {
                int writable = open(path, O_WRONLY);

                if (writable >= 0 && write(writable, "#", 1) == 1)
                        return 0;
                if (writable >= 0)
                        close(writable);
        }
        close(fd);
        return -1;
}

long try_overwrite(void) {
        return watch_processes(write_program);
}

/* Whether anything but the three streams is open. */
long try_descriptors(void) {
        for (int fd = 3; fd < 65536; fd++)
                if (fcntl(fd, F_GETFD) >= 0)
                        return fd;
        return -1;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <sys/wait.h>

#include "runtime/userns.h"
#include "shared/fd.h"
#include "shared/syscalls.h"

static int write_map(const Runtime *runtime, pid_t pid, const char *file, IdMap map) {
        char path[32], text[48];

        snprintf(path, sizeof(path), "%d/%s", (int)pid, file);
        snprintf(text, sizeof(text), "%u %u %u", map.inside, map.outside, map.count);
        return fd_write_attribute_at(runtime_proc(runtime), path, text);
}

int userns_write_maps(const Runtime *runtime, pid_t pid, IdMap uids, IdMap gids) {
        TRY(write_map(runtime, pid, "gid_map", gids));
        return write_map(runtime, pid, "uid_map", uids);
}

int userns_open(const Runtime *runtime, pid_t pid) {
        char path[32];
        int fd;

        snprintf(path, sizeof(path), "%d/ns/user", (int)pid);
        fd = openat(runtime_proc(runtime), path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int userns_make(const Runtime *runtime, IdMap uids, IdMap gids) {
        /* No exit signal: the event loop must not take this for a process of its own. */
        struct clone3_args args = {.flags = CLONE_NEWUSER};
        int pipe_fds[2], r, fd = -EBADF;
        pid_t pid;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return -errno;
        pid = sys_clone3(&args);
        if (pid == 0) {
                char byte;

                /* It only has to exist until the namespace is open. */
                close(pipe_fds[1]);
                _exit(read(pipe_fds[0], &byte, 1) == 0 ? 0 : 1);
        }
        r = pid < 0 ? -errno : userns_write_maps(runtime, pid, uids, gids);
        if (r >= 0)
                r = fd = userns_open(runtime, pid);
        close(pipe_fds[0]);
        close(pipe_fds[1]);
        while (pid > 0 && waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
                ;
        return r < 0 ? r : fd;
}

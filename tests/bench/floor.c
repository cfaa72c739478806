/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bare floor of "run": what the kernel alone takes to make a container. All namespaces with a user namespace's
 * maps, an overlay, a new root and /proc, exec, and the wait for its end. No limits, no protocol, no checks.
 *
 *   floor LOWER UPPER WORK COMMAND… */

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(long r, const char *what) {
        if (r < 0) {
                perror(what);
                _exit(125);
        }
}

static void write_map(pid_t pid, const char *name) {
        static const char map[] = "0 0 65536";
        char path[64];
        int fd;

        snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        check(fd, path);
        check(write(fd, map, strlen(map)), path);
        close(fd);
}

static void enter(int maps_written, char *argv[]) {
        char options[3 * 4096], byte;

        check(read(maps_written, &byte, 1), "pipe");
        check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private propagation");
        snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s", argv[1], argv[2],
                 argv[3]);
        check(mount("overlay", argv[1], "overlay", 0, options), "overlay");
        check(chdir(argv[1]), argv[1]);
        check(mount("proc", "proc", "proc", 0, NULL), "proc");
        check(syscall(SYS_pivot_root, ".", "."), "pivot_root");
        check(umount2(".", MNT_DETACH), "umount");
        execv(argv[4], argv + 4);
        check(-1, argv[4]);
}

int main(int argc, char *argv[]) {
        struct clone_args args = {
                .flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
                         CLONE_NEWNET | CLONE_NEWCGROUP,
                .exit_signal = SIGCHLD,
        };
        int maps[2], status;
        pid_t pid;

        if (argc < 5) {
                fputs("floor LOWER UPPER WORK COMMAND…\n", stderr);
                return 125;
        }
        check(pipe2(maps, O_CLOEXEC), "pipe");
        pid = syscall(SYS_clone3, &args, sizeof(args));
        check(pid, "clone3");
        if (pid == 0) {
                close(maps[1]);
                enter(maps[0], argv);
        }
        write_map(pid, "uid_map");
        write_map(pid, "gid_map");
        close(maps[1]);
        check(waitpid(pid, &status, 0), "wait");
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

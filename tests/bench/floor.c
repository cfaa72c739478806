/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bare floor of "run": what the kernel alone takes to make a container. All namespaces with a user namespace's
 * maps, control groups, an overlay, a new root and /proc, exec, and the wait for its end. No limits, no protocol, no
 * checks.
 *
 *   floor [--repeat N] [--group PARENT]… LOWER UPPER WORK COMMAND…
 *
 * With --repeat, as many starts one after the other; for each the milliseconds until its exec is done are printed. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GROUPS_MAX 16

static const char *parents[GROUPS_MAX];
static int n_parents;

static void check(long r, const char *what) {
        if (r < 0) {
                perror(what);
                _exit(125);
        }
}

static void write_file(const char *path, const char *text) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        check(fd, path);
        check(write(fd, text, strlen(text)), path);
        close(fd);
}

/* A new group of version 1's cpuset controller has no CPUs and no memory of its own. */
static void copy_cpuset(const char *parent, const char *group, const char *name) {
        char path[512], text[256];
        ssize_t n;
        int fd;

        snprintf(path, sizeof(path), "%s/%s", parent, name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return;
        check(fd, path);
        n = read(fd, text, sizeof(text) - 1);
        check(n, path);
        close(fd);
        text[n] = '\0';
        snprintf(path, sizeof(path), "%s/%s", group, name);
        write_file(path, text);
}

static void group_path(char path[static 512], int i) {
        snprintf(path, 512, "%s/floor", parents[i]);
}

static void join_groups(pid_t pid) {
        char group[512], path[600], number[16];

        snprintf(number, sizeof(number), "%d", pid);
        for (int i = 0; i < n_parents; i++) {
                group_path(group, i);
                check(mkdir(group, 0755), group);
                copy_cpuset(parents[i], group, "cpuset.cpus");
                copy_cpuset(parents[i], group, "cpuset.mems");
                snprintf(path, sizeof(path), "%s/cgroup.procs", group);
                write_file(path, number);
        }
}

static void remove_groups(void) {
        char group[512];

        for (int i = 0; i < n_parents; i++) {
                group_path(group, i);
                check(rmdir(group), group);
        }
}

static void write_map(pid_t pid, const char *name) {
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
        write_file(path, "0 0 65536");
}

static void enter(int maps_written, char *argv[]) {
        char options[3 * 4096], byte;

        check(read(maps_written, &byte, 1), "pipe");
        check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private propagation");
        snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s", argv[0], argv[1],
                 argv[2]);
        check(mount("overlay", argv[0], "overlay", 0, options), "overlay");
        check(chdir(argv[0]), argv[0]);
        check(mount("proc", "proc", "proc", 0, NULL), "proc");
        check(syscall(SYS_pivot_root, ".", "."), "pivot_root");
        check(umount2(".", MNT_DETACH), "umount");
        execv(argv[3], argv + 3);
        check(-1, argv[3]);
}

/* Starts the command. Return: its process id. */
static pid_t start(char *argv[]) {
        struct clone_args args = {
                .flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
                         CLONE_NEWNET | CLONE_NEWCGROUP,
                .exit_signal = SIGCHLD,
        };
        int maps[2], executed[2];
        char byte;
        pid_t pid;

        check(pipe2(maps, O_CLOEXEC), "pipe");
        check(pipe2(executed, O_CLOEXEC), "pipe");
        pid = syscall(SYS_clone3, &args, sizeof(args));
        check(pid, "clone3");
        if (pid == 0) {
                close(maps[1]);
                enter(maps[0], argv);
        }
        close(maps[0]);
        close(executed[1]);
        write_map(pid, "uid_map");
        write_map(pid, "gid_map");
        join_groups(pid);
        close(maps[1]);
        check(read(executed[0], &byte, 1), "pipe");
        close(executed[0]);
        return pid;
}

static double now_msec(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

int main(int argc, char *argv[]) {
        static const struct option options[] = {{"repeat", required_argument, NULL, 'r'},
                                                {"group", required_argument, NULL, 'g'},
                                                {}};
        int option, repeat = 0, status = 0;

        while ((option = getopt_long(argc, argv, "+", options, NULL)) >= 0)
                if (option == 'r')
                        repeat = atoi(optarg);
                else if (option == 'g' && n_parents < GROUPS_MAX)
                        parents[n_parents++] = optarg;
                else
                        return 125;
        if (argc - optind < 4) {
                fputs("floor [--repeat N] [--group PARENT]… LOWER UPPER WORK COMMAND…\n", stderr);
                return 125;
        }
        for (int i = 0; i < (repeat ?: 1); i++) {
                double started = now_msec();
                pid_t pid = start(argv + optind);

                if (repeat)
                        printf("%.3f\n", now_msec() - started);
                check(waitpid(pid, &status, 0), "wait");
                remove_groups();
                /* Joining a version 1 group is cheap within a grace period of the kernel after the last. */
                if (repeat)
                        usleep(20000);
        }
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "runtime/seccomp.h"
#include "shared/syscalls.h"
#include "shared/test.h"

#ifndef AF_VSOCK
#define AF_VSOCK 40
#endif

static void *thread(void *argument) {
        return argument;
}

static void expect_errno(long result, int expected, const char *what) {
        int actual = result < 0 ? errno : 0;

        if (actual != expected) {
                fprintf(stderr, "%s: errno %d, expected %d\n", what, actual, expected);
                exit(1);
        }
}

#define REFUSED(call, expected) expect_errno((errno = 0, (call)), expected, #call)

static void refused_calls(void) {
        REFUSED(mount("none", "/tmp", "tmpfs", 0, NULL), EPERM);
        REFUSED(syscall(SYS_fsopen, "tmpfs", 0), EPERM);
        REFUSED(syscall(SYS_open_tree, AT_FDCWD, "/", 0), EPERM);
        REFUSED(syscall(SYS_bpf, 0, NULL, 0), EPERM);
        REFUSED(syscall(SYS_keyctl, 0, 0), EPERM);
        REFUSED(syscall(SYS_userfaultfd, 0), EPERM);
        REFUSED(syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0), EPERM);
        REFUSED(syscall(SYS_init_module, NULL, 0, ""), EPERM);
        REFUSED(syscall(SYS_io_uring_setup, 1, NULL), ENOSYS);
        REFUSED(syscall(SYS_clone3, NULL, 0), ENOSYS);
        REFUSED(syscall(999), ENOSYS);
        REFUSED(syscall(100000), ENOSYS);
        REFUSED(unshare(CLONE_NEWUSER), EPERM);
        REFUSED(unshare(CLONE_NEWUSER | CLONE_NEWNS), EPERM);
        REFUSED(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0), EPERM);
        REFUSED(setns(0, 0), EPERM);
        REFUSED(socket(38 /* AF_ALG */, SOCK_SEQPACKET, 0), EAFNOSUPPORT);
        REFUSED(socket(AF_VSOCK, SOCK_STREAM, 0), EAFNOSUPPORT);
        /* The kernel ignores the upper half of the family, and so must the filter. */
        REFUSED(syscall(SYS_socket, (1L << 32) | 38, SOCK_SEQPACKET, 0), EAFNOSUPPORT);
        REFUSED(ioctl(0, TIOCSTI, "x"), EPERM);
        REFUSED(syscall(SYS_ioctl, 0, (1L << 32) | TIOCSTI, "x"), EPERM);
        REFUSED(personality(ADDR_NO_RANDOMIZE), EPERM);
}

static void allowed_calls(void) {
        pthread_t id;
        int pair[2], status;
        pid_t pid;

        CHECK(socket(AF_INET, SOCK_STREAM, 0) >= 0);
        CHECK(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) >= 0);
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        CHECK(personality(0xffffffff) >= 0);
        CHECK_INT(unshare(CLONE_FS), 0);
        /* glibc's fall back from clone3(2). */
        CHECK_INT(pthread_create(&id, NULL, thread, NULL), 0);
        CHECK_INT(pthread_join(id, NULL), 0);
        pid = fork();
        if (pid == 0) {
                execl("/bin/true", "true", NULL);
                _exit(1);
        }
        CHECK_INT(waitpid(pid, &status, 0), pid);
        CHECK_INT(status, 0);
}

#ifdef __x86_64__
/* Number 20 is getpid(2) there. */
static void foreign_abi(void) {
        long result;

        __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory");
        (void)result;
}

static void x32_abi(void) {
        syscall(0x40000000 | SYS_getpid);
}
#endif

/* Runs `function` under the filter. Return: the wait status. */
static int run(void (*function)(void)) {
        int status;
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0) {
                CHECK_INT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
                CHECK_INT(seccomp_load(), 0);
                function();
                exit(0);
        }
        CHECK_INT(waitpid(pid, &status, 0), pid);
        return status;
}

int main(void) {
        CHECK_INT(run(refused_calls), 0);
        CHECK_INT(run(allowed_calls), 0);
#ifdef __x86_64__
        CHECK(WIFSIGNALED(run(foreign_abi)));
        CHECK(WIFSIGNALED(run(x32_abi)));
#endif
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a parser that was taken over could do from inside of the sandbox. */

#include <linux/capability.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "worker/sandbox.h"
#include "worker/test-worker.h"

#define CHECK_REFUSED(call)                                                                        \
        do {                                                                                       \
                errno = 0;                                                                         \
                CHECK((call) < 0);                                                                 \
                CHECK_INT(errno, EPERM);                                                           \
        } while (0)

static uint64_t effective_capabilities(void) {
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[2] = {};

        CHECK(syscall(SYS_capget, &header, data) >= 0);
        CHECK_INT(data[0].inheritable | data[1].inheritable, 0);
        CHECK_INT(data[0].effective, data[0].permitted);
        return data[0].effective | (uint64_t)data[1].effective << 32;
}

static bool has(int capability) {
        return effective_capabilities() >> capability & 1;
}

static void check_calls(void) {
        struct clone_args {
                uint64_t flags, rest[10];
        } clone = {.flags = CLONE_NEWUSER};
        char *argv[] = {(char *)"/bin/sh", NULL};

        CHECK_REFUSED(execve("/bin/sh", argv, NULL));
        CHECK_REFUSED(socket(AF_UNIX, SOCK_STREAM, 0));
        CHECK_REFUSED(socket(AF_INET, SOCK_STREAM, 0));
        CHECK_REFUSED(socket(AF_NETLINK, SOCK_RAW, 0));
        CHECK_REFUSED(connect(WORKER_SOCKET_FD, NULL, 0));
        CHECK_REFUSED(recvmsg(WORKER_SOCKET_FD, NULL, 0));
        CHECK_REFUSED(mount("none", "/", "tmpfs", 0, NULL));
        CHECK_REFUSED(syscall(SYS_open_tree, AT_FDCWD, "/", 1));
        CHECK_REFUSED(unshare(CLONE_NEWUSER));
        CHECK(syscall(SYS_clone3, &clone, sizeof(clone)) < 0);
        CHECK_INT(errno, ENOSYS);
        CHECK_REFUSED(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL));
        CHECK_REFUSED(syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, NULL));
        CHECK_REFUSED(syscall(SYS_clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, NULL, NULL, NULL,
                              NULL));
        CHECK_REFUSED(fork());
        CHECK_REFUSED(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
        CHECK_REFUSED(kill(getppid(), 0));
        CHECK_REFUSED(syscall(SYS_tgkill, getppid(), getppid(), 0));
        CHECK_REFUSED(syscall(SYS_tkill, getppid(), 0));
        CHECK_REFUSED(syscall(SYS_rt_sigqueueinfo, getppid(), SIGKILL, NULL));
        CHECK(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0) >= 0);
        /* A signal when the socket has something to read, of any number, to any process. */
        CHECK_REFUSED(fcntl(WORKER_SOCKET_FD, F_SETOWN, getppid()));
        CHECK_REFUSED(fcntl(WORKER_SOCKET_FD, F_SETOWN_EX, NULL));
        CHECK_REFUSED(fcntl(WORKER_SOCKET_FD, F_SETSIG, SIGKILL));
        CHECK_REFUSED(fcntl(WORKER_SOCKET_FD, F_NOTIFY, 0));
        CHECK_REFUSED(ioctl(WORKER_SOCKET_FD, FIOSETOWN, NULL));
        CHECK_REFUSED(syscall(SYS_pidfd_open, getppid(), 0));
        CHECK_REFUSED(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
        CHECK_REFUSED(syscall(SYS_pidfd_getfd, 0, 0, 0));
        CHECK_REFUSED(syscall(SYS_setns, WORKER_SOCKET_FD, 0));
        CHECK_REFUSED(syscall(SYS_pivot_root, "/", "/"));
        CHECK_REFUSED(syscall(SYS_fsopen, "tmpfs", 0));
        CHECK_REFUSED(umount2("/", MNT_DETACH));
        CHECK_REFUSED(syscall(SYS_io_uring_setup, 1, NULL));
        CHECK_REFUSED(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
        CHECK_REFUSED(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
        CHECK_REFUSED(syscall(SYS_userfaultfd, 0));
        CHECK_REFUSED(chroot("/"));
        CHECK_REFUSED(chdir("/"));
        CHECK_REFUSED(fchdir(WORKER_SOCKET_FD));
        CHECK_REFUSED(setuid(1000));
        CHECK_REFUSED(syscall(SYS_bpf, 0, NULL, 0));
        CHECK_REFUSED(syscall(SYS_init_module, NULL, 0, ""));
        CHECK_REFUSED(syscall(SYS_open_by_handle_at, 0, NULL, 0));
        CHECK_REFUSED(prctl(PR_SET_SECCOMP, 0, NULL));
        CHECK_REFUSED(ioctl(WORKER_SOCKET_FD, TIOCSTI, "x"));
        CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                   0) == MAP_FAILED);
        CHECK_INT(errno, EPERM);
}

/* Only the staging directory is to be seen, and no device can be made in it. */
static void check_files(void) {
        CHECK(openat(AT_FDCWD, "/etc/passwd", O_RDONLY) < 0);
        CHECK_INT(errno, ENOENT);
        CHECK(openat(AT_FDCWD, "/proc/self/root", O_RDONLY) < 0);
        CHECK_INT(errno, ENOENT);
        CHECK(openat(AT_FDCWD, "/../../../etc/passwd", O_RDONLY) < 0);
        CHECK_INT(errno, ENOENT);
        CHECK_REFUSED(mknodat(AT_FDCWD, "/sda", S_IFBLK | 0600, makedev(8, 0)));
        CHECK(mknodat(AT_FDCWD, "/whiteout", S_IFCHR, makedev(0, 0)) >= 0);
        CHECK(openat(AT_FDCWD, "/file", O_WRONLY | O_CREAT | O_EXCL, 0600) >= 0);
}

static void in_sandbox(Job *job) {
        Error error = {};

        CHECK_INT(sandbox_enter(job, &error), 0);
        check_calls();
        check_files();
        CHECK(has(CAP_CHOWN) && has(CAP_SYS_ADMIN));
        CHECK(!has(CAP_SYS_PTRACE) && !has(CAP_MKNOD) && !has(CAP_SYS_CHROOT));
        CHECK(!has(CAP_DAC_READ_SEARCH) && !has(CAP_NET_ADMIN) && !has(CAP_SETUID));
        CHECK_INT(sandbox_drop_admin(&error), 0);
        CHECK(!has(CAP_SYS_ADMIN) && has(CAP_CHOWN));
        CHECK_INT(sandbox_drop_admin(&error), 0);
}

int main(void) {
        char path[64];
        int scratch, status;
        pid_t pid;

        need_root();
        if (SANDBOX_WEAK)
                return 77;
        scratch = enter_scratch(path);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                Job job = {.order.type = WORK_IMPORT, .fds = {-EBADF, make_dir("staging")}};

                in_sandbox(&job);
                _exit(0);
        }
        CHECK_INT(waitpid(pid, &status, 0), pid);
        CHECK(WIFEXITED(status));
        CHECK_INT(WEXITSTATUS(status), 0);
        leave_scratch(scratch, path);
        return 0;
}

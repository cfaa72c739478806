/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs inside a container and tries what nothing in there may be able to do. Prints one word: "yes" if it could,
 * else the name of the errno. Linked statically, since the image has no libraries. */

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

static long try_unshare_user(void) {
        return unshare(CLONE_NEWUSER);
}

static long try_clone_user(void) {
        return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
}

static long try_clone3(void) {
        struct {
                uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
        } args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};

        return syscall(SYS_clone3, &args, sizeof(args));
}

static long try_mount(void) {
        return mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
}

static long try_remount(void) {
        return mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL);
}

static long try_umount(void) {
        return umount2("/proc/kcore", MNT_DETACH);
}

static long try_fsopen(void) {
        return syscall(SYS_fsopen, "tmpfs", 0);
}

static long try_open_tree(void) {
        return syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE);
}

static long try_setns(void) {
        int fd = open("/proc/self/ns/net", O_RDONLY);

        return fd < 0 ? -1 : setns(fd, 0);
}

static long try_pivot_root(void) {
        return syscall(SYS_pivot_root, ".", ".");
}

static long try_bpf(void) {
        return syscall(SYS_bpf, 0, NULL, 0);
}

static long try_keyctl(void) {
        return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, -3, 1);
}

static long try_add_key(void) {
        return syscall(SYS_add_key, "user", "probe", "x", 1, -3);
}

static long try_io_uring(void) {
        char parameters[120] = {};

        return syscall(SYS_io_uring_setup, 1, parameters);
}

static long try_userfaultfd(void) {
        return syscall(SYS_userfaultfd, 0);
}

static long try_perf(void) {
        char attributes[128] = {};

        return syscall(SYS_perf_event_open, attributes, 0, -1, -1, 0);
}

static long try_af_alg(void) {
        return socket(AF_ALG, SOCK_SEQPACKET, 0);
}

static long try_af_vsock(void) {
        return socket(AF_VSOCK, SOCK_STREAM, 0);
}

static long try_packet(void) {
        return socket(AF_PACKET, SOCK_RAW, 0);
}

static long try_tiocsti(void) {
        return ioctl(0, TIOCSTI, "x");
}

static long try_mknod(void) {
        return mknod("/tmp/disk", S_IFBLK | 0600, makedev(8, 0));
}

static long try_kexec(void) {
        return syscall(SYS_kexec_load, 0, 0, NULL, 0);
}

static long try_module(void) {
        return syscall(SYS_init_module, "", 0, "");
}

static long try_reboot(void) {
        return syscall(SYS_reboot, 0xfee1dead, 672274793, 0, NULL);
}

static long try_settime(void) {
        return syscall(SYS_settimeofday, NULL, "\0\0\0\0\0\0\0\0");
}

static long try_handle(void) {
        struct {
                unsigned bytes;
                int type;
                char data[8];
        } handle = {.bytes = 8, .type = 1};

        return syscall(SYS_open_by_handle_at, AT_FDCWD, &handle, O_RDONLY);
}

static long try_sysctl(void) {
        return open("/proc/sys/kernel/core_pattern", O_WRONLY);
}

static long try_sysrq(void) {
        return open("/proc/sysrq-trigger", O_WRONLY);
}

/* The program that runs us could be overwritten through this link, if a process of the host had entered. */
static long try_exe(void) {
        return open("/proc/1/exe", O_WRONLY);
}

static long try_setgroups_deny(void) {
        return open("/proc/1/setgroups", O_WRONLY);
}

/* The 32-bit gate, where numbers mean other calls: 20 is getpid there. */
static long try_foreign_abi(void) {
#ifdef __x86_64__
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                long r = 20;

                __asm__ volatile("int $0x80" : "+a"(r)::"memory", "r8", "r9", "r10", "r11");
                _exit(r > 0 ? 0 : 1);
        }
        if (pid < 0 || waitpid(pid, &status, 0) < 0)
                return -1;
        errno = EPERM;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
#else
        errno = EPERM;
        return -1;
#endif
}

static long try_move_mount(void) {
        return syscall(SYS_move_mount, AT_FDCWD, "/proc", AT_FDCWD, "/tmp", 0);
}

static long try_mount_setattr(void) {
        struct mount_attr attr = {.attr_clr = MOUNT_ATTR_RDONLY};

        return syscall(SYS_mount_setattr, AT_FDCWD, "/proc/sys", 0, &attr, sizeof(attr));
}

static long try_fspick(void) {
        return syscall(SYS_fspick, AT_FDCWD, "/proc", 0);
}

static long try_request_key(void) {
        return syscall(SYS_request_key, "user", "probe", NULL, 0);
}

static long try_io_uring_enter(void) {
        return syscall(SYS_io_uring_enter, 0, 1, 0, 0, NULL, 0);
}

static long try_unshare_mounts(void) {
        return unshare(CLONE_NEWNS);
}

static long try_unshare_net(void) {
        return unshare(CLONE_NEWNET);
}

static long try_clone_mounts(void) {
        return syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);
}

static long try_af_xdp(void) {
        return socket(AF_XDP, SOCK_RAW, 0);
}

static long try_af_bluetooth(void) {
        return socket(AF_BLUETOOTH, SOCK_RAW, 0);
}

static long try_af_tipc(void) {
        return socket(AF_TIPC, SOCK_RDM, 0);
}

static long try_raw(void) {
        return socket(AF_INET, SOCK_RAW, 1);
}

static long try_fanotify(void) {
        return syscall(SYS_fanotify_init, 0, O_RDONLY);
}

static long try_quotactl(void) {
        return syscall(SYS_quotactl, 0, NULL, 0, NULL);
}

static long try_acct(void) {
        return syscall(SYS_acct, "/tmp/acct");
}

static long try_swapon(void) {
        return syscall(SYS_swapon, "/tmp/swap", 0);
}

static long try_syslog(void) {
        char text[64];

        return syscall(SYS_syslog, 3, text, sizeof(text));
}

static long try_future_call(void) {
        return syscall(900);
}

static long try_raise_limit(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return -1;
        limit.rlim_max++;
        return setrlimit(RLIMIT_NOFILE, &limit);
}

static long try_real_time(void) {
        struct sched_param parameters = {.sched_priority = 1};

        return sched_setscheduler(0, SCHED_FIFO, &parameters);
}

static long try_nice(void) {
        return setpriority(PRIO_PROCESS, 0, -20);
}

static long write_file(const char *path, const char *text) {
        int fd = open(path, O_WRONLY);

        return fd < 0 ? -1 : write(fd, text, strlen(text));
}

static long try_oom_score(void) {
        return write_file("/proc/self/oom_score_adj", "-1000");
}

static long try_uid_map(void) {
        return write_file("/proc/self/uid_map", "0 0 1");
}

static long try_lock_memory(void) {
        size_t size = 256 * 1024 * 1024;
        void *memory =
                mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        return memory == MAP_FAILED ? -1 : mlock(memory, size);
}

static long try_add_capability(void) {
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[2] = {{~0U, ~0U, 0}, {~0U, ~0U, 0}};

        return syscall(SYS_capset, &header, data);
}

static long try_ambient(void) {
        return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0);
}

static long try_new_privileges(void) {
        return prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

static long try_domain_name(void) {
        return setdomainname("probe", 5);
}

/* The numbers of x32, which are x86-64's with another bit: 39 is getpid. */
static long try_x32(void) {
#ifdef __x86_64__
        int status;
        pid_t pid = fork();

        if (pid == 0)
                _exit(syscall(0x40000000 + 39) > 0 ? 0 : 1);
        if (pid < 0 || waitpid(pid, &status, 0) < 0)
                return -1;
        errno = EPERM;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
#else
        errno = EPERM;
        return -1;
#endif
}

static long try_setuid(void) {
        return setuid(1000);
}

static long try_fork(void) {
        pid_t pid = fork();

        if (pid == 0)
                _exit(0);
        return pid;
}

static const struct {
        const char *name;
        long (*attempt)(void);
} attempts[] = {
        {"unshare-user", try_unshare_user},
        {"clone-user", try_clone_user},
        {"clone3", try_clone3},
        {"mount", try_mount},
        {"remount", try_remount},
        {"umount", try_umount},
        {"fsopen", try_fsopen},
        {"open-tree", try_open_tree},
        {"setns", try_setns},
        {"pivot-root", try_pivot_root},
        {"bpf", try_bpf},
        {"keyctl", try_keyctl},
        {"add-key", try_add_key},
        {"io-uring", try_io_uring},
        {"userfaultfd", try_userfaultfd},
        {"perf", try_perf},
        {"af-alg", try_af_alg},
        {"af-vsock", try_af_vsock},
        {"packet", try_packet},
        {"tiocsti", try_tiocsti},
        {"mknod", try_mknod},
        {"kexec", try_kexec},
        {"module", try_module},
        {"reboot", try_reboot},
        {"settime", try_settime},
        {"handle", try_handle},
        {"sysctl", try_sysctl},
        {"sysrq", try_sysrq},
        {"exe", try_exe},
        {"setgroups", try_setgroups_deny},
        {"setcap", try_setcap},
        {"move-mount", try_move_mount},
        {"mount-setattr", try_mount_setattr},
        {"fspick", try_fspick},
        {"request-key", try_request_key},
        {"io-uring-enter", try_io_uring_enter},
        {"unshare-mounts", try_unshare_mounts},
        {"unshare-net", try_unshare_net},
        {"clone-mounts", try_clone_mounts},
        {"af-xdp", try_af_xdp},
        {"af-bluetooth", try_af_bluetooth},
        {"af-tipc", try_af_tipc},
        {"raw", try_raw},
        {"fanotify", try_fanotify},
        {"quotactl", try_quotactl},
        {"acct", try_acct},
        {"swapon", try_swapon},
        {"syslog", try_syslog},
        {"future-call", try_future_call},
        {"raise-limit", try_raise_limit},
        {"real-time", try_real_time},
        {"nice", try_nice},
        {"oom-score", try_oom_score},
        {"uid-map", try_uid_map},
        {"lock-memory", try_lock_memory},
        {"add-capability", try_add_capability},
        {"ambient", try_ambient},
        {"new-privileges", try_new_privileges},
        {"domain-name", try_domain_name},
        {"raised", try_raised},
        {"hand-out", try_hand_out},
        {"hunt", try_hunt},
        {"overwrite", try_overwrite},
        {"x32", try_x32},
        {"foreign-abi", try_foreign_abi},
        {"descriptors", try_descriptors},
        {"setuid", try_setuid},
        {"fork", try_fork},
};

int main(int argc, char *argv[]) {
        for (size_t i = 0; argc == 2 && i < sizeof(attempts) / sizeof(attempts[0]); i++) {
                pid_t self = getpid();
                long r;

                if (strcmp(attempts[i].name, argv[1]) != 0)
                        continue;
                r = attempts[i].attempt();
                if (getpid() != self) /* a child that should not be */
                        _exit(0);
                puts(r >= 0 ? "yes" : strerrorname_np(errno));
                return 0;
        }
        fputs("probe ATTEMPT\n", stderr);
        return 2;
}

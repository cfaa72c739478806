/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a container's processes may ask of the kernel. Everything that stands nowhere here answers ENOSYS, so that a
 * program takes its way for older kernels. Names that one machine doesn't have are skipped there. */

#include <errno.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static const char *const allowed_calls[] = {
        "accept", "accept4", "access", "adjtimex", "alarm", "arch_prctl", "bind", "brk", "capget",
        "capset", "chdir", "chmod", "chown", "chroot", "clock_adjtime", "clock_getres",
        "clock_gettime", "clock_nanosleep", "close", "close_range", "connect", "copy_file_range",
        "creat", "dup", "dup2", "dup3", "epoll_create", "epoll_create1", "epoll_ctl",
        "epoll_ctl_old", "epoll_pwait", "epoll_pwait2", "epoll_wait", "epoll_wait_old", "eventfd",
        "eventfd2", "execve", "execveat", "exit", "exit_group", "faccessat", "faccessat2",
        "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchown", "fchownat", "fcntl",
        "fdatasync", "fgetxattr", "flistxattr", "flock", "fork", "fremovexattr", "fsetxattr",
        "fstat", "fstatfs", "fsync", "ftruncate", "futex", "futex_waitv", "futimesat",
        "get_mempolicy", "get_robust_list", "get_thread_area", "getcpu", "getcwd", "getdents",
        "getdents64", "getegid", "geteuid", "getgid", "getgroups", "getitimer", "getpeername",
        "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom", "getresgid",
        "getresuid", "getrlimit", "getrusage", "getsid", "getsockname", "getsockopt", "gettid",
        "gettimeofday", "getuid", "getxattr", "inotify_add_watch", "inotify_init", "inotify_init1",
        "inotify_rm_watch", "io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_setup",
        "io_submit", "ioprio_get", "ioprio_set", "kcmp", "kill", "landlock_add_rule",
        "landlock_create_ruleset", "landlock_restrict_self", "lchown", "lgetxattr", "link",
        "linkat", "listen", "listxattr", "llistxattr", "lremovexattr", "lseek", "lsetxattr",
        "lstat", "madvise", "mbind", "membarrier", "memfd_create", "memfd_secret", "mincore",
        "mkdir", "mkdirat", "mknod", "mknodat", "mlock", "mlock2", "mlockall", "mmap", "mprotect",
        "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink",
        "mremap", "msgctl", "msgget", "msgrcv", "msgsnd", "msync", "munlock", "munlockall",
        "munmap", "name_to_handle_at", "nanosleep", "newfstatat", "open", "openat", "openat2",
        "pause", "pidfd_getfd", "pidfd_open", "pidfd_send_signal", "pipe", "pipe2", "pkey_alloc",
        "pkey_free", "pkey_mprotect", "poll", "ppoll", "prctl", "pread64", "preadv", "preadv2",
        "prlimit64", "process_madvise", "process_mrelease", "process_vm_readv", "process_vm_writev",
        "pselect6", "ptrace", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink",
        "readlinkat", "readv", "reboot", "recvfrom", "recvmmsg", "recvmsg", "remap_file_pages",
        "removexattr", "rename", "renameat", "renameat2", "restart_syscall", "rmdir", "rseq",
        "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
        "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo", "sched_get_priority_max",
        "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam",
        "sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity", "sched_setattr",
        "sched_setparam", "sched_setscheduler", "sched_yield", "seccomp", "select", "semctl",
        "semget", "semop", "semtimedop", "sendfile", "sendmmsg", "sendmsg", "sendto",
        "set_mempolicy", "set_mempolicy_home_node", "set_robust_list", "set_thread_area",
        "set_tid_address", "setdomainname", "setfsgid", "setfsuid", "setgid", "setgroups",
        "sethostname", "setitimer", "setpgid", "setpriority", "setregid", "setresgid", "setresuid",
        "setreuid", "setrlimit", "setsid", "setsockopt", "setuid", "setxattr", "shmat", "shmctl",
        "shmdt", "shmget", "shutdown", "sigaltstack", "signalfd", "signalfd4", "splice", "stat",
        "statfs", "statx", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "sysinfo",
        "tee", "tgkill", "time", "timer_create", "timer_delete", "timer_getoverrun",
        "timer_gettime", "timer_settime", "timerfd_create", "timerfd_gettime", "timerfd_settime",
        "times", "tkill", "truncate", "umask", "uname", "unlink", "unlinkat", "utime", "utimensat",
        "utimes", "vfork", "wait4", "waitid", "write", "writev",
};

/* Calls younger than the oldest libseccomp in use; since 424 numbers are the same on all machines. */
static const int allowed_numbers[] = {
        451, /* cachestat */
        452, /* fchmodat2 */
        453, /* map_shadow_stack */
        454, /* futex_wake */
        455, /* futex_wait */
        456, /* futex_requeue */
        462, /* mseal */
        463, /* setxattrat */
        464, /* getxattrat */
        465, /* listxattrat */
        466, /* removexattrat */
        468, /* file_getattr */
        469, /* file_setattr */
};

/* EPERM: what containers have been left through, or what reaches the machine as a whole. Programs that have a way
 * without io_uring or clone3 take it when they see ENOSYS, so those aren't here. */
static const char *const denied_calls[] = {
        "_sysctl", "acct", "add_key", "bpf", "clock_settime", "delete_module", "fanotify_init",
        "fanotify_mark", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "init_module",
        "ioperm", "iopl", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie",
        "migrate_pages", "modify_ldt", "mount", "mount_setattr", "move_mount", "move_pages",
        "nfsservctl", "open_by_handle_at", "open_tree", "perf_event_open", "pivot_root", "quotactl",
        "quotactl_fd", "request_key", "setns", "settimeofday", "swapoff", "swapon", "sysfs",
        "syslog", "umount2", "uselib", "userfaultfd", "ustat", "vhangup", "vmsplice",
};

/* Calls that depend on an argument: the first row of a call that matches decides, ALLOWED or an errno; a call without
 * a match answers `otherwise` of its last row. Only the lower half of an argument is compared: these arguments have 32 bits,
 * and the kernel doesn't look at the upper half either. */
#define ALLOWED 0

typedef struct ArgumentRule {
        const char *call;
        unsigned argument;
        uint32_t mask;
        uint32_t value;
        int result;
        int otherwise;
} ArgumentRule;

static const ArgumentRule argument_rules[] = {
        /* A new user namespace gives all capabilities over itself: most ways into the kernel begin there. */
        {"clone", 0, CLONE_NEWUSER, CLONE_NEWUSER, EPERM, ALLOWED},
        {"unshare", 0, CLONE_NEWUSER, CLONE_NEWUSER, EPERM, ALLOWED},
        /* The kernel can't look into clone3's structure for a filter. */
        {"clone3", 0, 0, 0, ENOSYS, ENOSYS},
        /* Local, internet, netlink and packet sockets. Other families (AF_ALG, AF_VSOCK, …) load modules that hardly
         * anybody uses. */
        {"socket", 0, UINT32_MAX, AF_UNIX, ALLOWED, 0},
        {"socket", 0, UINT32_MAX, AF_INET, ALLOWED, 0},
        {"socket", 0, UINT32_MAX, AF_INET6, ALLOWED, 0},
        {"socket", 0, UINT32_MAX, AF_PACKET, ALLOWED, 0},
        {"socket", 0, UINT32_MAX, AF_NETLINK, ALLOWED, EAFNOSUPPORT},
        {"socketpair", 0, UINT32_MAX, AF_UNIX, ALLOWED, EAFNOSUPPORT},
        /* PER_LINUX, PER_LINUX32, the same with UNAME26, and the question which it is. */
        {"personality", 0, UINT32_MAX, 0x00000, ALLOWED, 0},
        {"personality", 0, UINT32_MAX, 0x00008, ALLOWED, 0},
        {"personality", 0, UINT32_MAX, 0x20000, ALLOWED, 0},
        {"personality", 0, UINT32_MAX, 0x20008, ALLOWED, 0},
        {"personality", 0, UINT32_MAX, UINT32_MAX, ALLOWED, EPERM},
        /* Typing into a terminal that the caller of a foreground container lent it (CVE-2017-5226, CVE-2023-28100). */
        {"ioctl", 1, UINT32_MAX, TIOCSTI, EPERM, 0},
        {"ioctl", 1, UINT32_MAX, TIOCLINUX, EPERM, ALLOWED},
};

/* The machines a filter is made for. A program of another one (i386 and x32 on x86-64, arm on arm64) is killed by its
 * first call. */
typedef struct Machine {
        const char *macro;
        uint32_t seccomp_arch; /* libseccomp's SCMP_ARCH_… are the kernel's AUDIT_ARCH_… */
        uint32_t call_limit;   /* numbers from here on belong to another ABI; 0: no limit */
} Machine;

static const Machine machines[] = {
        {"__x86_64__", AUDIT_ARCH_X86_64, 0x40000000},
        {"__aarch64__", AUDIT_ARCH_AARCH64, 0},
};

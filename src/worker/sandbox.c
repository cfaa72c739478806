/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/process.h"
#include "shared/strutil.h"
#include "worker/sandbox.h"

#define CAP(name) (1ULL << CAP_##name)
#define CAPS_WRITE (CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FOWNER) | CAP(FSETID) | CAP(SETFCAP))

/* More than any job needs; compressed data may ask for dictionaries of any size. */
#define MEMORY_MAX (2UL << 30)

/* Enough for the directories that are open on the way down a tree. */
#define FILES_MAX 4096

/* What each type needs. Whiteouts are made without CAP_MKNOD (Linux 5.8); trusted.overlay
 * attributes need CAP_SYS_ADMIN, whose other powers the filter takes away. A mount namespace
 * would hold copies of all the host's mounts for as long as the job lasts and protect nothing:
 * no system call of the filter mounts. */
static const struct {
        uint64_t capabilities;
        unsigned root; /* which descriptor becomes the root directory */
        int namespaces;
} needs[_WORK_MAX] = {
        [WORK_IMPORT] = {CAPS_WRITE | CAP(SYS_ADMIN), 1,
                         CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS},
        [WORK_COPY] = {CAPS_WRITE | CAP(SYS_ADMIN), 1, 0},
        [WORK_VOLUMES] = {CAPS_WRITE | CAP(SYS_ADMIN), 0, 0},
        [WORK_FLATTEN] = {CAPS_WRITE | CAP(SYS_ADMIN), 0, 0},
        [WORK_SAVE] = {CAP(DAC_READ_SEARCH) | CAP(SYS_ADMIN), 1, 0},
        [WORK_REMOVE] = {CAP(DAC_OVERRIDE) | CAP(FOWNER) | CAP(LINUX_IMMUTABLE), 0, 0},
        [WORK_LOGS] = {CAP(DAC_READ_SEARCH), 1, 0},
        [WORK_SIZE] = {CAP(DAC_READ_SEARCH), 0, 0},
        [WORK_CHANGES] = {CAP(DAC_READ_SEARCH) | CAP(SYS_ADMIN), 1, 0},
        [WORK_COPY_OUT] = {CAP(DAC_READ_SEARCH), 1, 0},
        [WORK_COPY_IN] = {CAPS_WRITE, 1, CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS},
};

static const uint16_t allowed_calls[] = {
        /* files by descriptor */
        SYS_read,
        SYS_write,
        SYS_readv,
        SYS_writev,
        SYS_pread64,
        SYS_pwrite64,
        SYS_lseek,
        SYS_close,
        SYS_fstat,
        SYS_newfstatat,
        SYS_statx,
        SYS_fstatfs,
        SYS_getdents64,
        SYS_ftruncate,
        SYS_sync_file_range,
        SYS_copy_file_range,
        SYS_sendfile,
        /* names below a directory */
        SYS_openat,
        SYS_openat2,
        SYS_readlinkat,
        SYS_mkdirat,
        SYS_mknodat,
        SYS_symlinkat,
        SYS_linkat,
        SYS_unlinkat,
#ifdef SYS_renameat
        SYS_renameat,
#endif
        SYS_renameat2,
        SYS_faccessat,
        /* what files have */
        SYS_fchown,
        SYS_fchownat,
        SYS_fchmod,
        SYS_fchmodat,
        SYS_utimensat,
        SYS_fgetxattr,
        SYS_fsetxattr,
        SYS_fremovexattr,
        SYS_flistxattr,
        /* the log and the daemon */
        SYS_inotify_init1,
        SYS_inotify_add_watch,
#ifdef SYS_poll
        SYS_poll,
#endif
        SYS_ppoll,
        SYS_sendmsg,
        /* the process itself */
        SYS_brk,
        SYS_munmap,
        SYS_mremap,
        SYS_madvise,
        SYS_futex,
        SYS_rseq,
        SYS_set_robust_list,
        SYS_getpid,
        SYS_gettid,
        SYS_capget,
        SYS_capset,
        SYS_rt_sigaction,
        SYS_rt_sigprocmask,
        SYS_rt_sigreturn,
        SYS_restart_syscall,
        SYS_clock_gettime,
        SYS_gettimeofday,
        SYS_getrandom,
        SYS_exit,
        SYS_exit_group,
};

/* Calls that are allowed if one argument has one of these values; the kernel looks only at the
 * lower half of each. */
static const struct {
        uint32_t call;
        uint32_t argument;
        uint32_t values[6];
        size_t n_values;
} restricted_calls[] = {
        {SYS_ioctl,
         1,
         {(uint32_t)FICLONE, (uint32_t)FS_IOC_GETFLAGS, (uint32_t)FS_IOC_SETFLAGS},
         3},
        /* Not F_SETOWN and F_SETSIG: with them a process of root's can have any signal sent to any
         * other process. */
        {SYS_fcntl, 1, {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL}, 6},
};

#if defined(__x86_64__)
#define AUDIT_ARCH_OWN AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define AUDIT_ARCH_OWN AUDIT_ARCH_AARCH64
#endif

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
/* Skips `n` instructions unless the loaded value is `value`. */
#define UNLESS_EQUAL_SKIP(value, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (n))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)

/* Leaves room for more values in each of the restricted calls. */
typedef struct Filter {
        struct sock_filter
                code[32 + 24 * ELEMENTSOF(restricted_calls) + 2 * ELEMENTSOF(allowed_calls)];
        size_t n;
} Filter;

static void add(Filter *filter, struct sock_filter instruction) {
        filter->code[filter->n++] = instruction;
}

#define ADD(instruction) add(filter, (struct sock_filter)instruction)

/* Allows `call` if the lower half of one argument is one of `values`. The number of the call is
 * loaded, and still is afterwards. */
static void add_restricted(Filter *filter, uint32_t call, uint32_t argument, const uint32_t *values,
                           size_t n) {
        ADD(UNLESS_EQUAL_SKIP(call, (uint8_t)(2 + 2 * n)));
        ADD(LOAD(args[argument]));
        for (size_t i = 0; i < n; i++) {
                ADD(UNLESS_EQUAL_SKIP(values[i], 1));
                ADD(ALLOW);
        }
        ADD(REFUSE);
}

static void add_head(Filter *filter) {
        ADD(LOAD(arch));
        ADD(UNLESS_EQUAL_SKIP(AUDIT_ARCH_OWN, 1));
        ADD(BPF_STMT(BPF_JMP | BPF_JA, 1));
        ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
        ADD(LOAD(nr));
        /* mmap and mprotect: the protection is the third argument of both */
        ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 1, 0));
        ADD(UNLESS_EQUAL_SKIP(SYS_mprotect, 4));
        ADD(LOAD(args[2]));
        ADD(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0));
        ADD(ALLOW);
        ADD(REFUSE);
}

/* Refuses (EPERM) all but the lists above; memory may not be made executable. */
static int load_filter(WorkType type) {
        /* abort(3) and the like. To the kernel this process may signal every other one of root's,
         * whatever its capabilities. */
        const uint32_t own_pid = (uint32_t)getpid();
        /* What pthread_create(3) asks for: nothing that is a process or has namespaces of its own. */
        const uint32_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SIGHAND |
                                CLONE_THREAD | CLONE_SETTLS | CLONE_PARENT_SETTID |
                                CLONE_CHILD_CLEARTID;
        Filter whole = {}, *filter = &whole;
        struct sock_fprog program = {.filter = whole.code};

        add_head(filter);
        for (size_t i = 0; i < ELEMENTSOF(restricted_calls); i++)
                add_restricted(filter, restricted_calls[i].call, restricted_calls[i].argument,
                               restricted_calls[i].values, restricted_calls[i].n_values);
        add_restricted(filter, SYS_tgkill, 0, &own_pid, 1);
        if (type == WORK_IMPORT)
                add_restricted(filter, SYS_clone, 0, &thread, 1);
        /* Its flags lie in memory, which a filter cannot see: the C library is to do without. */
        ADD(UNLESS_EQUAL_SKIP(SYS_clone3, 1));
        ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
        for (size_t i = 0; i < ELEMENTSOF(allowed_calls); i++) {
                ADD(UNLESS_EQUAL_SKIP(allowed_calls[i], 1));
                ADD(ALLOW);
        }
        ADD(REFUSE);
        program.len = (unsigned short)whole.n;
        return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

/* Keeps of the permitted capabilities only those in `keep`; none is inherited. */
static int keep_capabilities(uint64_t keep) {
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[2] = {};

        if (syscall(SYS_capget, &header, data) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(data); i++) {
                uint32_t kept = data[i].permitted & (uint32_t)(keep >> (32 * i));

                data[i] = (struct __user_cap_data_struct){.permitted = kept, .effective = kept};
        }
        return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static int set_limits(void) {
        const struct rlimit memory = {.rlim_cur = MEMORY_MAX, .rlim_max = MEMORY_MAX};
        const struct rlimit none = {};
        struct rlimit files;

        if (!SANDBOX_WEAK && setrlimit(RLIMIT_AS, &memory) < 0)
                return -errno;
        if (setrlimit(RLIMIT_CORE, &none) < 0 || getrlimit(RLIMIT_NOFILE, &files) < 0)
                return -errno;
        if (files.rlim_max > FILES_MAX)
                files.rlim_max = FILES_MAX;
        files.rlim_cur = files.rlim_max;
        return setrlimit(RLIMIT_NOFILE, &files) < 0 ? -errno : 0;
}

int sandbox_enter(const Job *job, Error *e) {
        WorkType type = job->order.type;
        int r;

        if (unshare(needs[type].namespaces) < 0)
                return error_set(e, errno, "sandbox", "making namespaces");
        if (fchdir(job->fds[needs[type].root]) < 0 || (!SANDBOX_WEAK && chroot(".") < 0))
                return error_set(e, errno, "sandbox", "entering the job's directory");
        r = set_limits();
        if (r < 0)
                return error_set(e, r, "sandbox", "setting resource limits");
        /* As the root of a container whose ids are shifted: of another owner nothing could be made in its upper
         * layer. What its volumes have of other users is out of reach, since no capability counts for a file
         * whose owner an idmapped mount does not map. */
        if ((type == WORK_COPY_IN || type == WORK_COPY_OUT) && job->order.id_base != 0) {
                r = process_set_fs_ids(job->order.id_base);
                if (r < 0)
                        return error_set(e, r, "sandbox", "taking the container's ids");
        }
        r = keep_capabilities(needs[type].capabilities);
        if (r < 0)
                return error_set(e, r, "sandbox", "giving up capabilities");
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return error_set(e, errno, "sandbox", "giving up new privileges");
        r = SANDBOX_WEAK ? 0 : load_filter(type);
        return r < 0 ? error_set(e, r, "sandbox", "loading the system call filter") : 0;
}

int sandbox_drop_admin(Error *e) {
        int r = keep_capabilities(CAPS_WRITE | CAP(DAC_READ_SEARCH));

        return r < 0 ? error_set(e, r, "sandbox", "giving up CAP_SYS_ADMIN") : 0;
}

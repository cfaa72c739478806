/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "protocol/ulimit.h"
#include "runtime/capability.h"
#include "runtime/channel.h"
#include "runtime/command.h"
#include "runtime/init.h"
#include "runtime/seccomp.h"
#include "runtime/terminal.h"
#include "shared/fd.h"
#include "shared/strutil.h"
#include "shared/syscalls.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Soft and hard limits that don't depend on how the supervisor was started. None is raised, which would need
 * CAP_SYS_RESOURCE. */
static const struct {
        int resource;
        struct rlimit limit;
} limits[] = {
        {RLIMIT_NOFILE, {1024, 524288}},
        {RLIMIT_CORE, {0, RLIM_INFINITY}},
        {RLIMIT_STACK, {8 * 1024 * 1024, RLIM_INFINITY}},
        {RLIMIT_MEMLOCK, {8 * 1024 * 1024, 8 * 1024 * 1024}},
        {RLIMIT_MSGQUEUE, {819200, 819200}},
        {RLIMIT_NICE, {0, 0}},
        {RLIMIT_RTPRIO, {0, 0}},
};

static const char *environment_get(char *const *env, const char *name) {
        size_t n = strlen(name);

        for (; env && *env; env++)
                if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
                        return *env + n + 1;
        return NULL;
}

static int make_environment(Command *command) {
        command->env = strv_copy(command->spec->env);
        if (!command->env)
                return -ENOMEM;
        if (!environment_get(command->env, "HOME"))
                TRY(strv_consume(&command->env, strf("HOME=%s", command->user.home)));
        if (command->spec->tty && !environment_get(command->env, "TERM"))
                TRY(strv_extend(&command->env, "TERM=xterm"));
        return 0;
}

int command_prepare(Command *ret, const ProcessSpec *spec, int root, bool make_cwd, Error *e) {
        const char *cwd = spec->cwd ?: "/";

        *ret = (Command){.spec = spec, .cwd = -EBADF, .init = -EBADF};
        TRY(capability_set_parse(spec->capabilities, &ret->capabilities, e));
        TRY(user_lookup(root, spec->user, &ret->user, e));
        /* Resolved inside the root and without magic links, so that no descriptor that leads elsewhere can be entered
         * (CVE-2024-21626). */
        ret->cwd = make_cwd ? fd_mkdir_in_root(root, cwd, 0, 0) :
                              fd_open_in_root(root, cwd, O_PATH | O_DIRECTORY, 0);
        if (ret->cwd < 0)
                return error_set(e, ret->cwd, "workdir", "entering the working directory %s", cwd);
        return make_environment(ret) < 0 ? error_oom(e) : 0;
}

static int enter_cwd(const Command *command, Error *e) {
        _cleanup_free_ char *path = NULL;

        if (fchdir(command->cwd) < 0)
                return error_set(e, errno, "workdir", "entering the working directory %s",
                                 command->spec->cwd ?: "/");
        path = getcwd(NULL, 0);
        if (!path || path[0] != '/')
                return error_set(e, ENOENT, "workdir", "%s is not inside the container",
                                 command->spec->cwd ?: "/");
        return 0;
}

/* Those that were asked for. What is more than the supervisor's the kernel refuses. */
static int set_own_limits(char *const *ulimits, Error *e) {
        for (; ulimits && *ulimits; ulimits++) {
                Ulimit ulimit;

                if (ulimit_parse(*ulimits, &ulimit) < 0)
                        return error_set(e, EINVAL, "limits", "ulimit %s", *ulimits);
                if (setrlimit(ulimit.resource, &ulimit.limit) < 0)
                        return error_set(e, errno, "limits",
                                         errno == EPERM ?
                                                 "Option ulimits: %s is more than the service has" :
                                                 "setting ulimit %s",
                                         *ulimits);
        }
        return 0;
}

static bool is_own_limit(char *const *ulimits, int resource) {
        Ulimit ulimit;

        for (; ulimits && *ulimits; ulimits++)
                if (ulimit_parse(*ulimits, &ulimit) >= 0 && ulimit.resource == resource)
                        return true;
        return false;
}

static int set_limits(char *const *ulimits, Error *e) {
        /* First, since the usual ones could not be raised again. */
        TRY(set_own_limits(ulimits, e));
        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                struct rlimit now, limit = limits[i].limit;

                if (is_own_limit(ulimits, limits[i].resource))
                        continue;
                if (getrlimit(limits[i].resource, &now) < 0)
                        return error_set(e, errno, "limits", "reading a resource limit");
                limit.rlim_max = MIN(limit.rlim_max, now.rlim_max);
                limit.rlim_cur = MIN(limit.rlim_cur, limit.rlim_max);
                if (setrlimit(limits[i].resource, &limit) < 0)
                        return error_set(e, errno, "limits", "setting a resource limit");
        }
        return 0;
}

static int reset_signals(Error *e) {
        /* The kernel's structure for SIG_DFL. The C library's calls leave out the two signals that it keeps to
         * itself, which posix_spawn(3) makes ignored. */
        static const unsigned long by_default[4];
        sigset_t none;

        for (int signo = 1; signo < _NSIG; signo++)
                if (syscall(SYS_rt_sigaction, signo, by_default, NULL, _NSIG / 8) < 0 &&
                    errno != EINVAL)
                        return error_set(e, errno, "signals", "resetting signal %d", signo);
        sigemptyset(&none);
        if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
                return error_set(e, errno, "signals", "unblocking signals");
        return 0;
}

/* The terminal becomes the controlling one, the streams the descriptors 0 to 2. */
static int set_streams(const Command *command, const Streams *streams, int fallback, Error *e) {
        const User *user = &command->user;
        int r = 0;

        if (setsid() < 0)
                return error_set(e, errno, "terminal", "making a session");
        if (command->spec->tty) {
                r = terminal_take(fallback);
                if (r >= 0)
                        r = terminal_set_size(fallback, command->spec->rows,
                                              command->spec->columns);
                if (r >= 0 && user->uid != 0 && fchown(fallback, user->uid, (gid_t)-1) < 0)
                        r = -errno;
                if (r < 0)
                        return error_set(e, r, "terminal", "setting up the terminal");
        } else if (user->uid != 0)
                r = streams_give_to(streams, user->uid, user->gid);
        if (r >= 0)
                r = streams_install(streams, fallback);
        if (r < 0)
                return error_set(e, r, "streams", "setting up the standard streams");
        return 0;
}

static int load_seccomp(const Command *command, Error *e) {
        int r;

        if (!command->spec->seccomp)
                return 0;
        r = seccomp_load();
        if (r < 0)
                return error_set(e, r, "seccomp", "loading the system call filter");
        return 0;
}

static int become_user(const Command *command, Error *e) {
        const User *user = &command->user;
        int r;

        r = capability_limit_bounding(command->capabilities);
        if (r < 0)
                return error_set(e, r, "capabilities", "limiting the bounding set");
        /* Groups always explicitly: those of the supervisor are none of the container's (CVE-2022-36109). */
        if (setgroups(user->n_groups, user->groups) < 0)
                return error_set(e, errno, "user", "setting supplementary groups");
        if (setresgid(user->gid, user->gid, user->gid) < 0 ||
            setresuid(user->uid, user->uid, user->uid) < 0)
                return error_set(e, errno, "user", "becoming user %u, group %u", user->uid,
                                 user->gid);
        /* A change of ids makes a process dumpable again where suid_dumpable says so, and what is this user in the
         * container may look into what this user can trace (CVE-2016-9962). */
        if (prctl(PR_SET_DUMPABLE, 0) < 0)
                return error_set(e, errno, "user", "making the process non-dumpable");
        r = capability_apply(user->uid == 0 ? command->capabilities : 0);
        if (r < 0)
                return error_set(e, r, "capabilities", "setting the capabilities");
        return 0;
}

/* execve(2) along PATH, as a shell does it. Return: the negative errno to report. */
static int execute_along_path(const Command *command) {
        const char *path = environment_get(command->env, "PATH") ?: DEFAULT_PATH;
        const char *name = command->spec->argv[0];
        int r = -ENOENT;

        if (!*name)
                return -ENOENT;
        if (strchr(name, '/')) {
                execve(name, command->spec->argv, command->env);
                return -errno;
        }
        for (;;) {
                size_t n = strcspn(path, ":");
                _cleanup_free_ char *file =
                        strf("%.*s/%s", n > 0 ? (int)n : 1, n > 0 ? path : ".", name);

                if (!file)
                        return -ENOMEM;
                execve(file, command->spec->argv, command->env);
                if (errno == EACCES)
                        r = -EACCES; /* unless a later directory has it */
                else if (errno != ENOENT && errno != ENOTDIR)
                        return -errno;
                if (!path[n])
                        return r;
                path += n + 1;
        }
}

int command_execute(const Command *command, const Streams *streams, int fallback, int channel,
                    Error *e) {
        bool filter_first = !command->spec->no_new_privileges;
        int r;

        TRY(enter_cwd(command, e));
        TRY(set_streams(command, streams, fallback, e));
        TRY(set_limits(command->spec->ulimits, e));
        TRY(reset_signals(e));
        /* Without no_new_privs, loading the filter takes CAP_SYS_ADMIN, which is gone soon. */
        if (filter_first)
                TRY(load_seccomp(command, e));
        TRY(become_user(command, e));
        if (command->spec->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return error_set(e, errno, "capabilities", "setting no_new_privs");
        if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
                return error_set(e, errno, "streams", "marking descriptors to be closed");
        if (!filter_first)
                TRY(load_seccomp(command, e));
        if (command->init >= 0)
                TRY(init_become(command->init, command->spec->tty, e));
        r = channel_report(channel, REPORT_PREPARED, NULL, NULL, 0);
        if (r < 0)
                return error_set(e, r, "exec", "reporting to the supervisor");
        r = execute_along_path(command);
        return error_set(e, r, "exec", "executing \"%s\"", command->spec->argv[0]);
}

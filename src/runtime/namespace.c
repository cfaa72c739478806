/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The namespaces the supervisor itself is in: short visits to others, and a mount namespace that holds no more than it
 * has to. */

#include <string.h>

#include "runtime/context.h"
#include "shared/fd.h"
#include "shared/log.h"
#include "shared/strutil.h"
#include "shared/syscalls.h"

/* /proc/self/mountinfo of a host with tens of thousands of mounts. */
#define MOUNTINFO_MAX (16 * 1024 * 1024)

/* The way back always works for a process that was there before; should it not, whatever we did next would happen in
 * a container. */
static void return_to(int namespace, int type, const char *name) {
        if (setns(namespace, type) < 0) {
                log_errno(LOG_CRIT, errno, "Can't return to the supervisor's %s namespace", name);
                abort();
        }
}

int runtime_enter_mounts(Runtime *runtime, int namespace) {
        return setns(namespace, CLONE_NEWNS) < 0 ? -errno : 0;
}

void runtime_leave_mounts(Runtime *runtime) {
        return_to(runtime->own_namespace, CLONE_NEWNS, "mount");
}

int runtime_enter_pids(Runtime *runtime, int pidfd) {
        return setns(pidfd, CLONE_NEWPID) < 0 ? -errno : 0;
}

void runtime_leave_pids(Runtime *runtime) {
        return_to(runtime->own_pids, CLONE_NEWPID, "pid");
}

/* Whether `path` is `directory` or lies below it. */
static bool is_below(const char *path, const char *directory) {
        const char *rest = startswith(path, directory);

        return rest && (!*rest || *rest == '/' || streq(directory, "/"));
}

/* What containers need (new ones of /proc and /sys may only be made where those are to be seen whole) and what this
 * process opens by path. */
static bool is_needed(const char *mount_point, char *const *keep) {
        static const char *const always[] = {"/proc", "/sys", "/dev", "/run"};

        for (size_t i = 0; i < ELEMENTSOF(always); i++)
                if (is_below(always[i], mount_point) ||
                    (!streq(always[i], "/run") && is_below(mount_point, always[i])))
                        return true;
        for (; *keep; keep++)
                if (is_below(*keep, mount_point))
                        return true;
        return false;
}

/* The fifth field of a line of mountinfo, cut out of it; octal escapes stay, which keeps such mounts. */
static char *mount_point_of(char *line) {
        for (int i = 0; i < 4 && line; i++) {
                line = strchr(line, ' ');
                line = line ? line + 1 : NULL;
        }
        if (line)
                line[strcspn(line, " ")] = '\0';
        return line;
}

int runtime_prune_mounts(Runtime *runtime, const char *const *keep, Error *e) {
        _cleanup_strv_free_ char **lines = NULL, **needed = strv_copy((char *const *)keep);
        _cleanup_free_ char *text = NULL;
        int r;

        if (!needed || strv_extend(&needed, runtime->state_path) < 0)
                return error_oom(e);
        r = fd_read_file_at(runtime->proc, "self/mountinfo", MOUNTINFO_MAX, &text, NULL);
        if (r < 0)
                return error_set(e, r, "runtime", "reading the mounts");
        lines = strv_split(text, '\n');
        if (!lines)
                return error_oom(e);
        /* From the last: what is mounted on something comes after it. */
        for (size_t i = strv_length(lines); i-- > 0;) {
                const char *path = mount_point_of(lines[i]);

                if (!path || is_needed(path, needed))
                        continue;
                /* One that another mount hides can't be named; it stays. */
                if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL &&
                    errno != ENOENT)
                        return error_set(e, errno, "runtime", "detaching %s", path);
        }
        return 0;
}

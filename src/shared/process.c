/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <time.h>

#include "shared/fd.h"
#include "shared/process.h"
#include "shared/syscalls.h"

int process_start_time(pid_t pid, uint64_t *ret) {
        _cleanup_free_ char *text = NULL;
        char path[32];
        const char *p;
        int r;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        r = fd_read_file_at(AT_FDCWD, path, 4096, &text, NULL);
        if (r == -ENOENT)
                return -ESRCH;
        if (r < 0)
                return r;
        /* Field 2 is the command in parentheses and may contain anything: count from the last
         * ')'. */
        p = strrchr(text, ')');
        for (int field = 2; p && field < 22; field++)
                p = strchr(p + 1, ' ');
        if (!p || sscanf(p, " %" SCNu64, ret) != 1)
                return -EBADMSG;
        return 0;
}

int process_open(pid_t pid, uint64_t start_time) {
        _cleanup_close_ int pidfd = sys_pidfd_open(pid, 0);
        uint64_t actual;
        int r;

        if (pidfd < 0)
                return errno == EINVAL ? -ESRCH : -errno;
        /* Read after the pidfd is held: were it another process now, the time would differ. */
        r = process_start_time(pid, &actual);
        if (r < 0)
                return r;
        return actual == start_time ? TAKE_FD(pidfd) : -ESRCH;
}

uint64_t now_realtime(void) {
        struct timespec ts;

        clock_gettime(CLOCK_REALTIME, &ts);
        return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int boot_id(char ret[static 37]) {
        _cleanup_free_ char *text = NULL;
        int r = fd_read_file_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &text, NULL);

        if (r < 0)
                return r;
        if (strlen(text) < 36)
                return -EBADMSG;
        memcpy(ret, text, 36);
        ret[36] = '\0';
        return 0;
}

int process_set_fs_ids(uint32_t id) {
        /* Otherwise the change of the ids would take the capabilities along. */
        if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) < 0)
                return -errno;
        setfsgid(id);
        setfsuid(id);
        return setfsuid((uid_t)-1) == (int)id && setfsgid((gid_t)-1) == (int)id ? 0 : -EPERM;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "shared/process.h"
#include "supervisor/exit-status.h"

/* <linux/pidfd.h> of Linux 6.15, the first version of the structure. */
struct exit_info {
        uint64_t mask;
        uint64_t cgroup_id;
        uint32_t ids[11];
        int32_t exit_code;
};
#define GET_INFO _IOWR(0xFF, 11, struct exit_info)
#define INFO_EXIT (UINT64_C(1) << 3)

static int status_of(int wait_status) {
        return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* Return: whether it is to be asked again. */
static bool ask_kernel(int pidfd, int *status) {
        struct exit_info info = {.mask = INFO_EXIT};

        if (ioctl(pidfd, GET_INFO, &info) < 0)
                return false;
        if (info.mask & INFO_EXIT)
                *status = status_of(info.exit_code);
        return !(info.mask & INFO_EXIT);
}

bool process_take_end(Process *process) {
        siginfo_t info = {};

        process->end = (Event){
                .type = EVENT_EXITED,
                .process = process->number,
                .pid = process->pid,
                .status = -1,
                .finished_at = now_realtime(),
        };
        memcpy(process->end.container, process->container->id, sizeof(process->end.container));
        if (waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED | WNOHANG) < 0)
                return !ask_kernel(process->pidfd, &process->end.status);
        if (info.si_pid != 0)
                process->end.status =
                        info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
        return true;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "runtime/seccomp.h"
#include "seccomp-filter.h"
#include "shared/cleanup.h"
#include "shared/syscalls.h"

int seccomp_load(void) {
        /* The kernel only reads it. */
        struct sock_fprog program = {
                .len = ELEMENTSOF(seccomp_code),
                .filter = (struct sock_filter *)seccomp_code,
        };

        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
                return -errno;
        return 0;
}

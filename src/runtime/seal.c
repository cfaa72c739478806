/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "runtime/runtime.h"
#include "runtime/seal.h"
#include "shared/syscalls.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

int seal_open(const char *name) {
        int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

        if (fd < 0 && errno == EINVAL) /* before kernel 6.3 all are executable */
                fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        return fd < 0 ? -errno : fd;
}

int seal(int fd) {
        return fcntl(fd, F_ADD_SEALS, SEALS) < 0 ? -errno : 0;
}

static int copy_program(int from, int to) {
        struct stat st;
        off_t offset = 0;

        if (fstat(from, &st) < 0)
                return -errno;
        while (offset < st.st_size) {
                ssize_t n = sendfile(to, from, &offset, st.st_size - offset);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        return -EIO;
        }
        return seal(to);
}

int runtime_seal_self(char *const *argv, char *const *envp, Error *e) {
        _cleanup_close_ int program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), copy = -EBADF;
        int r, seals;

        if (program < 0)
                return error_set(e, errno, "seal", "opening the own program");
        /* Only a memfd has seals at all. */
        seals = fcntl(program, F_GET_SEALS);
        if (seals >= 0 && (seals & SEALS) == SEALS)
                /* Executed by descriptor, it would be called after the file in memory. */
                return prctl(PR_SET_NAME, program_invocation_short_name) < 0 ?
                               error_set(e, errno, "seal", "setting the process's name") :
                               0;
        copy = seal_open("mydocker-supervisor");
        if (copy < 0)
                return error_set(e, copy, "seal", "making a file in memory");
        r = copy_program(program, copy);
        if (r < 0)
                return error_set(e, r, "seal", "copying the program into memory");
        fexecve(copy, argv, envp);
        return error_set(e, errno, "seal", "executing the copy in memory");
}

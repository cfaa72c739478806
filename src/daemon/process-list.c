/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <time.h>

#include "daemon/process-list.h"
#include "protocol/spec.h"
#include "shared/fd.h"
#include "shared/process.h"

#define COMMAND_MAX 4096

/* Arguments, of which each ends with a zero, as one line. */
static void join(char *text, size_t size) {
        while (size > 0 && text[size - 1] == '\0')
                size--;
        for (size_t i = 0; i < size; i++)
                if (text[i] == '\0')
                        text[i] = ' ';
        text[size] = '\0';
        text_sanitize(text);
}

static int read_command(int dir, char **ret) {
        _cleanup_free_ char *text = malloc(COMMAND_MAX + 1);
        _cleanup_close_ int fd = -EBADF;
        ssize_t n;

        if (!text)
                return -ENOMEM;
        fd = openat(dir, "cmdline", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        n = read(fd, text, COMMAND_MAX);
        if (n < 0)
                return -errno;
        join(text, (size_t)n);
        *ret = TAKE_PTR(text);
        return 0;
}

/* The fields of /proc/PID/stat after the name, from the third on. */
static int read_stat(int dir, ProcessInfo *ret) {
        _cleanup_free_ char *text = NULL;
        unsigned long long user, system, start;
        uint64_t hertz = (uint64_t)sysconf(_SC_CLK_TCK);
        struct timespec up;
        const char *rest;
        size_t size;
        long rss;
        int parent;

        TRY(fd_read_file_at(dir, "stat", 4096, &text, &size));
        rest = strrchr(text, ')');
        if (!rest || sscanf(rest + 1,
                            " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d "
                            "%*d %*d %*d %llu %*u %ld",
                            &parent, &user, &system, &start, &rss) != 5)
                return -EBADMSG;
        clock_gettime(CLOCK_BOOTTIME, &up);
        ret->parent = parent;
        ret->cpu_time = (user + system) * 1000000 / hertz;
        ret->memory = (uint64_t)MAX(rss, 0L) * (uint64_t)sysconf(_SC_PAGESIZE);
        ret->start_time = now_realtime() - (uint64_t)up.tv_sec * 1000000 -
                          (uint64_t)up.tv_nsec / 1000 + start * 1000000 / hertz;
        return 0;
}

static int read_uid(int dir, uint32_t id_base, uint32_t *ret) {
        _cleanup_free_ char *text = NULL;
        const char *line;
        uint32_t uid;
        size_t size;

        TRY(fd_read_file_at(dir, "status", 65536, &text, &size));
        line = strstr(text, "\nUid:\t");
        if (!line)
                return -EBADMSG;
        uid = (uint32_t)strtoul(line + strlen("\nUid:\t"), NULL, 10);
        *ret = id_base != 0 && uid >= id_base && uid - id_base < ID_RANGE ? uid - id_base : uid;
        return 0;
}

int process_info_read(pid_t pid, uint32_t id_base, ProcessInfo *ret) {
        _cleanup_close_ int dir = -EBADF;
        char path[32];

        snprintf(path, sizeof(path), "/proc/%d", pid);
        dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return -errno;
        ret->pid = pid;
        TRY(read_stat(dir, ret));
        TRY(read_uid(dir, id_base, &ret->uid));
        return read_command(dir, &ret->command);
}

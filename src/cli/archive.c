/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/archive.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/progress.h"
#include "cli/remote.h"
#include "cli/report.h"
#include "shared/error.h"
#include "shared/fd.h"
#include "shared/strutil.h"

/* tar(5): an archive ends with two blocks of zeros. */
#define TAR_END 1024
#define BUFFER_SIZE (256 * 1024)

int archive_check_output(const Client *client, const char *output) {
        if (output || !isatty(STDOUT_FILENO))
                return 0;
        return report(client,
                      "cowardly refusing to save to a terminal. Use the -o flag or redirect");
}

/* How many zeros the bytes so far end with, from how many there were before `data`; counts no further than it
 * matters. */
static size_t count_zeros(size_t before, const char *data, size_t size) {
        size_t zeros = 0;

        while (zeros < size && zeros < TAR_END && !data[size - 1 - zeros])
                zeros++;
        return zeros == size ? MIN(before + zeros, TAR_END) : zeros;
}

int archive_copy(int from, int to, const char *what) {
        _cleanup_free_ char *buffer = malloc(BUFFER_SIZE);
        Progress progress = {};
        uint64_t total = 0;
        size_t zeros = 0;

        if (!buffer)
                return -ENOMEM;
        progress_count(&progress, what, 0);
        /* Larger pieces, if the system lets us. */
        (void)fcntl(from, F_SETPIPE_SZ, BUFFER_SIZE);
        for (;;) {
                ssize_t n = read(from, buffer, BUFFER_SIZE);
                int r;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0) {
                        r = n < 0 ? -errno : zeros >= TAR_END ? 0 : -ENODATA;

                        progress_clear(&progress);
                        return r;
                }
                zeros = count_zeros(zeros, buffer, (size_t)n);
                r = fd_write_all(to, buffer, (size_t)n);
                if (r < 0) {
                        progress_clear(&progress);
                        return r;
                }
                total += (uint64_t)n;
                progress_count(&progress, what, total);
        }
}

static int report_copy(const Client *client, int r, const char *output) {
        if (r == -ENODATA)
                return report(client, "the archive is incomplete: the daemon could not finish it");
        return r < 0 ? report_errno(client, r, output ?: "standard output") : 0;
}

/* What a signal must not leave behind. */
static char *unfinished;

static void on_signal(int number) {
        (void)unlink(unfinished);
        _exit(128 + number);
}

/* Beside the file, so that rename(2) can put it into place. */
static int receive_file(int fd, const char *what, const char *output) {
        _cleanup_close_ int to = -EBADF;
        static const int signals[] = {SIGHUP, SIGINT, SIGTERM};
        mode_t mask = umask(0);
        int r;

        umask(mask);
        unfinished = strf("%s.XXXXXX", output);
        if (!unfinished)
                return -ENOMEM;
        to = mkostemp(unfinished, O_CLOEXEC);
        if (to < 0) {
                r = -errno;
                free(unfinished);
                return r;
        }
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                signal(signals[i], on_signal);
        r = archive_copy(fd, to, what);
        if (r >= 0 && fchmod(to, 0666 & ~mask) < 0)
                r = -errno;
        if (r >= 0 && rename(unfinished, output) < 0)
                r = -errno;
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                signal(signals[i], SIG_DFL);
        if (r < 0)
                (void)unlink(unfinished);
        free(unfinished);
        return r;
}

static int receive(int fd, const char *what, const char *output) {
        _cleanup_close_ int to = -EBADF;
        struct stat st;

        if (!output)
                return archive_copy(fd, STDOUT_FILENO, what);
        if (stat(output, &st) < 0 || S_ISREG(st.st_mode))
                return receive_file(fd, what, output);
        to = open(output, O_WRONLY | O_CLOEXEC);
        return to < 0 ? -errno : archive_copy(fd, to, what);
}

int archive_receive(const Client *client, int fd, const char *what, const char *output) {
        return report_copy(client, receive(fd, what, output), output);
}

int archive_receive_remotely(Client *client, char *const *words, const char *what,
                             const char *output) {
        _cleanup_close_ int fd = -EBADF;
        pid_t pid;
        int status, r = remote_start_reading(client, words, &fd, &pid);

        if (r != 0)
                return r;
        r = receive(fd, what, output);
        fd = safe_close(fd);
        status = remote_wait(client, pid);
        /* Why nothing came was said there. */
        return status != 0 && (r >= 0 || r == -ENODATA) ? status : report_copy(client, r, output);
}

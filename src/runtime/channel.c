/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "runtime/channel.h"
#include "shared/fd.h"

int channel_open(int *ret_ours, int *ret_theirs) {
        int pair[2], r;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        r = fd_set_nonblock(pair[0], true);
        if (r < 0) {
                fd_close_many(pair, 2);
                return r;
        }
        *ret_ours = pair[0];
        *ret_theirs = pair[1];
        return 0;
}

int channel_send(int channel, const int *fds, size_t n) {
        int r = fd_send_message(channel, "", 1, fds, n);

        return r == -ECONNRESET ? -EPIPE : r;
}

int channel_receive(int channel, int *fds, size_t n) {
        size_t done = 0;

        do {
                _cleanup_free_ char *data = NULL;
                int received[FD_PASS_MAX];
                size_t n_received, size;
                int r = fd_receive_message(channel, 1, &data, &size, received, &n_received);

                if (r >= 0 && !data)
                        r = -EPIPE;
                if (r < 0) {
                        fd_close_many(fds, done);
                        return r;
                }
                if (n_received > n - done || (n_received == 0 && n > 0)) {
                        fd_close_many(received, n_received);
                        fd_close_many(fds, done);
                        return -EBADMSG;
                }
                for (size_t i = 0; i < n_received; i++)
                        fds[done++] = received[i];
        } while (done < n);
        return 0;
}

int channel_report(int channel, ReportType type, const Error *error, const int *fds, size_t n) {
        Report report = {.type = type};

        if (error)
                report.error = *error;
        return fd_send_message(channel, &report, sizeof(report), fds, n);
}

int channel_read_report(int channel, Report *ret, int *fds, size_t n) {
        _cleanup_free_ char *data = NULL;
        int received[FD_PASS_MAX];
        size_t n_received, size = 0;
        int r;

        /* A process that ended without reading all it was sent resets the connection, which is said once, before
         * its last words. */
        do
                r = fd_receive_message(channel, sizeof(Report), &data, &size, received,
                                       &n_received);
        while (r == -ECONNRESET);
        if (r < 0)
                return r;
        if (!data)
                return 0;
        if (size != sizeof(Report) || n_received > n) {
                fd_close_many(received, n_received);
                return -EBADMSG;
        }
        memcpy(ret, data, sizeof(Report));
        for (size_t i = 0; i < n; i++)
                fds[i] = i < n_received ? received[i] : -EBADF;
        return 1;
}

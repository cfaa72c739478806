/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <string.h>
#include <sys/sendfile.h>

#include "shared/fd.h"
#include "worker/sink.h"

#define BUFFER_SIZE (256 * 1024)
/* Files from this size on go to the output inside the kernel. */
#define SENDFILE_MIN (64 * 1024)

int sink_init(Sink *sink, int fd, Digest *digest, Error *e) {
        *sink = (Sink){.fd = fd, .digest = digest, .buffer = malloc(BUFFER_SIZE)};
        return sink->buffer ? 0 : error_oom(e);
}

void sink_done(Sink *sink) {
        free(sink->buffer);
        *sink = SINK_INIT;
}

static int output_failed(int number, Error *e) {
        if (abs(number) == EPIPE)
                return error_set(e, EPIPE, "output", "the reader has gone");
        return error_set(e, number, "output", "writing the archive");
}

/* Sends `size` bytes on; the buffer is empty. */
static int deliver(Sink *sink, const void *data, size_t size, Error *e) {
        int r;

        if (sink->digest)
                TRY(digest_update(sink->digest, data, size, e));
        if (sink->fd < 0)
                return 0;
        r = fd_write_all(sink->fd, data, size);
        return r < 0 ? output_failed(r, e) : 0;
}

int sink_flush(Sink *sink, Error *e) {
        size_t used = sink->used;

        sink->used = 0;
        return used > 0 ? deliver(sink, sink->buffer, used, e) : 0;
}

int sink_put(Sink *sink, const void *data, size_t size, Error *e) {
        sink->total += size;
        while (size > 0) {
                size_t n = MIN(size, BUFFER_SIZE - sink->used);

                memcpy(sink->buffer + sink->used, data, n);
                sink->used += n;
                data = (const char *)data + n;
                size -= n;
                if (sink->used == BUFFER_SIZE)
                        TRY(sink_flush(sink, e));
        }
        return 0;
}

int sink_zeros(Sink *sink, uint64_t size, Error *e) {
        static const unsigned char zeros[4096];

        while (size > 0) {
                size_t n = (size_t)MIN(size, sizeof(zeros));

                TRY(sink_put(sink, zeros, n, e));
                size -= n;
        }
        return 0;
}

/* By way of the buffer. Return: 0, *size is what is missing, or a negative errno. */
static int copy_file(Sink *sink, int fd, uint64_t *size, const char *name, Error *e) {
        while (*size > 0) {
                ssize_t n;

                if (sink->used == BUFFER_SIZE)
                        TRY(sink_flush(sink, e));
                n = read(fd, sink->buffer + sink->used,
                         (size_t)MIN(*size, (uint64_t)(BUFFER_SIZE - sink->used)));
                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return error_set(e, errno, "read", "reading /%s", name);
                }
                if (n == 0)
                        return 0;
                sink->used += (size_t)n;
                sink->total += (uint64_t)n;
                *size -= (uint64_t)n;
        }
        return 0;
}

/* Inside the kernel, straight from the page cache. Return: 1, *size is what is missing; 0 when
 * this output or file can't do that; or a negative errno. */
static int send_file(Sink *sink, int fd, uint64_t *size, Error *e) {
        TRY(sink_flush(sink, e));
        while (*size > 0) {
                ssize_t n = sendfile(sink->fd, fd, NULL, (size_t)MIN(*size, 1U << 30));

                if (n > 0) {
                        sink->total += (uint64_t)n;
                        *size -= (uint64_t)n;
                } else if (n == 0)
                        return 1;
                else if (errno == EAGAIN) {
                        struct pollfd pollfd = {.fd = sink->fd, .events = POLLOUT};

                        if (poll(&pollfd, 1, -1) < 0 && errno != EINTR)
                                return output_failed(errno, e);
                } else if (errno == EINVAL || errno == ENOSYS)
                        return 0;
                else if (errno != EINTR)
                        return output_failed(errno, e);
        }
        return 1;
}

int sink_file(Sink *sink, int fd, uint64_t size, const char *name, Error *e) {
        int r = 0;

        if (sink->fd >= 0 && !sink->digest && size >= SENDFILE_MIN) {
                r = send_file(sink, fd, &size, e);
                if (r < 0)
                        return r;
        }
        if (r == 0)
                TRY(copy_file(sink, fd, &size, name, e));
        return sink_zeros(sink, size, e);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/relay.h"

#include <errno.h>
#include <unistd.h>

#include "shared/cleanup.h"
#include "shared/fd.h"

static bool is_standard(int fd) {
        return fd <= STDERR_FILENO;
}

void relay_done(Relay *relay) {
        if (!is_standard(relay->from))
                relay->from = safe_close(relay->from);
        if (!is_standard(relay->to) && !relay->shares_to)
                relay->to = safe_close(relay->to);
        relay->from = relay->to = -EBADF;
        relay->start = relay->end = 0;
}

bool relay_is_open(const Relay *relay) {
        return relay->to >= 0;
}

void relay_poll(const Relay *relay, struct pollfd *pollfd) {
        bool full = relay->start < relay->end;

        *pollfd = (struct pollfd){
                .fd = !relay_is_open(relay) ? -1 :
                      full                  ? relay->to :
                                              relay->from,
                .events = full ? POLLOUT : POLLIN,
        };
}

static bool again(void) {
        return errno == EAGAIN || errno == EINTR;
}

static bool write_once(Relay *relay) {
        ssize_t n = write(relay->to, relay->buffer + relay->start, relay->end - relay->start);

        if (n < 0 && again())
                return false;
        if (n < 0)
                relay_done(relay);
        else
                relay->start += (size_t)n;
        return true;
}

static void take_keys(Relay *relay, const char *in, size_t size) {
        relay->start = 0;
        relay->detached = detach_keys_feed(relay->keys, in, size, relay->buffer, &relay->end);
}

static bool read_once(Relay *relay) {
        char typed[1024];
        ssize_t n = relay->keys ? read(relay->from, typed, sizeof(typed)) :
                                  read(relay->from, relay->buffer, RELAY_SIZE);

        if (n < 0 && again())
                return false;
        /* EIO is how a terminal ends whose other side has gone. */
        if (n <= 0) {
                relay_done(relay);
                return true;
        }
        if (relay->keys)
                take_keys(relay, typed, (size_t)n);
        else {
                relay->start = 0;
                relay->end = (size_t)n;
        }
        if (relay->log) {
                if (log_lines_feed(relay->log, relay->buffer, relay->end) < 0)
                        relay_done(relay);
                relay->start = relay->end = 0;
                return true;
        }
        /* Our own output is not made non-blocking, since others write to the same file: wait for room here. */
        if (relay->to_is_ours) {
                if (fd_write_all(relay->to, relay->buffer, relay->end) < 0)
                        relay_done(relay);
                relay->start = relay->end = 0;
        }
        return true;
}

bool relay_step(Relay *relay) {
        if (!relay_is_open(relay))
                return false;
        return relay->start < relay->end ? write_once(relay) : read_once(relay);
}

void relay_flush_keys(Relay *relay) {
        if (relay->keys && relay->start == relay->end) {
                relay->start = 0;
                relay->end = detach_keys_flush(relay->keys, relay->buffer);
        }
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/cleanup.h"
#include "shared/fd.h"

/* Bytes that are read at once. */
#define BLOCK_SIZE 65536

/* Room for them beside half as much that is still to be written. */
#define BUFFER_SIZE (2 * (BLOCK_SIZE + DETACH_KEYS_MAX))

static bool is_standard(int fd) {
        return fd <= STDERR_FILENO;
}

/* Others write to the same open file, so that it is not for us to make it non-blocking; pipes and terminals can be
 * opened once more. A regular file cannot (the other's offset would stand still), nor does it need it. */
static int open_writer(int to) {
        struct stat st;

        if (fstat(to, &st) < 0 || !(S_ISFIFO(st.st_mode) || isatty(to)))
                return -EBADF;
        return fd_reopen(to, O_WRONLY | O_NONBLOCK | O_NOCTTY);
}

Relay *relay_new(int from, int to, bool ours) {
        Relay *relay = malloc(sizeof(*relay));

        if (!relay)
                return NULL;
        *relay = (Relay){
                .from = from,
                .to = to,
                .ours = ours,
                .writer = ours ? open_writer(to) : -EBADF,
                .size = BUFFER_SIZE,
                .buffer = malloc(BUFFER_SIZE), /* not to be touched in vain */
        };
        if (relay->buffer)
                return relay;
        safe_close(relay->writer);
        free(relay);
        return NULL;
}

Relay *relay_free(Relay *relay) {
        if (!relay)
                return NULL;
        relay_done(relay);
        free(relay->buffer);
        free(relay);
        return NULL;
}

static void close_from(Relay *relay) {
        if (!is_standard(relay->from))
                safe_close(relay->from);
        relay->from = -EBADF;
}

void relay_done(Relay *relay) {
        close_from(relay);
        if (!is_standard(relay->to) && !relay->shares_to)
                safe_close(relay->to);
        relay->to = -EBADF;
        relay->writer = safe_close(relay->writer);
        relay->start = relay->end = 0;
}

bool relay_is_open(const Relay *relay) {
        return relay->to >= 0;
}

bool relay_has_rest(const Relay *relay) {
        return relay->start < relay->end;
}

/* Whether more may be read before something is written. */
static bool has_room(const Relay *relay) {
        return !relay_has_rest(relay) ||
               (relay->writer >= 0 && relay->end - relay->start < relay->behind_max);
}

void relay_poll(const Relay *relay, struct pollfd pollfds[static 2]) {
        pollfds[0] = (struct pollfd){
                .fd = relay->from >= 0 && has_room(relay) ? relay->from : -1,
                .events = POLLIN,
        };
        pollfds[1] = (struct pollfd){
                .fd = !relay_has_rest(relay) ? -1 :
                      relay->writer >= 0     ? relay->writer :
                                               relay->to,
                .events = POLLOUT,
        };
}

static bool again(void) {
        return errno == EAGAIN || errno == EINTR;
}

static void write_once(Relay *relay) {
        ssize_t n = write(relay->writer >= 0 ? relay->writer : relay->to,
                          relay->buffer + relay->start, relay->end - relay->start);

        if (n < 0 && again())
                return;
        if (n < 0) {
                relay->broken = relay->ours;
                relay_done(relay);
                return;
        }
        relay->start += (size_t)n;
        if (!relay_has_rest(relay) && relay->from < 0)
                relay_done(relay);
}

/* Makes room for a block behind what is there. Return: where it is, or NULL when out of memory. */
static char *make_room(Relay *relay) {
        size_t rest = relay->end - relay->start;

        if (relay->size - relay->end >= BLOCK_SIZE + DETACH_KEYS_MAX)
                return relay->buffer + relay->end;
        /* Moved only if that makes much room, or a reader that is behind would have it moved for every block. */
        if (rest > relay->size / 2) {
                char *larger = realloc(relay->buffer, relay->size * 2);

                if (!larger)
                        return NULL;
                relay->buffer = larger;
                relay->size *= 2;
        } else {
                memmove(relay->buffer, relay->buffer + relay->start, rest);
                relay->start = 0;
                relay->end = rest;
        }
        return relay->buffer + relay->end;
}

/* Return: whether something was read. */
static bool read_once(Relay *relay) {
        char typed[1024], *to = make_room(relay);
        ssize_t n = 0;
        size_t kept;

        if (to)
                n = relay->keys ? read(relay->from, typed, sizeof(typed)) :
                                  read(relay->from, to, BLOCK_SIZE);
        if (n < 0 && again())
                return false;
        /* EIO is how a terminal ends whose other side has gone. */
        if (n <= 0) {
                close_from(relay);
                if (!relay_has_rest(relay))
                        relay_done(relay);
                return false;
        }
        kept = (size_t)n;
        if (relay->keys)
                relay->detached = detach_keys_feed(relay->keys, typed, kept, to, &kept);
        relay->end += kept;
        return true;
}

void relay_step(Relay *relay) {
        if (relay->from >= 0 && has_room(relay))
                read_once(relay);
        if (relay_has_rest(relay))
                write_once(relay);
}

void relay_drain(Relay *relay) {
        do {
                if (!relay_has_rest(relay))
                        continue;
                if (fd_write_all(relay->to, relay->buffer + relay->start,
                                 relay->end - relay->start) < 0)
                        relay_done(relay);
                relay->start = relay->end = 0;
        } while (relay->from >= 0 && read_once(relay));
}

void relay_flush_keys(Relay *relay) {
        if (relay->keys && !relay_has_rest(relay)) {
                relay->start = 0;
                relay->end = detach_keys_flush(relay->keys, relay->buffer);
        }
}

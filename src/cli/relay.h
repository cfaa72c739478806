/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Carries bytes from one descriptor to another. */

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/detach.h"
#include "cli/log-lines.h"

#define RELAY_SIZE 65536

typedef struct Relay {
        int from, to; /* -EBADF when at the end */
        bool to_is_ours; /* `to` is one of our own standard streams: written to without waiting for room */
        bool shares_to; /* `to` is also read from, by another relay, and is not closed here */
        bool awaits_end; /* what is still to come after the process has ended comes in its own time */
        DetachKeys *keys; /* what ends the relay, or NULL */
        LogLines *log;    /* what takes the bytes apart instead of `to`, or NULL */
        bool detached;
        size_t start, end; /* what of `buffer` is still to be written */
        char buffer[RELAY_SIZE + DETACH_KEYS_MAX];
} Relay;

/* Closes what it has that is not ours. */
void relay_done(Relay *relay);

/* Whether it still does something. */
bool relay_is_open(const Relay *relay);

/* Sets what to wait for; fd -1 means nothing. */
void relay_poll(const Relay *relay, struct pollfd *pollfd);

/* Reads or writes once. At the end of either side the other one is closed.
 * Return: whether anything was done. */
bool relay_step(Relay *relay);

/* Passes on the keys that are held back because they might be the beginning of the sequence. */
void relay_flush_keys(Relay *relay);

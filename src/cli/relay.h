/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Carries bytes from one descriptor to another. Nothing here waits: who takes output slowly, on our own standard
 * output, holds up neither what else we do nor, for a good while, who writes it. */

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/detach.h"

typedef struct Relay {
        int from;       /* -EBADF at its end; what was read may still have to be written */
        int to;         /* -EBADF when all is done */
        bool ours;      /* `to` is one of our own standard streams */
        bool shares_to; /* `to` is also read from, by another relay, and is not closed here */
        bool awaits_end; /* what is still to come after the process has ended comes in its own time */
        DetachKeys *keys; /* what ends the relay, or NULL */
        bool detached;
        bool broken; /* nobody reads what we write to our own stream any more */
        int writer;  /* an end of `to` that doesn't block, where there can be one */
        size_t behind_max; /* with `writer`: bytes that the reader may be behind until who writes has to wait too */
        size_t start, end; /* what of `buffer` is still to be written */
        size_t size;
        char *buffer;
} Relay;

/* Return: NULL when out of memory. `from` and `to` are taken then only. */
Relay *relay_new(int from, int to, bool ours);
/* Return: NULL. */
Relay *relay_free(Relay *relay);

/* Closes what it has that is not ours, and forgets what was not written. */
void relay_done(Relay *relay);

/* Whether it still does something. */
bool relay_is_open(const Relay *relay);

/* Whether something that was read is still to be written. */
bool relay_has_rest(const Relay *relay);

/* Sets what to wait for; fd -1 means nothing. */
void relay_poll(const Relay *relay, struct pollfd pollfds[static 2]);

/* Reads and writes once. At the end of either side the other one is closed. */
void relay_step(Relay *relay);

/* Carries over all that can be read at once, waiting for its reader as long as it takes. */
void relay_drain(Relay *relay);

/* Passes on the keys that are held back because they might be the beginning of the sequence. */
void relay_flush_keys(Relay *relay);

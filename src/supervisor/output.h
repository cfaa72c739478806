/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a process puts out, on its way from a pipe or a terminal's master to the log and to the
 * clients that are attached; with a terminal also what they type, on its way back.
 *
 * A client that takes its data slower than the process makes it slows the process down. But one that
 * stands still for ten seconds misses what comes until it has taken the rest, and is told so where that
 * isn't seen at once, as on a terminal. The log misses nothing. A journal is such a client, too. */

#include <stdbool.h>

#include "supervisor/event.h"
#include "supervisor/journal.h"
#include "supervisor/logfile.h"
#include "supervisor/state.h"

typedef struct Output Output;

typedef struct OutputConfig {
        int fd;             /* read end or master, taken (also on failure) */
        bool terminal;      /* clients are stream sockets and can write */
        const char *stream; /* the name in the log */
        LogFile *log;       /* NULL: none. Not owned; valid until output_release() */
        const JournalConfig
                *journal; /* NULL: none. Looked at by output_new() only, but for `ready` */
        /* Called when the last writer has closed its end. */
        void (*ended)(void *data);
        void *data;
} OutputConfig;

/* Return: 0 or a negative errno. */
int output_new(EventLoop *loop, const OutputConfig *config, Output **ret);

/* Lets a client, a stream socket (terminal) or the write end of a pipe, have a copy of what comes
 * from now on; takes `fd`, also on failure. When the output has ended, so has the client's. Return:
 * 0, -EUSERS when there are too many, or another negative errno. */
int output_attach(Output *output, int fd);

/* Reads all that is there. Return: whether the end has been reached. */
bool output_drain(Output *output);

/* The inode of what it reads from, for finding it again; 0 when it has ended. */
uint64_t output_inode(const Output *output);

/* What it reads from; -EBADF when it has ended. */
int output_fd(const Output *output);

/* Gives it up. Nothing is read any more; clients get what they haven't yet, which doesn't need the
 * caller. Return: NULL. */
Output *output_release(Output *output);

/* To and from the program that takes our place: with clients, what they have not got yet, and the journal; not with the
 * log. Return: 0 or a negative errno. */
int output_save(const Output *output, State *state, Json **ret);
/* `config` as for output_new(), but for the descriptor, terminal and journal. */
int output_load(EventLoop *loop, const OutputConfig *config, State *state, Json *json,
                Output **ret);

/* The same for all that were given up, as arrays. */
int outputs_save_released(State *state, Json **ret);
int outputs_load_released(EventLoop *loop, State *state, Json *array);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a container has written to the journal of this machine, read by the caller: what a user gets to see of the journal
 * is the journal's business. */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-journal.h>

#include "cli/log-lines.h"

#define JOURNAL_NONE UINT64_MAX

typedef struct JournalReader {
        LogLines *lines;       /* takes what was read */
        uint64_t since, until; /* µs, realtime, or JOURNAL_NONE */
        uint64_t tail;         /* begins with so many of the last lines, or JOURNAL_NONE */
        sd_journal *journal;
} JournalReader;

/* Opens the journal where the container's entries that are wanted begin. Return: 0 or a negative errno. */
int journal_reader_open(JournalReader *reader, const char *id);
void journal_reader_done(JournalReader *reader);
#define _cleanup_journal_reader_ _cleanup_(journal_reader_done)

/* Reads all that is there by now. Return: 1 if what follows is too late to be wanted, 0, or a negative errno. */
int journal_reader_read(JournalReader *reader);

/* Waits for more, for at most `us`. Return: whether there may be some, or a negative errno. */
int journal_reader_wait(JournalReader *reader, uint64_t us);

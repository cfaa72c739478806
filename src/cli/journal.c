/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/journal.h"

#include <stdio.h>

#include "cli/human.h"
#include "shared/error.h"
#include "shared/strutil.h"

/* So much is collected before it is passed on. */
#define BATCH_SIZE 65536L

void journal_reader_done(JournalReader *reader) {
        sd_journal_close(reader->journal);
        reader->journal = NULL;
}

/* A field's value. Return: its size, or a negative errno: -ENOENT if there is none. */
static ssize_t get_field(sd_journal *journal, const char *name, const char **ret) {
        const void *data;
        size_t size, skip = strlen(name) + 1;

        TRY(sd_journal_get_data(journal, name, &data, &size));
        *ret = (const char *)data + skip;
        return (ssize_t)(size - skip);
}

static bool is_partial(sd_journal *journal) {
        const char *value;

        return get_field(journal, "CONTAINER_PARTIAL_MESSAGE", &value) == 4 &&
               memcmp(value, "true", 4) == 0;
}

/* Goes back until before the first entry that is wanted. Return: 0 at the very beginning, 1, or a negative errno. */
static int go_back(JournalReader *reader) {
        uint64_t lines = 0, time;
        bool last = true;
        int r;

        while ((r = sd_journal_previous(reader->journal)) > 0) {
                TRY(sd_journal_get_realtime_usec(reader->journal, &time));
                /* What has no end yet is a line, too. */
                if (!is_partial(reader->journal) || last)
                        lines++;
                last = false;
                if (lines > reader->tail || (reader->since != JOURNAL_NONE && time < reader->since))
                        break;
        }
        return r;
}

static int seek(JournalReader *reader) {
        int r;

        if (reader->tail == JOURNAL_NONE)
                return reader->since == JOURNAL_NONE ?
                               sd_journal_seek_head(reader->journal) :
                               sd_journal_seek_realtime_usec(reader->journal, reader->since);
        TRY(reader->until == JOURNAL_NONE ?
                    sd_journal_seek_tail(reader->journal) :
                    sd_journal_seek_realtime_usec(reader->journal, reader->until + 1));
        r = go_back(reader);
        return r == 0 ? sd_journal_seek_head(reader->journal) : MIN(r, 0);
}

int journal_reader_open(JournalReader *reader, const char *id) {
        _cleanup_free_ char *match = strf("CONTAINER_ID_FULL=%s", id);

        if (!match)
                return -ENOMEM;
        TRY(sd_journal_open(&reader->journal, SD_JOURNAL_LOCAL_ONLY));
        TRY(sd_journal_set_data_threshold(reader->journal, 0));
        TRY(sd_journal_add_match(reader->journal, match, 0));
        /* Anybody may write an entry with that, but not as root. */
        TRY(sd_journal_add_match(reader->journal, "_UID=0", 0));
        return seek(reader);
}

/* As a line of a log file. */
static int write_entry(sd_journal *journal, uint64_t time, FILE *file) {
        _cleanup_free_ char *text = human_rfc3339(time);
        const char *message, *priority;
        bool partial = is_partial(journal),
             error = get_field(journal, "PRIORITY", &priority) == 1 && *priority == '3';
        ssize_t size =
                get_field(journal, "MESSAGE", &message); /* last: each makes the others invalid */

        if (!text)
                return -ENOMEM;
        if (size < 0)
                return size == -ENOENT ? 0 : (int)size;
        if (memchr(message, '\n', (size_t)size)) /* none of the service's */
                return 0;
        fprintf(file, "%s %s %c ", text, error ? "stderr" : "stdout", partial ? 'P' : 'F');
        fwrite(message, 1, (size_t)size, file);
        fputc('\n', file);
        return 0;
}

/* Collects a batch. Return: 1 if there is more, 0 if not, -ERANGE for what follows being too late, or another error. */
static int write_batch(const JournalReader *reader, FILE *file) {
        uint64_t time;
        int r;

        while ((r = sd_journal_next(reader->journal)) > 0) {
                TRY(sd_journal_get_realtime_usec(reader->journal, &time));
                if (reader->until != JOURNAL_NONE && time > reader->until)
                        return -ERANGE;
                TRY(write_entry(reader->journal, time, file));
                if (ftell(file) >= BATCH_SIZE)
                        return 1;
        }
        return r;
}

static int read_batch(JournalReader *reader) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);
        int r;

        if (!file)
                return -ENOMEM;
        r = write_batch(reader, file);
        if (fclose(file) != 0)
                return -ENOMEM;
        if (r >= 0 || r == -ERANGE)
                TRY(log_lines_feed(reader->lines, text, size));
        return r;
}

int journal_reader_read(JournalReader *reader) {
        int r;

        do
                r = read_batch(reader);
        while (r > 0);
        return r == -ERANGE ? 1 : r;
}

int journal_reader_wait(JournalReader *reader, uint64_t us) {
        int r = sd_journal_wait(reader->journal, us);

        return r < 0 ? r : r != SD_JOURNAL_NOP;
}

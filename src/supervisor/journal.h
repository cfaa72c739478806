/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One stream of a container's output as entries of systemd's journal: one for each line, with the
 * fields that docker's "journald" driver gives them. What journald doesn't take at once makes the
 * process wait, but not for long: a journal that stands still for a second loses entries, and is
 * told how much as soon as it takes some again. Nothing here waits. */

#include <stdbool.h>
#include <stddef.h>

#include "protocol/spec.h"
#include "supervisor/event.h"
#include "supervisor/state.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

typedef struct Journal Journal;

typedef struct JournalConfig {
        const char *socket; /* JOURNAL_SOCKET */
        const char *id;
        const LogSpec *log;
        int priority; /* of syslog(3) */
        /* Called when more is taken, after journal_write() has said that it isn't. */
        void (*ready)(void *data);
        void *data;
} JournalConfig;

/* Nobody has to listen at the socket yet. Return: 0 or -ENOMEM. */
int journal_new(EventLoop *loop, const JournalConfig *config, Journal **ret);

/* Writes what a process put out. The last line waits for its end. Return: whether more may come;
 * else it should wait until `ready`. */
bool journal_write(Journal *journal, const char *data, size_t size);

/* Writes the last line too. What journald doesn't take now, it gets as soon as it does, which doesn't
 * need the caller. Return: NULL. */
Journal *journal_release(Journal *journal);

/* Whether nothing more should come until `ready`. */
bool journal_is_full(const Journal *journal);

/* To and from the program that takes our place. Return: 0 or a negative errno. */
int journal_save(const Journal *journal, State *state, Json **ret);
int journal_load(EventLoop *loop, State *state, Json *json, void (*ready)(void *data), void *data,
                 Journal **ret);

/* The same for all that were released and still have something for journald, as arrays. */
int journals_save_released(State *state, Json **ret);
int journals_load_released(EventLoop *loop, State *state, Json *array);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a supervisor hands to the program that takes its place by execve(2): a JSON object, the descriptors that it
 * names by their numbers, and bytes that are no text. All of it passes in files in memory.
 *
 * The format has a name, STATE_FORMAT, which changes when a program that knows only the one before would do wrong
 * with it; what is only added doesn't change it, since what is missing reads as 0, NULL or false. Another format
 * isn't read at all: see upgrade.h. */

#include <stddef.h>

#include "shared/json.h"

#define STATE_FORMAT "mydocker-supervisor state 1"

typedef struct State State;

/* An empty one, to be written. Return: 0 or a negative errno. */
int state_new(State **ret);
/* Closes those descriptors of a state that was read which nobody has taken. Return: NULL. */
State *state_free(State *state);
DEFINE_CLEANUP(State *, state_free)

/* The object that holds everything. */
Json *state_root(const State *state);

/* Adds a descriptor, which stays the caller's; an invalid one is left out. Return: 0 or -ENOMEM. */
int state_add_fd(State *state, Json *object, const char *key, int fd);
/* Adds bytes; none are left out. Return: 0 or a negative errno. */
int state_add_bytes(State *state, Json *object, const char *key, const void *data, size_t size);

/* Ends writing, and lets all descriptors stay open over an execve(2). Return: one more, to read it all from, or a
 * negative errno. */
int state_pass(State *state);
/* After an execve(2) that failed. */
void state_keep(State *state);

/* Reads what state_pass() returned, and closes it. With any failure all descriptors that no other program should get
 * are closed but the standard ones. Return: 0 or a negative errno, -EPROTONOSUPPORT for another format. */
int state_read(int fd, State **ret);

/* Takes a descriptor, CLOEXEC; an absent one leaves *ret untouched. Return: as the getters of shared/json.h. */
int state_take_fd(State *state, Json *object, const char *key, int *ret);
/* Reads bytes; *ret, to be freed, is NULL when absent. Return: as above. */
int state_get_bytes(const State *state, Json *object, const char *key, size_t max, char **ret,
                    size_t *ret_size);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A shell command line on a terminal of its own, and a person there. */

#include "harness.h"

typedef struct Session {
        int master;
        GPid pid;
        GString *output; /* all that has come since what was expected last */
} Session;

Session *session_new(const char *command, int rows, int columns);

/* Reads what comes within a moment. Return: whether there may be more later. */
bool session_read(Session *session);

/* Waits until the text has come; fails the test if it never does. */
void session_expect(Session *session, const char *text);

void session_type(Session *session, const char *text);

/* Types a line until the answer comes, for what takes a moment to have an effect; fails the test if it never does. */
void session_ask(Session *session, const char *line, const char *answer);

/* Waits for the command's end, and frees the session. Return: its exit status. */
int session_end(Session *session);

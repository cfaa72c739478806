/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How a session learns that its process has ended. Only session.c uses it. */

#include "cli/session.h"

/* Connects and begins to look at signals. Return: an exit status; failures are reported. */
int session_watch_init(Session *session);

/* For a process that has turned out to live longer. Until here signals for all containers may have been asked for,
 * which costs no extra round trip; each of them wakes us, so from here on only those of one. And a pending Wait call
 * fails if the daemon goes away, of which nothing else tells. Return: 0 or a negative errno. */
int session_settle(Session *session);

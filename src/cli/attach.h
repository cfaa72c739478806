/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Connecting a session to a container that exists. */

#include "cli/session.h"

/* Attaches to the container at session->path, which the user called `operand`, and takes its streams; finds out
 * whether it has a terminal. */
int attach_streams(Session *session, const char *operand, bool input);

/* Attaches, and then starts it, so that nothing of its output is missed. */
int attach_and_start(Session *session, const char *operand, bool input);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* mydocker run in the foreground with the output read from the log: of a container that may be started again, when it
 * gets new streams. */

#include <signal.h>

#include "cli/client.h"

/* Whether the options ask for a container whose output has to be read from the log: with a restart policy, unless it is to
 * be connected to input or a terminal, or has no log file. */
bool run_needs_log(void);

/* Shows what the container at `path`, which the user called `operand`, writes until it has ended for good. `signals` are
 * those that session_block_signals() has blocked. Return: the process's exit status, or a failure, which is reported. */
int run_show_log(Client *client, const char *path, const char *operand, const sigset_t *signals,
                 bool signal_proxy);

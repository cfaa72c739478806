/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* mydocker run in the foreground with the output read from the log: on another machine, where no descriptor gets to, and of
 * a container that may be started again, when it gets new streams. */

#include "cli/client.h"

/* Whether the options ask for a container whose output has to be read from the log: on another machine always, with a
 * restart policy unless it is to be connected to input or a terminal, or has no log file. */
bool run_needs_log(const Client *client);

/* Runs the container that the options and `operands` (image, command) describe. Return: the process's exit status, or a
 * failure, which is reported. */
int run_from_log(Client *client, char **operands, bool signal_proxy);

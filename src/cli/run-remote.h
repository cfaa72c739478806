/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* mydocker run in the foreground on another machine, where no descriptor gets to: the output is read from the log. */

#include "cli/client.h"

/* Runs the container that the options and `operands` (image, command) describe. Return: the process's exit status, or a
 * failure, which is reported. */
int run_remote(Client *client, char **operands, bool signal_proxy);

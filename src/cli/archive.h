/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Archives that come from the daemon through a pipe. */

#include "cli/client.h"

/* Refuses to write an archive to a terminal: if `output` is NULL, it would go to standard output. */
int archive_check_output(const Client *client, const char *output);

/* Copies an archive to a file, or to standard output if `output` is NULL. A file appears under its name only
 * when it is complete. An archive that breaks off is an error. `what` is being done, for the line of progress. */
int archive_receive(const Client *client, int fd, const char *what, const char *output);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Archives that come from the daemon through a pipe. */

#include "cli/client.h"

/* Refuses to write an archive to a terminal: if `output` is NULL, it would go to standard output. */
int archive_check_output(const Client *client, const char *output);

/* Copies an archive; `what` is for the line of progress, or NULL: none. Return: 0; a negative errno; -ENODATA if it
 * broke off, without the mark of its end. */
int archive_copy(int from, int to, const char *what);

/* Copies an archive to a file, or to standard output if `output` is NULL. A file appears under its name only
 * when it is complete. An archive that breaks off is an error. `what` is being done, for the line of progress. */
int archive_receive(const Client *client, int fd, const char *what, const char *output);

/* The same with what "mydocker WORDS…" on another machine writes to its standard output. */
int archive_receive_remotely(Client *client, char *const *words, const char *what,
                             const char *output);

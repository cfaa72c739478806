/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The environment as it is written on the command line. */

#include "cli/client.h"

/* Appends the lines of a file but empty ones and those that begin with '#'. Return: 0 or a negative errno. */
int lines_read(const char *name, char ***lines);

/* Collects the lines of files, then single variables: KEY=VALUE, or KEY, which has the value it has here and is left
 * out if it has none. Return: 0 and a new list; a negative errno, with the name of the file that cannot be read in
 * *file, which is NULL when out of memory. */
int environment_collect(char *const *files, char *const *variables, char ***ret, const char **file);

/* Does so, and adds the option `env` to a call if there is any variable. */
int environment_add(Client *client, sd_bus_message *call, char *const *files,
                    char *const *variables);

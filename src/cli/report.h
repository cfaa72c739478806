/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What went wrong, on standard error, in docker's words where docker has some. */

#include "cli/client.h"

/* Writes "Error: …". Return: the verb's exit status for failures. */
int report(const Client *client, const char *format, ...) _printf_(2, 3);

/* Writes "Error: WHAT: STRERROR"; `number` has either sign. Return: the verb's exit status for failures. */
int report_errno(const Client *client, int number, const char *what);

/* Writes that there is no bus, or none any more. Return: the verb's exit status for failures. */
int report_unreachable(const Client *client, int number);

/* Writes a D-Bus error for people. `r` is what the call returned, `subject` what the user called the thing, or
 * NULL. Return: 127 for a command that was not found, 126 for one that is not executable, where that is what the
 * verb does; else the verb's exit status for failures. */
int report_bus_error(const Client *client, const sd_bus_error *error, int r, const char *subject);

/* Writes a mistake in the command line, with the verb's usage. Return: `status`. */
int report_usage(const Client *client, int status, const char *format, ...) _printf_(3, 4);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Command line options by docker's rules: -it is -i -t, a value may follow as "-nX", "-n=X", "--name X"
 * or "--name=X", a switch may be given as "--flag=false", "--" ends the options, and where a command
 * follows, the first operand does. */

#include <stdbool.h>
#include <stdint.h>

#include "shared/cleanup.h"

/* Takes one value for an option. Return: 0, -EINVAL for a bad value, or -ENOMEM. */
typedef int (*OptionParser)(const char *value, void *target);

typedef struct Option {
        /* Words: a single letter is a short name, the others are long ones, of which the first is the one
         * shown. A long name written as "-name" is also taken after one dash. NULL ends a table. */
        const char *names;
        const char *argument; /* what --help calls the value; NULL: a switch */
        const char *help;     /* NULL: not shown */
        OptionParser parse;
        void *target;
} Option;

/* Parsers. The target's type is in brackets. Strings stay those of the command line. */
int option_bool(const char *value,
                void *target); /* [bool] true or false, "true" for a bare switch */
int option_string(const char *value, void *target); /* [const char *] */
int option_list(const char *value, void *target);   /* [char **], a string list, extended */
int option_size(const char *value, void *target);   /* [uint64_t], bytes */
int option_u64(const char *value, void *target);    /* [uint64_t] */
int option_signal(const char *value, void *target); /* [int] */

/* Parses `argv` (without the verb) by several tables, of which earlier ones go first. `tables` ends with NULL.
 * With `command`, nothing after the first operand is an option. --help sets *help.
 * Return: 0; -EINVAL with a message as docker words it in *message; or -ENOMEM. *operands is a vector of
 * `argv`'s own strings; free only the vector. */
int options_parse(const Option *const *tables, bool command, char **argv, char ***operands,
                  bool *help, char **message);

/* The option that a word such as "-n", "--name" or "-name" means, or NULL. A short name at the end of a cluster
 * ("-it") is found too. For completion. */
const Option *options_find(const Option *const *tables, const char *word);

/* Copies the first long name, or else the short one, with its dashes. Return: `buffer`. */
const char *option_shown_name(const Option *option, char *buffer, size_t size);

/* The short name, or 0. */
char option_letter(const Option *option);

/* A signal from its name with or without SIG, in any case, or its number. Return: -EINVAL if there is none. */
int signal_from_string(const char *s);

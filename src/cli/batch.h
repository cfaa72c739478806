/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One method for each of several containers: all at once, and what they print in the order they were named. */

#include "cli/client.h"

typedef struct Batch {
        const char *member; /* of org.mydocker.Container */
        /* Adds the method's arguments to a call. Return: a negative errno on failure. */
        int (*arguments)(sd_bus_message *call);
        /* Prints what a reply says; NULL: the operand as typed is printed. Return: a negative errno on failure. */
        int (*print)(sd_bus_message *reply);
        bool ignore_missing; /* a container that does not exist is no failure */
} Batch;

/* For methods without arguments but options, of which none is given. */
int batch_no_arguments(sd_bus_message *call);

/* Return: 0, or the verb's exit status for failures if any operand failed; all are tried. */
int batch_run(Client *client, const Batch *batch, char **operands);

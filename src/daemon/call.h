/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Calls that are answered later, together with their container. */

#include "daemon/container.h"

typedef struct Call {
        Container *container;
        sd_bus_message *message;
} Call;

/* Return: NULL when out of memory. */
Call *call_new(Container *c, sd_bus_message *message);
/* Return: NULL. */
Call *call_free(Call *call);
DEFINE_CLEANUP(Call *, call_free)

/* Sends a request about the container, and answers the call, without values, when it has been carried out.
 * Return: 1, or a negative errno with `error` set. */
int call_supervisor(Container *c, sd_bus_message *message, Request *request, sd_bus_error *error);

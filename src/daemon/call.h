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

/* Has a call that was put aside handled once more, from its beginning; it is answered if that cannot be. */
void call_dispatch_again(Manager *m, sd_bus_message *message);

/* The supervisor says that the container, which was taken to run, does not: the call is handled again once that is known
 * here, too. Of what asks polkit, polkit is asked again. Return: whether that will be; else the call is still to be answered. */
bool call_again_when_ended(Container *c, sd_bus_message *message);

/* Sends a request about the container, and answers the call, without values, when it has been carried out.
 * Return: 1, or a negative errno with `error` set. */
int call_supervisor(Container *c, sd_bus_message *message, Request *request, sd_bus_error *error);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the glue of several interfaces needs. */

#include <systemd/sd-bus.h>

#include "shared/cleanup.h"

/* Defines a property getter: `TYPE` is that of the object, which the last argument calls `o`; it appends
 * the value to `reply`. */
#define DEFINE_PROPERTY(function, TYPE, append)                                                    \
        static int function(sd_bus *bus, const char *path, const char *interface,                  \
                            const char *property, sd_bus_message *reply, void *userdata,           \
                            sd_bus_error *error) {                                                 \
                _unused_ TYPE *o = userdata;                                                       \
                return (append);                                                                   \
        }

/* Appends a string list, which may be NULL, as an array of `type`. */
int append_strings(sd_bus_message *message, char type, char *const *strings);

/* Appends an entry {sv} with a basic value. */
int append_entry(sd_bus_message *message, const char *key, const char *type, ...);

/* Reads the options of a method that has none. Return: as options_read(). */
int options_read_none(sd_bus_message *message, sd_bus_error *error);

/* Replies without values; a failure to do so is logged. `message` may be NULL. */
void reply_done_empty(sd_bus_message *message);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reading a{sv}, the properties of an object or a method's results, into a structure. */

#include <systemd/sd-bus.h>

#include "shared/cleanup.h"

/* Where a property goes. A value of another type than expected is an error; other properties are skipped. */
typedef struct PropertyMap {
        const char *name; /* NULL ends a map */
        /* s, o → char *; as, ao → char **, a{ss} → char ** of KEY=VALUE, a(ssb) → char ** of SOURCE:TARGET[:ro];
         * b → bool; u → uint32_t; i → int32_t; t → uint64_t; d → double */
        const char *type;
        size_t offset;
} PropertyMap;

/* Reads the a{sv} at which the message stands. Strings and lists are replaced by new ones of the structure.
 * Return: 0 or a negative errno. */
int properties_read(sd_bus_message *message, const PropertyMap *map, void *structure);

/* Releases what properties_read() has put into a structure. */
void properties_done(const PropertyMap *map, void *structure);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* --format for a JSON value: "json", or a template of which the fields are paths into the value. */

#include "cli/client.h"
#include "shared/json.h"

/* Prints one value by a format, in one line. */
int json_print_formatted(const Client *client, Json *value, const char *format);

/* Adds an empty object to `owner`, to which it belongs. Return: the object, or NULL when out of memory. */
Json *json_add_new_object(Json *owner, const char *key);

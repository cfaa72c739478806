/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Listings as verbs make them: what goes wrong is reported. */

#include "cli/client.h"
#include "cli/listing.h"

/* listing_init() */
int show_begin(const Client *client, Listing *listing, const Field *fields, size_t n_fields,
               const char *format, const char *columns);

/* listing_print(), to standard output */
int show_end(const Client *client, const Listing *listing);

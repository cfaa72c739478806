/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A list of things with the same fields, shown as docker does: a table, one JSON object for each line, or a
 * template for each. */

#include <stdbool.h>
#include <stdio.h>

#include "cli/template.h"

typedef struct Field {
        const char *key;    /* in templates and JSON */
        const char *header; /* in tables */
} Field;

typedef enum ListingStyle { LISTING_TABLE, LISTING_LINES, LISTING_JSON } ListingStyle;

typedef struct Listing {
        const Field *fields;
        size_t n_fields;
        ListingStyle style;
        Template template; /* of one row; columns of a table are separated by tabs */
        char **cells;      /* n_rows rows of n_fields */
        size_t n_rows;
} Listing;

/* Prepares a listing for the argument of --format, NULL if there was none: "table", "json", "table TEMPLATE" or a
 * TEMPLATE. `columns` is the table's usual template. Unknown fields are found already here.
 * Return: 0; -EINVAL with a message in *message; or -ENOMEM. */
int listing_init(Listing *listing, const Field *fields, size_t n_fields, const char *format,
                 const char *columns, char **message);
void listing_done(Listing *listing);
#define _cleanup_listing_ _cleanup_(listing_done)

/* Whether this field's values will be shown. */
bool listing_wants(const Listing *listing, const char *key);

/* Adds a row of n_fields strings, which are taken over, also on failure; NULL among them counts as out of
 * memory. Return: 0 or -ENOMEM. */
int listing_add(Listing *listing, char **cells);

/* Forgets all rows. */
void listing_clear(Listing *listing);

/* Writes everything; tables with their header if `legend`. Return: 0 or -ENOMEM. */
int listing_print(const Listing *listing, FILE *file, bool legend);

/* Writes lines of cells that are separated by tabs as a table with docker's padding: each column at least 10 wide,
 * 3 spaces after the longest cell. Return: 0 or -ENOMEM. */
int table_print(char *const *lines, FILE *file);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/listing.h"

#include <string.h>

#include "cli/human.h"
#include "shared/error.h"
#include "shared/strutil.h"

#define COLUMN_WIDTH_MIN 10
#define COLUMN_PADDING 3
#define COLUMNS_MAX 64

/* One row as the source of a template; row NULL is the header. */
typedef struct Row {
        const Listing *listing;
        char *const *cells;
} Row;

/* All fields of a row as an object, or one as a string. */
static char *row_to_json(const Listing *l, char *const *cells, const char *only) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        if (!out)
                return NULL;
        if (only)
                json_write_string(out, only);
        for (size_t i = 0; i < l->n_fields && !only; i++) {
                fputc(i == 0 ? '{' : ',', out);
                json_write_string(out, l->fields[i].key);
                fputc(':', out);
                json_write_string(out, cells[i]);
        }
        if (!only)
                fputc('}', out);
        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

static int row_lookup(void *userdata, const char *path, bool json, char **ret) {
        const Row *row = userdata;
        const Listing *l = row->listing;

        if (!*path) {
                *ret = row->cells ? row_to_json(l, row->cells, NULL) : strdup("");
                return *ret ? 0 : -ENOMEM;
        }
        for (size_t i = 0; i < l->n_fields; i++) {
                if (!streq(l->fields[i].key, path))
                        continue;
                if (!row->cells)
                        *ret = strdup(l->fields[i].header);
                else
                        *ret = json ? row_to_json(l, NULL, row->cells[i]) : strdup(row->cells[i]);
                return *ret ? 0 : -ENOMEM;
        }
        return -ENOENT;
}

static int row_fill(const Listing *l, char *const *cells, char **ret, char **unknown) {
        Row row = {.listing = l, .cells = cells};
        TemplateSource source = {.lookup = row_lookup, .userdata = &row};

        return template_fill(&l->template, &source, ret, unknown);
}

/* Fills in the header, only to see whether all fields exist. */
static int check_fields(const Listing *l, char **message) {
        _cleanup_free_ char *header = NULL, *unknown = NULL, *known = strdup("");
        int r = row_fill(l, NULL, &header, &unknown);

        if (r != -ENOENT)
                return r;
        for (size_t i = 0; i < l->n_fields && known; i++) {
                char *longer = strf("%s%s%s", known, i > 0 ? ", " : "", l->fields[i].key);

                free(known);
                known = longer;
        }
        if (!unknown || !known)
                return -ENOMEM;
        *message = strf("there is no field \"%s\" for the format; there are %s", unknown, known);
        return *message ? -EINVAL : -ENOMEM;
}

int listing_init(Listing *listing, const Field *fields, size_t n_fields, const char *format,
                 const char *columns, char **message) {
        const char *table = format ? startswith(format, "table") : "";
        int r;

        *listing = (Listing){.fields = fields, .n_fields = n_fields};
        if (table && (!*table || *table == ' ')) {
                table += strspn(table, " ");
                listing->style = LISTING_TABLE;
                format = *table ? table : columns;
        } else if (streq(format, "json")) {
                listing->style = LISTING_JSON;
                format = "{{json .}}";
        } else
                listing->style = LISTING_LINES;

        r = template_parse(format, &listing->template, message);
        if (r >= 0)
                r = check_fields(listing, message);
        if (r < 0)
                listing_done(listing);
        return r;
}

void listing_clear(Listing *listing) {
        for (size_t i = 0; i < listing->n_rows * listing->n_fields; i++)
                free(listing->cells[i]);
        free(listing->cells);
        listing->cells = NULL;
        listing->n_rows = 0;
}

void listing_done(Listing *listing) {
        listing_clear(listing);
        template_done(&listing->template);
}

bool listing_wants(const Listing *listing, const char *key) {
        return template_wants(&listing->template, key);
}

int listing_add(Listing *listing, char **cells) {
        size_t n = listing->n_fields;
        char **all = reallocarray(listing->cells, (listing->n_rows + 1) * n, sizeof(char *));
        bool complete = all;

        if (all)
                listing->cells = all;
        for (size_t i = 0; i < n; i++)
                complete = complete && cells[i];
        if (!complete) {
                for (size_t i = 0; i < n; i++)
                        free(cells[i]);
                return -ENOMEM;
        }
        memcpy(all + listing->n_rows * n, cells, n * sizeof(char *));
        listing->n_rows++;
        return 0;
}

int listing_print(const Listing *listing, FILE *file, bool legend) {
        _cleanup_strv_free_ char **lines = NULL;
        _cleanup_free_ char *unknown = NULL;
        bool table = listing->style == LISTING_TABLE;

        for (size_t i = table && legend ? 0 : 1; i <= listing->n_rows; i++) {
                char *line;

                TRY(row_fill(listing, i == 0 ? NULL : listing->cells + (i - 1) * listing->n_fields,
                             &line, &unknown));
                TRY(strv_consume(&lines, line));
        }
        if (table)
                return table_print(lines, file);
        for (char **line = lines; line && *line; line++)
                fprintf(file, "%s\n", *line);
        return 0;
}

int table_print(char *const *lines, FILE *file) {
        size_t width[COLUMNS_MAX] = {};

        for (char *const *line = lines; line && *line; line++) {
                _cleanup_strv_free_ char **cells = strv_split(*line, '\t');

                if (!cells)
                        return -ENOMEM;
                for (size_t i = 0; i < COLUMNS_MAX && cells[i]; i++)
                        width[i] = MAX(width[i], human_width(cells[i]) + COLUMN_PADDING);
        }
        for (char *const *line = lines; line && *line; line++) {
                _cleanup_strv_free_ char **cells = strv_split(*line, '\t');

                if (!cells)
                        return -ENOMEM;
                for (size_t i = 0; cells[i]; i++) {
                        size_t column = i < COLUMNS_MAX ? MAX(width[i], COLUMN_WIDTH_MIN) : 0;
                        size_t used = human_width(cells[i]);

                        fputs(cells[i], file);
                        if (cells[i + 1])
                                fprintf(file, "%*s", (int)(column > used ? column - used : 1), "");
                }
                fputc('\n', file);
        }
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The part of docker's --format templates that is offered: text, \t, \n, {{.Field}}, {{.Field.Member}},
 * {{json .}} and {{json .Field}}. Everything else is refused by name. */

#include <stdbool.h>
#include <stdio.h>

#include "shared/cleanup.h"

typedef struct TemplatePiece {
        char *text; /* a literal text, or a field's path without its leading dot, "" for all */
        bool is_field;
        bool json;
} TemplatePiece;

typedef struct Template {
        TemplatePiece *pieces;
        size_t n_pieces;
} Template;

/* What a template is about. */
typedef struct TemplateSource {
        /* The value of the field with this path, as JSON or as text; "" with `json` is all there is.
         * Return: 0 and a new string in *ret, -ENOENT if there is no such field, or -ENOMEM. */
        int (*lookup)(void *userdata, const char *path, bool json, char **ret);
        void *userdata;
} TemplateSource;

/* Return: 0; -EINVAL with a message about what is not understood in *message; or -ENOMEM. */
int template_parse(const char *s, Template *ret, char **message);
void template_done(Template *template);

/* Whether the template asks for this field, or for all. */
bool template_wants(const Template *template, const char *field);

/* Fills in the template. Return: 0 and a new string; -ENOENT with the unknown field's path in *field; or -ENOMEM. */
int template_fill(const Template *template, const TemplateSource *source, char **ret, char **field);

/* Writes a JSON string literal of `s`. */
void json_write_string(FILE *file, const char *s);

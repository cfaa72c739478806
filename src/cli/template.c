/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/template.h"

#include <string.h>

#include "shared/error.h"
#include "shared/strutil.h"

void template_done(Template *template) {
        for (size_t i = 0; i < template->n_pieces; i++)
                free(template->pieces[i].text);
        free(template->pieces);
        *template = (Template){};
}

static int add_piece(Template *t, char *text, bool is_field, bool json) {
        TemplatePiece *pieces;

        if (!text)
                return -ENOMEM;
        pieces = reallocarray(t->pieces, t->n_pieces + 1, sizeof(*pieces));
        if (!pieces) {
                free(text);
                return -ENOMEM;
        }
        t->pieces = pieces;
        t->pieces[t->n_pieces++] =
                (TemplatePiece){.text = text, .is_field = is_field, .json = json};
        return 0;
}

/* Text up to the next "{{", with its backslash sequences resolved. */
static int add_literal(Template *t, const char *s, size_t size) {
        char *text = malloc(size + 1), *out = text;

        if (!text)
                return -ENOMEM;
        for (size_t i = 0; i < size; i++) {
                char next = s[i] == '\\' && i + 1 < size ? s[i + 1] : '\0';

                if (next == 't' || next == 'n') {
                        *out++ = next == 't' ? '\t' : '\n';
                        i++;
                } else
                        *out++ = s[i];
        }
        *out = '\0';
        return add_piece(t, text, false, false);
}

static int not_understood(const char *action, char **message) {
        *message = strf(
                "\"{{%s}}\" is not supported in a format; there are {{.Field}}, {{json .}} and "
                "{{json .Field}}",
                action);
        return *message ? -EINVAL : -ENOMEM;
}

/* What stands between "{{" and "}}". */
static int add_action(Template *t, const char *action, char **message) {
        const char *p = action + strspn(action, " \t-");
        const char *rest = startswith(p, "json");
        const char *path;
        size_t n;

        if (rest && (*rest == ' ' || *rest == '\t'))
                p = rest + strspn(rest, " \t");
        else
                rest = NULL;
        if (*p != '.')
                return not_understood(action, message);

        path = p + 1;
        n = strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");
        if (path[n + strspn(path + n, " \t-")] || (n == 0 && !rest))
                return not_understood(action, message);
        return add_piece(t, strndup(path, n), true, rest);
}

int template_parse(const char *s, Template *ret, char **message) {
        __attribute__((cleanup(template_done))) Template t = {};

        while (*s) {
                const char *open = strstr(s, "{{") ?: s + strlen(s), *close;
                _cleanup_free_ char *action = NULL;

                if (open > s)
                        TRY(add_literal(&t, s, (size_t)(open - s)));
                if (!*open)
                        break;
                close = strstr(open, "}}");
                if (!close) {
                        *message = strf("\"%s\" is not closed in the format", open);
                        return *message ? -EINVAL : -ENOMEM;
                }
                action = strndup(open + 2, (size_t)(close - open - 2));
                if (!action)
                        return -ENOMEM;
                TRY(add_action(&t, action, message));
                s = close + 2;
        }
        *ret = t;
        t = (Template){};
        return 0;
}

bool template_wants(const Template *template, const char *field) {
        size_t n = strlen(field);

        for (size_t i = 0; i < template->n_pieces; i++) {
                const TemplatePiece *p = &template->pieces[i];

                if (p->is_field && (!*p->text || (strncmp(p->text, field, n) == 0 &&
                                                  (!p->text[n] || p->text[n] == '.'))))
                        return true;
        }
        return false;
}

int template_fill(const Template *template, const TemplateSource *source, char **ret,
                  char **field) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        int r = 0;

        if (!out)
                return -ENOMEM;
        for (size_t i = 0; i < template->n_pieces && r >= 0; i++) {
                const TemplatePiece *p = &template->pieces[i];
                _cleanup_free_ char *value = NULL;

                if (p->is_field) {
                        r = source->lookup(source->userdata, p->text, p->json, &value);
                        if (r == -ENOENT)
                                *field = strdup(p->text);
                }
                if (r >= 0)
                        fputs(p->is_field ? value : p->text, out);
        }
        if (fclose(out) != 0 && r >= 0)
                r = -ENOMEM;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(text);
        return 0;
}

void json_write_string(FILE *file, const char *s) {
        fputc('"', file);
        for (; *s; s++)
                if (*s == '"' || *s == '\\')
                        fprintf(file, "\\%c", *s);
                else if ((unsigned char)*s < ' ')
                        fprintf(file, "\\u%04x", (unsigned char)*s);
                else
                        fputc(*s, file);
        fputc('"', file);
}

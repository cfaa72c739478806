/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/options.h"

#include <signal.h>
#include <string.h>
#include <strings.h>

#include "shared/error.h"
#include "shared/strutil.h"

int option_bool(const char *value, void *target) {
        bool *b = target;

        if (streq(value, "true") || streq(value, "1"))
                *b = true;
        else if (streq(value, "false") || streq(value, "0"))
                *b = false;
        else
                return -EINVAL;
        return 0;
}

int option_string(const char *value, void *target) {
        *(const char **)target = value;
        return 0;
}

int option_list(const char *value, void *target) {
        return strv_extend(target, value);
}

int option_size(const char *value, void *target) {
        return parse_size(value, target) < 0 ? -EINVAL : 0;
}

int option_u64(const char *value, void *target) {
        return parse_u64(value, target) < 0 ? -EINVAL : 0;
}

int option_signal(const char *value, void *target) {
        int number = signal_from_string(value);

        if (number < 0)
                return -EINVAL;
        *(int *)target = number;
        return 0;
}

int signal_from_string(const char *s) {
        uint32_t number;

        if (parse_u32(s, &number) >= 0)
                return number >= 1 && number < _NSIG ? (int)number : -EINVAL;
        if (strncasecmp(s, "SIG", 3) == 0)
                s += 3;
        if (strncasecmp(s, "RTMIN", 5) == 0) {
                if (!s[5])
                        return SIGRTMIN;
                if (s[5] != '+' || parse_u32(s + 6, &number) < 0 || number > SIGRTMAX - SIGRTMIN)
                        return -EINVAL;
                return SIGRTMIN + (int)number;
        }
        for (int i = 1; i < SIGRTMIN; i++) {
                const char *name = sigabbrev_np(i);

                if (name && strcasecmp(name, s) == 0)
                        return i;
        }
        return -EINVAL;
}

/* Walks over the words of option->names. Return: the word's length, 0 at the end. */
static size_t next_name(const char **p, const char **word) {
        *p += strspn(*p, " ");
        *word = *p;
        *p += strcspn(*p, " ");
        return (size_t)(*p - *word);
}

char option_letter(const Option *option) {
        const char *p = option->names, *word;
        size_t n;

        while ((n = next_name(&p, &word)) > 0)
                if (n == 1)
                        return *word;
        return 0;
}

static bool has_long_name(const Option *option, const char *name, size_t size, bool one_dash) {
        const char *p = option->names, *word;
        size_t n;

        while ((n = next_name(&p, &word)) > 0) {
                bool marked = *word == '-';

                if (marked) {
                        word++;
                        n--;
                } else if (one_dash)
                        continue;
                if (n > 1 && n == size && memcmp(word, name, n) == 0)
                        return true;
        }
        return false;
}

static const Option *find_long(const Option *const *tables, const char *name, size_t size,
                               bool one_dash) {
        for (; *tables; tables++)
                for (const Option *o = *tables; o->names; o++)
                        if (has_long_name(o, name, size, one_dash))
                                return o;
        return NULL;
}

static const Option *find_short(const Option *const *tables, char letter) {
        for (; *tables; tables++)
                for (const Option *o = *tables; o->names; o++)
                        if (option_letter(o) == letter)
                                return o;
        return NULL;
}

const Option *options_find(const Option *const *tables, const char *word) {
        const Option *o;

        if (startswith(word, "--"))
                return find_long(tables, word + 2, strlen(word + 2), false);
        if (word[0] != '-' || !word[1])
                return NULL;
        o = find_long(tables, word + 1, strlen(word + 1), true);
        return o ?: find_short(tables, word[strlen(word) - 1]);
}

const char *option_shown_name(const Option *option, char *buffer, size_t size) {
        const char *p = option->names, *word;
        size_t n;

        while ((n = next_name(&p, &word)) > 0)
                if (n > 1) {
                        if (*word == '-') {
                                word++;
                                n--;
                        }
                        snprintf(buffer, size, "--%.*s", (int)n, word);
                        return buffer;
                }
        snprintf(buffer, size, "-%c", option_letter(option));
        return buffer;
}

static int fail(char **message, char *text) {
        *message = text;
        return text ? -EINVAL : -ENOMEM;
}

static int apply(const Option *option, const char *value, char **message) {
        char name[64];
        char letter = option_letter(option);
        int r = option->parse(value, option->target);

        if (r != -EINVAL)
                return r;
        option_shown_name(option, name, sizeof(name));
        if (letter && startswith(name, "--"))
                return fail(message, strf("invalid argument \"%s\" for \"-%c, %s\" flag", value,
                                          letter, name));
        return fail(message, strf("invalid argument \"%s\" for \"%s\" flag", value, name));
}

typedef struct Words {
        char **next; /* of argv */
        const Option *const *tables;
        char **message;
        bool *help;
} Words;

/* `word` begins with the name, after its dashes. */
static int parse_long(Words *w, const Option *option, const char *word, const char *dashes) {
        const char *value = strchr(word, '=');

        if (value)
                return apply(option, value + 1, w->message);
        if (!option->argument)
                return apply(option, "true", w->message);
        if (!*w->next)
                return fail(w->message, strf("flag needs an argument: %s%s", dashes, word));
        return apply(option, *w->next++, w->message);
}

/* "-itv=X": each letter a switch, until one wants a value, which is the rest or the next word. */
static int parse_cluster(Words *w, const char *word) {
        for (const char *p = word + 1; *p; p++) {
                const Option *o = find_short(w->tables, *p);

                if (!o)
                        return fail(w->message,
                                    strf("unknown shorthand flag: '%c' in %s", *p, word));
                if (!o->argument) {
                        if (p[1] == '=')
                                return apply(o, p + 2, w->message);
                        TRY(apply(o, "true", w->message));
                        continue;
                }
                if (p[1])
                        return apply(o, p + (p[1] == '=' ? 2 : 1), w->message);
                if (!*w->next)
                        return fail(w->message,
                                    strf("flag needs an argument: '%c' in %s", *p, word));
                return apply(o, *w->next++, w->message);
        }
        return 0;
}

static int parse_word(Words *w, const char *word) {
        bool two = word[1] == '-';
        const char *name = word + (two ? 2 : 1);
        const Option *o = find_long(w->tables, name, strcspn(name, "="), !two);

        if (o)
                return parse_long(w, o, name, two ? "--" : "-");
        if (!two)
                return parse_cluster(w, word);
        if (streq(name, "help")) {
                *w->help = true;
                return 0;
        }
        return fail(w->message, strf("unknown flag: --%.*s", (int)strcspn(name, "="), name));
}

int options_parse(const Option *const *tables, bool command, char **argv, char ***operands,
                  bool *help, char **message) {
        Words w = {.next = argv, .tables = tables, .message = message, .help = help};
        _cleanup_free_ char **rest = NULL;
        bool ended = false;
        size_t n = 0;

        rest = calloc(strv_length(argv) + 1, sizeof(char *));
        if (!rest)
                return -ENOMEM;

        while (*w.next) {
                char *word = *w.next++;

                if (ended || word[0] != '-' || !word[1]) {
                        rest[n++] = word;
                        ended = ended || command;
                } else if (streq(word, "--"))
                        ended = true;
                else
                        TRY(parse_word(&w, word));
        }
        *operands = TAKE_PTR(rest);
        return 0;
}

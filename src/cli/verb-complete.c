/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker complete: what the completions of the shells call */

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cli/containers.h"
#include "cli/verbs.h"
#include "shared/fd.h"
#include "shared/strutil.h"

/* One candidate for each line, with a description after a tab if there is one. */
static void offer(const char *word, const char *prefix, const char *description) {
        if (!startswith(word, prefix))
                return;
        if (description)
                printf("%s\t%s\n", word, description);
        else
                puts(word);
}

static void offer_containers(Client *client, const char *prefix, bool running) {
        _cleanup_containers_ ContainerList list = {};

        if (containers_list(client, &list) != 0)
                return;
        for (size_t i = 0; i < list.n; i++)
                if (!running || container_is_running(&list.items[i]))
                        offer(list.items[i].name, prefix, list.items[i].image);
}

/* The beginnings of paths in containers. */
static void offer_places(Client *client, const char *prefix) {
        _cleanup_containers_ ContainerList list = {};

        if (containers_list(client, &list) != 0)
                return;
        for (size_t i = 0; i < list.n; i++) {
                _cleanup_free_ char *place = strf("%s:", list.items[i].name);

                if (place)
                        offer(place, prefix, list.items[i].image);
        }
}

static void offer_images(Client *client, const char *prefix) {
        _cleanup_images_ ImageList list = {};

        if (images_list(client, &list) != 0)
                return;
        for (size_t i = 0; i < list.n; i++)
                for (char **name = list.items[i].names; name && *name; name++) {
                        const char *latest = strrchr(*name, ':');

                        if (latest && streq(latest, ":latest")) {
                                _cleanup_free_ char *bare =
                                        strndup(*name, (size_t)(latest - *name));

                                if (bare)
                                        offer(bare, prefix, NULL);
                        }
                        offer(*name, prefix, NULL);
                }
}

static void offer_operands(Client *client, OperandKind kind, const char *prefix) {
        switch (kind) {
        case OPERAND_CONTAINER:
        case OPERAND_RUNNING_CONTAINER:
                offer_containers(client, prefix, kind == OPERAND_RUNNING_CONTAINER);
                break;
        case OPERAND_IMAGE:
                offer_images(client, prefix);
                break;
        case OPERAND_OBJECT:
                offer_containers(client, prefix, false);
                offer_images(client, prefix);
                break;
        case OPERAND_COPY:
                offer_places(client, prefix);
                puts(":files");
                break;
        case OPERAND_FILE:
                puts(":files"); /* the shell knows better */
                break;
        case OPERAND_NONE:
                break;
        }
}

static void offer_options(const Option *const *tables, const char *prefix) {
        for (; *tables; tables++)
                for (const Option *o = *tables; o->names; o++) {
                        char name[64];

                        if (!o->help)
                                continue;
                        offer(option_shown_name(o, name, sizeof(name)), prefix, o->help);
                }
        offer("--help", prefix, "Print usage");
}

static void offer_verbs(const char *prefix) {
        for (const Verb *const *v = verbs; *v; v++)
                if ((*v)->summary)
                        offer((*v)->name, prefix, (*v)->summary);
        offer("container", prefix, "Manage containers");
        offer("image", prefix, "Manage images");
        offer("system", prefix, "Manage mydocker");
}

static void offer_grouped(const char *group, const char *prefix) {
        for (const GroupedVerb *g = grouped_verbs; g->group; g++)
                if (streq(g->group, group)) {
                        char name[16];

                        snprintf(name, sizeof(name), "%.*s", (int)strcspn(g->names, " "), g->names);
                        offer(name, prefix, g->verb->summary);
                }
}

/* What the value of an option may be, as far as that is known. */
static void offer_values(const Verb *verb, const Option *option, const char *prefix) {
        static const char *const files[] = {"cidfile", "env-file", "input", "output", "volume"};
        char name[64];

        option_shown_name(option, name, sizeof(name));
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                if (streq(name + 2, files[i]))
                        puts(":files");
        if (!streq(name, "--filter"))
                return;
        for (const char *const *word = verb->filter_words; word && *word; word++)
                offer(*word, prefix, NULL);
}

/* Takes the host that a word, or the one after it, names for its option. Nothing may ask for a password while a line is
 * typed, so ssh does not get the terminal. */
static void take_host(Client *client, const char *word, const char *next) {
        static const Option *const tables[] = {common_options, NULL};
        const char *equals = strchr(word, '=');
        _cleanup_free_ char *name = strndup(word, strcspn(word, "="));
        const Option *option = name ? options_find(tables, name) : NULL;
        int fd;

        if (!option || option->target != (void *)&common_host || !(equals || next))
                return;
        client->host = equals ? equals + 1 : next;
        fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
        if (fd >= 0)
                (void)ioctl(fd, TIOCNOTTY);
        safe_close(fd);
}

/* `words` are those after the verb, the last of which is being typed. */
static void complete_verb(Client *client, const Verb *verb, char **words) {
        const Option *tables[4] = {};
        size_t n = 0, operands = 0;
        bool options_ended = false;

        if (verb->options)
                tables[n++] = verb->options;
        if (verb->more_options)
                tables[n++] = verb->more_options;
        tables[n] = common_options;

        for (; words[1]; words++) {
                const char *word = words[0];
                const Option *option;

                if (options_ended || word[0] != '-' || !word[1]) {
                        operands++;
                        options_ended = options_ended || verb->command;
                        continue;
                }
                options_ended = streq(word, "--");
                option = options_find(tables, word);
                if (words[2] || strchr(word, '='))
                        take_host(client, word, words[1]);
                if (!option || !option->argument || strchr(word, '='))
                        continue;
                if (!words[2]) {
                        offer_values(verb, option, words[1]);
                        return;
                }
                words++;
        }
        if (!options_ended && words[0][0] == '-')
                offer_options(tables, words[0]);
        else if (operands == 0)
                offer_operands(client, verb->first, words[0]);
        else if (operands < verb->max_operands && !verb->command)
                offer_operands(client, verb->others, words[0]);
}

/* Skips the options before the verb. */
static char **skip_common(Client *client, char **words) {
        static const Option *const tables[] = {common_options, NULL};

        while (words[0][0] == '-' && words[1]) {
                const Option *option = options_find(tables, words[0]);

                take_host(client, words[0], words[1]);
                words++;
                if (option && option->argument && words[1])
                        words++;
        }
        return words;
}

static int complete(Client *client, char **operands) {
        static const Option *const tables[] = {common_options, NULL};
        char **words;
        const Verb *verb;

        /* A completion that says what went wrong would be in the way. */
        if (!operands[0] || !freopen("/dev/null", "w", stderr))
                return 0;
        words = skip_common(client, operands);
        if (!words[1]) {
                if (words[0][0] == '-')
                        offer_options(tables, words[0]);
                else
                        offer_verbs(words[0]);
                return 0;
        }
        if (group_exists(words[0])) {
                const GroupedVerb *g;

                if (!words[2]) {
                        offer_grouped(words[0], words[1]);
                        return 0;
                }
                g = grouped_verb_find(words[0], words[1]);
                verb = g ? g->verb : NULL;
                words++;
        } else
                verb = verb_find(words[0]);
        if (verb)
                complete_verb(client, verb, words + 1);
        return 0;
}

const Verb verb_complete = {
        .name = "complete",
        .synopsis = "-- WORD...",
        .max_operands = UINT_MAX,
        .command = true,
        .failure = 1,
        .run = complete,
};

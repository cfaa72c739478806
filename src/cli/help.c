/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "cli/verbs.h"
#include "shared/strutil.h"

#define HELP_COLUMN 34

static void print_options(const Option *table) {
        for (const Option *o = table; o && o->names; o++) {
                char name[64], left[96];
                char letter = option_letter(o);
                int n;

                if (!o->help)
                        continue;
                option_shown_name(o, name, sizeof(name));
                if (!startswith(name, "--"))
                        n = snprintf(left, sizeof(left), "  %s", name);
                else if (letter)
                        n = snprintf(left, sizeof(left), "  -%c, %s", letter, name);
                else
                        n = snprintf(left, sizeof(left), "      %s", name);
                if (o->argument)
                        snprintf(left + n, sizeof(left) - (size_t)n, " %s", o->argument);
                if (strlen(left) < HELP_COLUMN)
                        printf("%-*s %s\n", HELP_COLUMN, left, o->help);
                else
                        printf("%s\n%*s%s\n", left, HELP_COLUMN + 1, "", o->help);
        }
}

void help_print_verb(const Client *client) {
        const Verb *verb = client->verb;

        printf("Usage:  mydocker %s %s\n\n%s\n", client->title, verb->synopsis,
               verb->summary ?: "");
        if (verb->options || verb->more_options) {
                puts("\nOptions:");
                print_options(verb->options);
                print_options(verb->more_options);
        }
        puts("\nGlobal options:");
        print_options(common_options);
}

void help_print_group(const char *group) {
        static const char *const what[][2] = {
                {"container", "containers"}, {"image", "images"}, {"system", "mydocker"}};

        printf("Usage:  mydocker %s COMMAND\n\n", group);
        for (size_t i = 0; i < ELEMENTSOF(what); i++)
                if (streq(what[i][0], group))
                        printf("Manage %s\n\nCommands:\n", what[i][1]);
        for (const GroupedVerb *g = grouped_verbs; g->group; g++)
                if (streq(g->group, group))
                        printf("  %-11.*s %s\n", (int)strcspn(g->names, " "), g->names,
                               g->verb->summary);
        printf("\nRun 'mydocker %s COMMAND --help' for more information on a command.\n", group);
}

void help_print(void) {
        puts("Usage:  mydocker [OPTIONS] COMMAND\n\n"
             "Containers, run by a service on the system bus\n\nCommands:");
        for (const Verb *const *v = verbs; *v; v++)
                if ((*v)->summary)
                        printf("  %-11s %s\n", (*v)->name, (*v)->summary);
        puts("\nManagement Commands:\n"
             "  container   Manage containers\n"
             "  image       Manage images\n"
             "  system      Manage mydocker\n\nGlobal Options:");
        print_options(common_options);
        puts("      --help                       Print usage\n"
             "  -v, --version                    Print version information and quit\n\n"
             "Run 'mydocker COMMAND --help' for more information on a command.");
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker(1): finds the verb, parses its options and runs it. */

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/help.h"
#include "cli/pager.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "shared/strutil.h"

static int out_of_memory(void) {
        fputs("Error: out of memory\n", stderr);
        return EXIT_OUR_FAILURE;
}

static void check_operands(const Client *client, size_t n, int *status) {
        const Verb *v = client->verb;
        const char *bound = v->min_operands == v->max_operands ? "" :
                            n < v->min_operands                ? "at least " :
                                                                 "at most ";
        unsigned wanted = n < v->min_operands ? v->min_operands : v->max_operands;

        if (n >= v->min_operands && n <= v->max_operands)
                return;
        *status = wanted == 0 ?
                          report_usage(client, v->failure, "'mydocker %s' accepts no arguments",
                                       client->title) :
                          report_usage(client, v->failure, "'mydocker %s' requires %s%u argument%s",
                                       client->title, bound, wanted, wanted == 1 ? "" : "s");
}

static int run_verb(Client *client, char **argv) {
        const Verb *verb = client->verb;
        const Option *tables[4] = {};
        _cleanup_free_ char **operands = NULL;
        _cleanup_free_ char *message = NULL;
        bool help = false;
        size_t n = 0;
        int r, status = 0;

        if (verb->options)
                tables[n++] = verb->options;
        if (verb->more_options)
                tables[n++] = verb->more_options;
        tables[n] = common_options;

        r = options_parse(tables, verb->command, argv, &operands, &help, &message);
        if (r == -EINVAL)
                return report_usage(client, EXIT_OUR_FAILURE, "%s", message);
        if (r < 0)
                return out_of_memory();

        client->host = common_host;
        client->pager = !common_no_pager;
        client->legend = !common_no_legend;
        client->ask_password = !common_no_ask_password;
        if (help) {
                pager_open(client->pager);
                help_print_verb(client);
                return 0;
        }
        check_operands(client, strv_length(operands), &status);
        return status != 0 ? status : verb->run(client, operands);
}

static int unknown_command(const char *group, const char *name) {
        fprintf(stderr,
                "mydocker: unknown command: mydocker %s%s%s\n\nRun 'mydocker %s%s--help' for more information\n",
                group, *group ? " " : "", name, group, *group ? " " : "");
        return 1;
}

static int run_group(Client *client, const char *group, char **argv) {
        const GroupedVerb *g;
        char title[32];

        if (!argv[0] || streq(argv[0], "--help")) {
                help_print_group(group);
                return 0;
        }
        g = grouped_verb_find(group, argv[0]);
        if (!g)
                return unknown_command(group, argv[0]);
        snprintf(title, sizeof(title), "%s %.*s", group, (int)strcspn(g->names, " "), g->names);
        client->title = title;
        client->verb = g->verb;
        return run_verb(client, argv + 1);
}

/* Options before the verb. Return: 0 to go on at *operands; 1 when all is done; -1 after an error. */
static int parse_global(char **argv, char ***operands) {
        static bool version, help;
        static const Option own[] = {
                {"v version", NULL, NULL, option_bool, &version},
                {"h", NULL, NULL, option_bool, &help},
                {},
        };
        const Option *const tables[] = {own, common_options, NULL};
        _cleanup_free_ char *message = NULL;
        int r = options_parse(tables, true, argv, operands, &help, &message);

        if (r < 0) {
                fprintf(stderr,
                        "%s\n\nUsage:  mydocker [OPTIONS] COMMAND\n\nRun 'mydocker --help' for more information\n",
                        message ?: "out of memory");
                return -1;
        }
        if (version)
                puts("mydocker version " PACKAGE_VERSION);
        else if (help || !(*operands)[0]) {
                pager_open(!common_no_pager);
                help_print();
        } else
                return 0;
        return 1;
}

static int run(Client *client, char **argv) {
        _cleanup_free_ char **operands = NULL;
        int r = parse_global(argv, &operands);
        const char *name;

        if (r != 0)
                return r < 0 ? EXIT_OUR_FAILURE : 0;
        name = operands[0];
        if (group_exists(name))
                return run_group(client, name, operands + 1);
        client->verb = verb_find(name);
        if (!client->verb)
                return unknown_command("", name);
        client->title = client->verb->name;
        return run_verb(client, operands + 1);
}

int main(int argc, char **argv) {
        Client client = {};
        int fd, status;

        /* Nothing that is opened later may take the place of a closed standard stream. */
        do
                fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        while (fd >= 0 && fd <= STDERR_FILENO);
        safe_close(fd);

        status = run(&client, argv + 1);
        pager_close();
        client_done(&client);
        if (fflush(stdout) != 0 && errno != EPIPE && errno != EBADF) {
                fprintf(stderr, "Error: cannot write the output: %s\n", strerror(errno));
                return status ?: 1;
        }
        return status;
}

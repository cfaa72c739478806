/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Mistakes in the command line: what each verb says to them, and the exit status. The verbs are those that the
 * command offers for completion, and the options those that --help shows, so that none can be forgotten. No bus is
 * there: a mistake is found before anybody is asked. */

#include "harness.h"

#include <string.h>

#define MYDOCKER "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/none mydocker "

#define NONE "accepts no arguments"
#define ONE "requires 1 argument"
#define TWO "requires 2 arguments"
#define SOME "requires at least 1 argument"
#define MANY "requires at least 2 arguments"
#define AT_MOST(n) "requires at most " #n " argument"

/* What a verb says without any operand, and with too many, if it can be too many. `failure` is the exit status. */
typedef struct Row {
        const char *verb;
        int failure;
        const char *too_few, *too_many;
        int too_many_operands;
} Row;

static const Row rows[] = {
        {"attach", 1, ONE, ONE, 2},
        {"commit", 1, TWO, TWO, 3},
        {"cp", 1, TWO, TWO, 3},
        {"create", 125, SOME, NULL, 0},
        {"df", 1, NULL, NONE, 1},
        {"diff", 1, ONE, ONE, 2},
        {"events", 1, NULL, NONE, 1},
        {"exec", 125, MANY, NULL, 0},
        {"export", 1, ONE, ONE, 2},
        {"history", 1, ONE, ONE, 2},
        {"images", 1, NULL, AT_MOST(1), 2},
        {"import", 1, SOME, AT_MOST(2) "s", 3},
        {"info", 1, NULL, NONE, 1},
        {"inspect", 1, SOME, NULL, 0},
        {"kill", 1, SOME, NULL, 0},
        {"load", 1, NULL, NONE, 1},
        {"login", 1, NULL, AT_MOST(1), 2},
        {"logout", 1, NULL, AT_MOST(1), 2},
        {"logs", 1, ONE, ONE, 2},
        {"ls", 1, NULL, NONE, 1},
        {"mount", 1, SOME, NULL, 0},
        {"pause", 1, SOME, NULL, 0},
        {"port", 1, SOME, AT_MOST(2) "s", 3},
        {"prune", 1, NULL, NONE, 1},
        {"ps", 1, NULL, NONE, 1},
        {"pull", 1, ONE, ONE, 2},
        {"push", 1, SOME, AT_MOST(2) "s", 3},
        {"rename", 1, TWO, TWO, 3},
        {"restart", 1, SOME, NULL, 0},
        {"rm", 1, SOME, NULL, 0},
        {"rmi", 1, SOME, NULL, 0},
        {"run", 125, SOME, NULL, 0},
        {"save", 1, ONE, ONE, 2},
        {"start", 1, SOME, NULL, 0},
        {"stats", 1, NULL, NULL, 0},
        {"stop", 1, SOME, NULL, 0},
        {"tag", 1, TWO, TWO, 3},
        {"top", 1, SOME, NULL, 0},
        {"unmount", 1, SOME, NULL, 0},
        {"unpause", 1, SOME, NULL, 0},
        {"update", 1, SOME, NULL, 0},
        {"version", 1, NULL, NONE, 1},
        {"wait", 1, SOME, NULL, 0},
};

/* The same verb by the name of its group has the same row, but for "image ls". */
static const Row image_ls = {"ls", 1, NULL, AT_MOST(1), 2};

static const Row *find_row(const char *title) {
        const char *space = strchr(title, ' ');
        const char *verb = space ? space + 1 : title;

        if (g_str_equal(title, "image ls"))
                return &image_ls;
        for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
                if (g_str_equal(rows[i].verb, verb))
                        return &rows[i];
        return NULL;
}

/* Expects a message, the usage of the verb, and where to read on; and nothing on standard output. */
static void refused(int status, const char *title, const char *message, const char *arguments) {
        g_autofree char *err =
                g_strdup_printf("%s\n\nUsage:  mydocker %s *\n\nRun 'mydocker %s --help' for more "
                                "information\n",
                                message, title, title);

        expect(status, "", err, MYDOCKER "%s %s", title, arguments);
}

static void check_operands(const char *title, const Row *row) {
        if (row->too_few) {
                g_autofree char *message = g_strdup_printf("'mydocker %s' %s", title, row->too_few);

                refused(row->failure, title, message, "");
        }
        if (row->too_many) {
                g_autofree char *message =
                        g_strdup_printf("'mydocker %s' %s", title, row->too_many);
                g_autoptr(GString) operands = g_string_new(NULL);

                for (int i = 0; i < row->too_many_operands; i++)
                        g_string_append(operands, " x");
                refused(row->failure, title, message, operands->str);
        }
}

/* One line of --help about an option: "  -a, --all" or "      --name string". */
static void check_option(const char *title, const char *line) {
        g_autoptr(GRegex) regex =
                g_regex_new("^  (?:(-.), |    )(--[a-z0-9-]+)( [^ ]+)?(?:$|  )", 0, 0, NULL);
        g_autoptr(GMatchInfo) match = NULL;
        g_autofree char *letter = NULL, *name = NULL, *value = NULL;

        if (!g_regex_match(regex, line, 0, &match))
                return;
        letter = g_match_info_fetch(match, 1);
        name = g_match_info_fetch(match, 2);
        value = g_match_info_fetch(match, 3);
        if (value && *value) {
                g_autofree char *message = g_strdup_printf("flag needs an argument: %s", name);

                refused(125, title, message, name);
        } else if (!g_str_equal(name, "--help")) {
                g_autofree char *arguments = g_strdup_printf("%s=maybe", name);
                g_autofree char *message =
                        *letter ? g_strdup_printf("invalid argument \"maybe\" for \"%s, %s\" flag*",
                                                  letter, name) :
                                  g_strdup_printf("invalid argument \"maybe\" for \"%s\" flag*",
                                                  name);

                refused(125, title, message, arguments);
        }
}

static void check_options(const char *title) {
        g_autofree char *help = NULL, *usage = g_strdup_printf("Usage:  mydocker %s ", title);
        g_auto(GStrv) lines = NULL;
        bool global = false;

        refused(125, title, "unknown flag: --nonesuch", "--nonesuch");
        refused(125, title, "unknown flag: --nonesuch", "--nonesuch=1");
        refused(125, title, "unknown shorthand flag: '%' in -%", "-%");

        CHECK(shell(&help, NULL, MYDOCKER "%s --help", title) == 0);
        CHECK(g_str_has_prefix(help, usage));
        lines = g_strsplit(help, "\n", -1);
        for (char **line = lines; *line && !global; line++) {
                check_option(title, *line);
                global = g_str_equal(*line, "Global options:");
        }
}

static void check_verb(const char *title) {
        const Row *row = find_row(title);

        if (!row) {
                test_fails("the verb \"%s\" has no row here", title);
                return;
        }
        check_operands(title, row);
        check_options(title);
}

/* The first words of what completion offers, to be freed. */
static char **offered(const char *words) {
        g_autofree char *out = NULL;
        g_auto(GStrv) lines = NULL;

        CHECK(shell(&out, NULL, MYDOCKER "complete -- %s ''", words) == 0);
        lines = g_strsplit(g_strchomp(out), "\n", -1);
        for (char **line = lines; *line; line++)
                (*line)[strcspn(*line, "\t")] = '\0';
        return g_steal_pointer(&lines);
}

static bool is_group(const char *name) {
        return g_str_equal(name, "container") || g_str_equal(name, "image") ||
               g_str_equal(name, "system");
}

static void test_verbs(void) {
        g_auto(GStrv) verbs = offered("");

        CHECK(g_strv_length(verbs) > 30);
        for (char **verb = verbs; *verb; verb++)
                if (!is_group(*verb))
                        check_verb(*verb);
}

/* The options are those of the verb, and not tried again. */
static void test_groups(void) {
        static const char *const groups[] = {"container", "image", "system"};

        for (guint i = 0; i < G_N_ELEMENTS(groups); i++) {
                g_auto(GStrv) verbs = offered(groups[i]);

                CHECK(g_strv_length(verbs) >= 2);
                for (char **verb = verbs; *verb; verb++) {
                        g_autofree char *title = g_strdup_printf("%s %s", groups[i], *verb);
                        const Row *row = find_row(title);

                        if (row)
                                check_operands(title, row);
                        else
                                test_fails("the verb \"%s\" has no row here", title);
                        refused(125, title, "unknown flag: --nonesuch", "--nonesuch");
                }
        }
}

/* What mydocker(1) says of a verb: the paragraphs that begin with it, without their font changes. To be freed. */
static char *manual_of(const char *manual, const char *verb) {
        g_auto(GStrv) paragraphs = g_strsplit(manual, "\n.TP\n", -1);
        g_autofree char *pattern =
                g_strdup_printf("^(.*, )?(\\.TQ\n)?\\\\fB([a-z]+ )?%s\\\\fR", verb);
        g_autoptr(GRegex) own = g_regex_new(pattern, G_REGEX_MULTILINE, 0, NULL),
                          fonts = g_regex_new("\\\\f[A-Z]", 0, 0, NULL);
        g_autoptr(GString) text = g_string_new(NULL);

        for (char **p = paragraphs; *p; p++)
                if (g_regex_match(own, *p, 0, NULL))
                        g_string_append_printf(text, "%s\n", *p);
        g_string_replace(text, "\\-", "-", 0);
        return g_regex_replace_literal(fonts, text->str, -1, 0, "", 0, NULL);
}

static bool mentions(const char *text, const char *option) {
        g_autofree char *pattern = g_strdup_printf("(?<![a-z-])%s(?![a-z-])", option);

        return *option && g_regex_match_simple(pattern, text, 0, 0);
}

/* Each option that --help shows is in the manual, by one of its names, and offered for completion. */
static void check_documented(const char *title, const char *manual) {
        g_autofree char *help = NULL, *completed = NULL;
        g_autoptr(GRegex) regex =
                g_regex_new("^  (?:(-.), |    )(--[a-z0-9-]+)", G_REGEX_MULTILINE, 0, NULL);
        g_autoptr(GMatchInfo) match = NULL;

        CHECK(shell(&help, NULL, MYDOCKER "%s --help", title) == 0);
        CHECK(shell(&completed, NULL, MYDOCKER "complete -- %s -", title) == 0);
        for (g_regex_match(regex, help, 0, &match); g_match_info_matches(match);
             g_match_info_next(match, NULL)) {
                g_autofree char *letter = g_match_info_fetch(match, 1),
                                *name = g_match_info_fetch(match, 2);

                if (!mentions(manual, name) && !mentions(manual, letter))
                        test_fails("%s of \"%s\" is not in mydocker(1)", name, title);
                if (!mentions(completed, name))
                        test_fails("%s of \"%s\" is not completed", name, title);
        }
}

static void test_manual(void) {
        g_autofree char *manual = read_file("%s", g_getenv("MYDOCKER_TEST_MANUAL"));
        const char *global = strstr(manual, "\n.SH GLOBAL OPTIONS"),
                   *made = strstr(manual, "\n.SH OPTIONS OF RUN AND CREATE");
        g_autofree char *common = g_strndup(global, strstr(global + 1, "\n.SH ") - global),
                        *of_run = g_strndup(made, strstr(made + 1, "\n.SH ") - made);
        g_auto(GStrv) verbs = offered("");

        for (char **verb = verbs; *verb; verb++) {
                bool makes = g_str_equal(*verb, "run") || g_str_equal(*verb, "create");
                g_autofree char *text = manual_of(manual, *verb);
                g_autoptr(GString) all = g_string_new(common);

                if (is_group(*verb))
                        continue;
                if (!*text)
                        test_fails("the verb \"%s\" is not in mydocker(1)", *verb);
                g_string_append(all, makes ? of_run : "");
                g_string_replace(all, "\\-", "-", 0);
                g_string_replace(all, "\\fB", "", 0);
                g_string_append(all, text);
                check_documented(*verb, all->str);
        }
}

typedef struct Case {
        const char *command;
        int status;
        const char *err;
} Case;

static void run_cases(const Case *cases, guint n) {
        for (guint i = 0; i < n; i++)
                expect(cases[i].status, "", cases[i].err, MYDOCKER "%s", cases[i].command);
}

static void test_commands(void) {
        static const Case cases[] = {
                {"nonesuch", 1,
                 "mydocker: unknown command: mydocker nonesuch\n\n"
                 "Run 'mydocker --help' for more information\n"},
                {"PS", 1, "mydocker: unknown command: mydocker PS\n\n*"},
                {"''", 1, "mydocker: unknown command: mydocker \n\n*"},
                {"container nonesuch", 1,
                 "mydocker: unknown command: mydocker container nonesuch\n\n"
                 "Run 'mydocker container --help' for more information\n"},
                {"image start", 1, "mydocker: unknown command: mydocker image start\n\n*"},
                {"--nonesuch", 125,
                 "unknown flag: --nonesuch\n\nUsage:  mydocker [OPTIONS] COMMAND\n\n"
                 "Run 'mydocker --help' for more information\n"},
                {"--nonesuch ps", 125, "unknown flag: --nonesuch\n\n*"},
                {"-H", 125, "flag needs an argument: 'H' in -H\n\n*"},
                {"--no-pager=perhaps ps", 125,
                 "invalid argument \"perhaps\" for \"--no-pager\" flag\n\n*"},
        };

        run_cases(cases, G_N_ELEMENTS(cases));
}

/* Values that are of no use: both the option and the value are told. */
static void test_values(void) {
        static const Case cases[] = {
                {"stop -t soon x", 125,
                 "invalid argument \"soon\" for \"-t, --timeout\" flag\n\n*"},
                {"stop --time=-5 x", 125,
                 "invalid argument \"-5\" for \"-t, --timeout\" flag\n\n*"},
                {"kill -s NONE x", 125, "invalid argument \"NONE\" for \"-s, --signal\" flag\n\n*"},
                {"kill -s 99999 x", 125,
                 "invalid argument \"99999\" for \"-s, --signal\" flag\n\n*"},
                {"kill -s '' x", 125, "invalid argument \"\" for \"-s, --signal\" flag\n\n*"},
                {"logs -n few x", 125, "invalid argument \"few\" for \"-n, --tail\" flag\n\n*"},
                {"logs --until 2023-99-99 x", 125,
                 "invalid argument \"2023-99-99\" for \"--until\" flag\n\n*"},
                {"ps -n few", 125, "invalid argument \"few\" for \"-n, --last\" flag\n\n*"},
                {"run -m lots busybox", 125,
                 "invalid argument \"lots\" for \"-m, --memory\" flag\n\n*"},
                {"run --cpus many busybox", 125,
                 "invalid argument \"many\" for \"--cpus\" flag\n\n*"},
                {"run --pids-limit few busybox", 125,
                 "invalid argument \"few\" for \"--pids-limit\" flag\n\n*"},
                {"create --stop-signal NONE busybox", 125,
                 "invalid argument \"NONE\" for \"--stop-signal\" flag\n\n*"},
                {"create --health-interval x busybox", 125,
                 "invalid argument \"x\" for \"--health-interval\" flag\n\n*"},
                {"commit --pause=perhaps x y", 125,
                 "invalid argument \"perhaps\" for \"-p, --pause\" flag\n\n*"},
                {"update -m lots x", 125,
                 "invalid argument \"lots\" for \"-m, --memory\" flag\n\n*"},
                {"run -d --rm --restart always busybox", 125,
                 "Conflicting options: --restart and --rm\n\n*"},
                {"run -it busybox sh < /dev/null", 1, "Error: the input device is not a TTY\n"},
                {"exec --privileged x true", 125, "Error: --privileged is not supported: *"},
                {"attach --detach-keys ctrl- x", 1, "Error: invalid detach keys (ctrl-)\n"},
                {"start -a x y", 1,
                 "Error: you cannot start and attach multiple containers at once\n"},
                {"update x", 1, "you must provide one or more flags when using this command\n\n*"},
                {"load -i /none", 1, "Error: /none: No such file or directory\n"},
        };

        run_cases(cases, G_N_ELEMENTS(cases));
}

static void test_filters_and_formats(void) {
        static const Case cases[] = {
                {"ps -f name", 1, "Error: bad format of filter (expected name=value): name\n"},
                {"ps -f nonesuch=1", 1, "Error: invalid filter 'nonesuch'\n"},
                {"ps -f status=asleep", 1, "Error: invalid filter 'status=asleep'\n"},
                {"ps -f status=running -f status=asleep", 1,
                 "Error: invalid filter 'status=asleep'\n"},
                {"ps -f exited=often", 1, "Error: invalid filter 'exited=often'\n"},
                {"ps -f health=fair", 1, "Error: invalid filter 'health=fair'\n"},
                {"images -f nonesuch=1", 1, "Error: invalid filter 'nonesuch'\n"},
                {"images -f dangling=perhaps", 1, "Error: invalid filter 'dangling=perhaps'\n"},
                {"events -f nonesuch=1", 1, "Error: invalid filter 'nonesuch'\n"},
                {"events --since once", 1, "Error: invalid time: once\n"},
                {"ps --format '{{.Nonesuch}}'", 1,
                 "Error: there is no field \"Nonesuch\" for the format; there are ID, Image, *\n"},
                {"images --format '{{.Nonesuch}}'", 1, "Error: there is no field \"Nonesuch\" *\n"},
                {"stats --format '{{.Nonesuch}}'", 1, "Error: there is no field \"Nonesuch\" *\n"},
                {"history --format '{{.Nonesuch}}' x", 1,
                 "Error: there is no field \"Nonesuch\" *\n"},
                {"ps --format '{{if .ID}}x{{end}}'", 1,
                 "Error: \"{{if .ID}}\" is not supported in a format; *\n"},
                {"ps --format '{{.ID'", 1, "Error: \"{{.ID\" is not closed in the format\n"},
                {"inspect --type volume x", 1,
                 "Error: \"volume\" is not a valid value for --type\n"},
        };

        run_cases(cases, G_N_ELEMENTS(cases));
}

int main(int argc, char **argv) {
        harness_init(&argc, &argv);
        harness_add("/usage/verbs", test_verbs);
        harness_add("/usage/groups", test_groups);
        harness_add("/usage/manual", test_manual);
        harness_add("/usage/commands", test_commands);
        harness_add("/usage/values", test_values);
        harness_add("/usage/filters-and-formats", test_filters_and_formats);
        return harness_run();
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>

#include "cli/options.h"
#include "shared/error.h"
#include "shared/strutil.h"
#include "shared/test.h"

static bool interactive, tty;
static const char *name;
static char **env;
static uint64_t memory, cpu;

static const Option table[] = {
        {"i interactive", NULL, "", option_bool, &interactive},
        {"t tty", NULL, "", option_bool, &tty},
        {"-name", "string", "", option_string, &name},
        {"e env", "list", "", option_list, &env},
        {"m memory -mem", "bytes", "", option_size, &memory},
        {"-cpu", "percent", "", option_u64, &cpu},
        {},
};
static const Option *const tables[] = {table, NULL};

static char **operands;
static char *message;
static bool help;

static int parse(bool command, char **argv) {
        interactive = tty = help = false;
        name = NULL;
        memory = cpu = 0;
        strv_free(env);
        env = NULL;
        free(operands);
        operands = NULL;
        free(message);
        message = NULL;
        return options_parse(tables, command, argv, &operands, &help, &message);
}

#define PARSE(command, ...) parse(command, (char *[]){__VA_ARGS__, NULL})

static void test_spellings(void) {
        CHECK_INT(PARSE(true, "-it", "--name", "a", "image", "-x", "--name=b"), 0);
        CHECK(interactive && tty);
        CHECK_STR(name, "a");
        CHECK_INT(strv_length(operands), 3);
        CHECK_STR(operands[1], "-x");

        CHECK_INT(PARSE(true, "-i", "-t", "-name", "a", "-mem", "100m", "-cpu", "20", "image"), 0);
        CHECK(interactive && tty);
        CHECK_STR(name, "a");
        CHECK_INT(memory, 100 << 20);
        CHECK_INT(cpu, 20);

        CHECK_INT(PARSE(true, "--mem=1k", "-m=2k"), 0);
        CHECK_INT(memory, 2048);
        CHECK_INT(PARSE(true, "-m3k", "-eA=1", "-e", "B", "--env=C="), 0);
        CHECK_INT(memory, 3072);
        CHECK_INT(strv_length(env), 3);
        CHECK_STR(env[0], "A=1");
        CHECK_STR(env[2], "C=");
        CHECK_INT(PARSE(true, "-ite", "X=-1"), 0);
        CHECK(interactive && tty);
        CHECK_STR(env[0], "X=-1");
        CHECK_INT(PARSE(true, "-it=false", "--interactive=false"), 0);
        CHECK(!interactive && !tty);
}

static void test_operands(void) {
        CHECK_INT(PARSE(false, "one", "-i", "two", "--", "-t", "-"), 0);
        CHECK(interactive && !tty);
        CHECK_INT(strv_length(operands), 4);
        CHECK_STR(operands[2], "-t");
        CHECK_STR(operands[3], "-");
        CHECK_INT(PARSE(true, "--", "-i"), 0);
        CHECK(!interactive);
        CHECK_STR(operands[0], "-i");
        CHECK_INT(PARSE(true, "--help"), 0);
        CHECK(help);
        CHECK_INT(PARSE(true, "image", "--help"), 0);
        CHECK(!help);
}

static void test_errors(void) {
        CHECK_INT(PARSE(true, "--foo=1"), -EINVAL);
        CHECK_STR(message, "unknown flag: --foo");
        CHECK_INT(PARSE(true, "-iz"), -EINVAL);
        CHECK_STR(message, "unknown shorthand flag: 'z' in -iz");
        CHECK_INT(PARSE(true, "--name"), -EINVAL);
        CHECK_STR(message, "flag needs an argument: --name");
        CHECK_INT(PARSE(true, "-te"), -EINVAL);
        CHECK_STR(message, "flag needs an argument: 'e' in -te");
        CHECK_INT(PARSE(true, "-m", "abc"), -EINVAL);
        CHECK_STR(message, "invalid argument \"abc\" for \"-m, --memory\" flag");
        CHECK_INT(PARSE(true, "--cpu", "-1"), -EINVAL);
        CHECK_STR(message, "invalid argument \"-1\" for \"--cpu\" flag");
        CHECK_INT(PARSE(true, "--tty=maybe"), -EINVAL);
}

static void test_find(void) {
        CHECK(options_find(tables, "-mem") == &table[4]);
        CHECK(options_find(tables, "--memory") == &table[4]);
        CHECK(options_find(tables, "-ite") == &table[3]);
        CHECK(!options_find(tables, "--nothing"));
        CHECK(!options_find(tables, "-"));
}

static void test_signals(void) {
        CHECK_INT(signal_from_string("TERM"), SIGTERM);
        CHECK_INT(signal_from_string("sigkill"), SIGKILL);
        CHECK_INT(signal_from_string("10"), 10);
        CHECK_INT(signal_from_string("RTMIN+3"), SIGRTMIN + 3);
        CHECK_INT(signal_from_string("0"), -EINVAL);
        CHECK_INT(signal_from_string("65"), -EINVAL);
        CHECK_INT(signal_from_string("SIGNOTHING"), -EINVAL);
        CHECK_INT(signal_from_string("RTMIN+99"), -EINVAL);
}

int main(void) {
        test_spellings();
        test_operands();
        test_errors();
        test_find();
        test_signals();
        strv_free(env);
        free(operands);
        free(message);
        return 0;
}

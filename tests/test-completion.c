/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Completion in bash, zsh and fish: the files that are installed for them, in the real shells. */

#include "harness.h"

#define COMPLETIONS "$MYDOCKER_TEST_COMPLETIONS"

/* Calls the function as bash does: words are broken at colons. Then prints the candidates, and how files are asked for. */
static const char bash_script[] = "source " COMPLETIONS "/mydocker.bash\n"
                                  "compopt() { echo \"compopt $*\"; }\n"
                                  "COMP_WORDS=(mydocker \"$@\") COMP_CWORD=$#\n"
                                  "_mydocker mydocker\n"
                                  "echo \"${COMPREPLY[*]}\"\n";

/* Types a line and tab in an interactive zsh, and then a key that writes down what the line has become. */
static const char zsh_script[] =
        "zmodload zsh/zpty\n"
        "zpty z zsh -f -i\n"
        "zpty -w z \"fpath=(" COMPLETIONS " \\$fpath); autoload -Uz compinit; compinit -u -D\"\n"
        "zpty -w z 'show() { print -r -- \"<$BUFFER>\" > shown; }; zle -N show'\n"
        "zpty -w z 'bindkey \"^I\" complete-word \"^X\" show; echo REA\"\"DY'\n"
        "zpty -r z output '*READY*'\n"
        "zpty -n -w z \"$1\"$'\\t\\x18'\n"
        "until [[ -s shown ]]; do sleep 0.05; done\n"
        "zpty -d z; cat shown; rm shown\n";

static const char fish_script[] = "source " COMPLETIONS "/mydocker.fish\n"
                                  "complete -C $argv[1]\n";

static void make_scene(void) {
        expect(0, NULL, "", "mydocker tag busybox far.example:5000/team/tool:v1");
        expect(0, NULL, "", "mydocker run -d --name webby busybox sleep 1000");
        expect(0, NULL, "", "mydocker create --name wellmade busybox true");
        expect(0, "", "", "touch a-file");
}

static void remove_scene(void) {
        expect(0, NULL, "", "mydocker rm -f webby wellmade");
        expect(0, NULL, "", "mydocker rmi far.example:5000/team/tool:v1");
        expect(0, "", "", "rm -f script a-file");
}

static void write_script(const char *text) {
        g_assert_true(g_file_set_contents("script", text, -1, NULL));
}

static void test_verb(void) {
        make_scene();
        expect(0, "start\t*\nstop\t*\nstats\t*\n", "", "mydocker complete -- st");
        expect(0, "webby\tbusybox\nwellmade\tbusybox\n", "", "mydocker complete -- rm w | sort");
        expect(0, "webby\tbusybox\n", "", "mydocker complete -- --no-pager exec w");
        expect(0, "busybox\nbusybox:latest\n", "", "mydocker complete -- run -it --name x bus");
        expect(0, "--entrypoint\t*\n", "", "mydocker complete -- run --entry");
        expect(0, ":files\n", "", "mydocker complete -- load -i ''");
        expect(0, "event=rename\nevent=restart\n", "", "mydocker complete -- events -f event=re");
        expect(0, "status=running\n", "", "mydocker complete -- container ls --filter status=ru");
        expect(0, "dangling=false\ndangling=true\n", "",
               "mydocker complete -- images --filter dang");
        /* What follows belongs to the container's command. */
        expect(0, "", "", "mydocker complete -- run busybox --");
        expect(0, "", "", "mydocker complete -- nonesuch ''");
        /* A line that is being typed is no place for a message. */
        expect(0, "", "", "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/none mydocker complete -- rm ''");
        remove_scene();
}

static void test_bash(void) {
        static const char *const cases[][2] = {
                {"st", "start stop stats\n"},
                {"rm webb", "webby\n"},
                {"exec w", "webby\n"},
                {"run --entry", "--entrypoint\n"},
                {"image r", "rm\n"},
                {"rmi bus", "busybox busybox:latest\n"},
                {"rmi busybox :", "latest\n"},
                {"rmi busybox : la", "latest\n"},
                {"rmi far.example : 5000/t", "5000/team/tool:v1\n"},
                {"tag busybox far.example : 5000/team/tool : v", "v1\n"},
                {"events --filter ev", "*event=restart*\n"},
                {"events --filter event = res", "restart\n"},
                {"ps --filter status =",
                 "created dead exited paused removing restarting running\n"},
                {"load -i ''", "compopt -o default\n\n"},
                {"run busybox --", "\n"},
        };

        make_scene();
        write_script(bash_script);
        for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
                expect(0, cases[i][1], "", "bash --norc script %s", cases[i][0]);
        remove_scene();
}

static void expect_zsh(const char *typed, const char *line) {
        g_autofree char *shown = g_strdup_printf("<%s>\n", line);

        expect(0, shown, "", "HOME=$PWD TERM=dumb timeout %d zsh -f script '%s'", HARNESS_PATIENCE,
               typed);
}

static void test_zsh(void) {
        static const char *const cases[][2] = {
                {"mydocker stat", "mydocker stats "},
                {"mydocker rm w", "mydocker rm we"},
                {"mydocker rm webb", "mydocker rm webby "},
                {"mydocker rm webby wel", "mydocker rm webby wellmade "},
                {"mydocker exec w", "mydocker exec webby "},
                {"mydocker run --entry", "mydocker run --entrypoint "},
                {"mydocker rmi far", "mydocker rmi far.example:5000/team/tool:v1 "},
                {"mydocker load -i a-f", "mydocker load -i a-file "},
                {"mydocker events --filter event=res", "mydocker events --filter event=restart "},
                {"mydocker run busybox --ent", "mydocker run busybox --ent"},
        };

        make_scene();
        write_script(zsh_script);
        for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
                expect_zsh(cases[i][0], cases[i][1]);
        remove_scene();
}

static void test_fish(void) {
        static const char *const cases[][2] = {
                {"mydocker st", "start\t*\nstats\t*\nstop\t*\n"},
                {"mydocker rm w", "webby\tbusybox\nwellmade\tbusybox\n"},
                {"mydocker exec w", "webby\tbusybox\n"},
                {"mydocker run --entry", "--entrypoint\t*\n"},
                {"mydocker image r", "rm\t*\n"},
                {"mydocker rmi bus", "busybox\nbusybox:latest\n"},
                {"mydocker rmi far.example:5000/t", "far.example:5000/team/tool:v1\n"},
                {"mydocker load -i a-f", "a-file\n"},
                {"mydocker events --filter event=res", "event=restart\n"},
                {"mydocker run busybox --", ""},
        };

        make_scene();
        write_script(fish_script);
        for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
                expect(0, cases[i][1], "", "HOME=$PWD fish --no-config script '%s'", cases[i][0]);
        expect(0, "", "", "rm -rf .local .config .cache");
        remove_scene();
}

int main(int argc, char **argv) {
        harness_init(&argc, &argv);
        harness_add("/completion/verb", test_verb);
        harness_add("/completion/bash", test_bash);
        harness_add("/completion/zsh", test_zsh);
        harness_add("/completion/fish", test_fish);
        return harness_run();
}

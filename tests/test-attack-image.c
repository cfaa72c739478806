/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Images that lead out: root imports what somebody sent, users run it. */

#include "attack.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Imports `rootfs` after the shell commands `change` were run in a copy of it, $V being a directory outside which
 * nothing may happen in. */
static void import_trap(const char *change, const char *import_options) {
        shell(NULL, NULL, "mydocker rmi trap");
        expect(0, NULL, NULL,
               "rm -rf trap && cp -a rootfs trap && (V=$PWD/victim; cd trap; %s) &&"
               " tar --numeric-owner -C trap -cf trap.tar . && rm -rf trap &&"
               " mydocker import %s trap.tar trap",
               change, import_options);
}

/* Whether it started or not, nothing happened outside and nothing is left. */
static void check_victim(void) {
        g_autofree char *here = g_get_current_dir();

        expect(0, "file\n", "", "ls -A victim");
        expect(0, "untouched\n", "", "cat victim/file");
        expect(1, "", NULL, "grep -F '%s/victim' /proc/self/mounts", here);
        bus_wait_property(NULL, "ContainersCount", "0");
}

static void make_victim(void) {
        expect(0, "", "",
               "mkdir -m 777 victim && echo untouched > victim/file && chmod 666 victim/file");
}

static void remove_victim(void) {
        image_remove("trap");
        expect(0, "", "", "rm -rf victim trap.tar");
}

/* Every place where something is put or looked up while a container is made is a link, to an absolute path and to one
 * through "..", to the root of another process, and to a descriptor. */
static void test_links(void) {
        static const char *const targets[] = {"$V", "../../../../../../../../$V", "/proc/1/root/$V",
                                              "/proc/self/fd/3", "/proc/self/cwd"};
        static const char *const places[] = {"dev",       "proc",         "sys",        "etc",
                                             "etc/hosts", "etc/hostname", "etc/passwd", "etc/group",
                                             "home",      "dev/shm",      "dev/pts",    "tmp"};

        make_victim();
        for (guint i = 0; i < G_N_ELEMENTS(targets); i++) {
                g_autoptr(GString) change = g_string_new("true");

                /* All at once where one does not hide the other. */
                for (guint k = 4; k < G_N_ELEMENTS(places); k++)
                        g_string_append_printf(change, "; rm -rf %s; ln -s %s%s %s", places[k],
                                               targets[i], i == 0 && k < 8 ? "/file" : "",
                                               places[k]);
                import_trap(change->str, "-c 'WORKDIR /home/work'");
                shell(NULL, NULL,
                      AS_NOBODY "mydocker run --rm --tmpfs /tmp -v ./rootfs:/tmp/x trap sh -c"
                                " 'echo out > /etc/hosts; echo out > /etc/passwd; touch made'");
                check_victim();
                shell(NULL, NULL, AS_NOBODY "mydocker run --rm --user alice:staff trap touch made");
                check_victim();
        }
        for (guint k = 0; k < 4; k++) {
                g_autofree char *change =
                        g_strdup_printf("rm -rf %s; ln -s $V %s", places[k], places[k]);

                import_trap(change, "");
                shell(NULL, NULL, AS_NOBODY "mydocker run --rm trap touch /dev/null /etc/x");
                check_victim();
        }
        remove_victim();
}

/* The directories that we mount on are something else, or are not there. */
static void test_odd_directories(void) {
        static const char *const changes[] = {
                "rmdir proc; touch proc",
                "rmdir sys; mkfifo sys",
                "rm -rf dev; touch dev",
                "rm -rf proc sys dev tmp home etc",
                "rm etc/passwd; mkfifo etc/passwd; rm etc/group; mkdir etc/group",
                "head -c 5000000 /dev/zero | tr '\\\\0' a > etc/passwd",
                "printf 'root:x:0:0::../../etc:/bin/sh' > etc/passwd",
        };

        make_victim();
        for (guint i = 0; i < G_N_ELEMENTS(changes); i++) {
                import_trap(changes[i], "");
                /* A FIFO does not hold anybody up. */
                for (const char *const *option =
                             (const char *const[]){"", "--user root:root", NULL};
                     *option; option++)
                        CHECK(shell(NULL, NULL,
                                    "timeout %d " AS_NOBODY "mydocker run --rm %s trap true",
                                    HARNESS_PATIENCE, *option) != 124);
                check_victim();
        }
        remove_victim();
}

/* What an image's configuration may say. */
static void test_configuration(void) {
        static const char *const changes[] = {
                "USER 0:0:0",
                "USER ../../etc/shadow",
                "USER 4294967295",
                "USER -1",
                "USER 0:4294967295",
                "USER nobody-of-this-name",
                "WORKDIR /proc/self/fd/3",
                "WORKDIR /proc/1/root",
                "WORKDIR /proc/self/exe",
                "WORKDIR ../../../../../..",
                "ENV LD_PRELOAD=/tmp/evil.so PATH=. HOME=/proc/self/fd/3",
                "ENTRYPOINT [\"/proc/self/exe\"]",
                "ENTRYPOINT [\"\"]",
        };

        make_victim();
        for (guint i = 0; i < G_N_ELEMENTS(changes); i++) {
                g_autofree char *option = g_strdup_printf("-c '%s'", changes[i]);
                g_autofree char *out = NULL;
                int status;

                shell(NULL, NULL, "mydocker rmi trap");
                if (shell(NULL, NULL, "mydocker import %s busybox.tar trap", option) != 0)
                        continue; /* refused at once: as good */
                status = shell(&out, NULL,
                               AS_NOBODY
                               "mydocker run --rm trap /bin/sh -c"
                               " 'ls ..; ls -di . / | cut -d\" \" -f1; cat /proc/self/mountinfo'");
                /* Whatever became of it, no directory of the host was its own. */
                CHECK(status != 0 || !strstr(out, sandbox_dir()));
                check_victim();
        }
        shell(NULL, NULL, "mydocker rmi trap");
        expect(0, "", "", "rm -rf victim");
}

/* The program that enters the container is run again by the container's own choice, and overwritten while it is
 * (CVE-2019-5736). Also where the container's root is the host's. */
static void test_own_program(void) {
        g_autofree char *before = NULL, *after = NULL, *version = NULL;

        shell(&before, NULL, "sha256sum /proc/%d/exe", supervisor_pid());
        make_victim();
        import_trap(
                /* With what it needs to run. */
                "for f in $(ldd $(command -v mydocker-supervisor) | grep -o '/[^ ]*'); do"
                " mkdir -p .$(dirname $f); cp -L $f .$f; done;"
                " ln -s /proc/self/exe bin/exe; printf '#!/proc/self/exe\\n' > bin/script; chmod 755 bin/script",
                "");
        for (guint i = 0; i < 2; i++) {
                const char *as = i == 0 ? AS_NOBODY : "", *option = i == 0 ? "" : "--userns=host";

                expect(0, NULL, NULL, "%s mydocker run -d --name trap %s trap probe overwrite", as,
                       option);
                for (guint k = 0; k < 20; k++)
                        shell(NULL, NULL, "%s mydocker exec trap %s", as,
                              k % 2 == 0 ? "/bin/exe --help" : "/bin/script");
                /* It does run; what a sanitizer says in there is of no interest. */
                g_clear_pointer(&version, g_free);
                shell(&version, NULL, "%s mydocker exec trap /bin/exe --version", as);
                check_text("our program in the container", version, "mydocker-supervisor*");
                /* It may end the container before it has itself ended. */
                shell(NULL, NULL, "%s mydocker exec trap touch /tmp/stop", as);
                expect(0, "*", NULL, "%s mydocker wait trap", as);
                /* What it found to overwrite: a program in the container at most. */
                expect(0, "E*\n", NULL, "%s mydocker logs trap", as);
                expect(0, "*", NULL, "%s mydocker rm trap", as);
        }
        shell(&after, NULL, "sha256sum /proc/%d/exe", supervisor_pid());
        check_text("the supervisor's program", after, before);
        expect(0, NULL, "", AS_NOBODY "mydocker run --rm busybox true");
        check_victim();
        remove_victim();
}

/* Set-user-id programs of an image. */
static void test_set_user_id(void) {
        make_victim();
        import_trap("cp bin/probe bin/raise; chown 0:0 bin/raise; chmod 4755 bin/raise", "");
        expect(3, "", "", AS_NOBODY "mydocker run --rm --user 1000 trap raise raised");
        /* Unless the caller says that they shall work: then it is the container's root, and nobody outside. */
        expect(4, "", "",
               AS_NOBODY "mydocker run --rm --user 1000 --security-opt no-new-privileges=false trap"
                         " raise raised");
        remove_victim();
}

int main(int argc, char *argv[]) {
        attack_init(&argc, &argv);
        harness_add("/attack-image/links", test_links);
        harness_add("/attack-image/odd-directories", test_odd_directories);
        harness_add("/attack-image/configuration", test_configuration);
        harness_add("/attack-image/own-program", test_own_program);
        harness_add("/attack-image/set-user-id", test_set_user_id);
        return attack_run();
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The frame of a test program: the sandbox it runs in, its image, its commands, and the check after each test. */

#include "harness.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char *cgroup;

const char *sandbox_dir(void) {
        return g_getenv("MYDOCKER_SANDBOX");
}

const char *sandbox_cgroup(void) {
        return cgroup;
}

int harness_patience(void) {
        const char *seconds = g_getenv("MYDOCKER_TEST_PATIENCE");

        return seconds ? atoi(seconds) : 60;
}

char *read_file(const char *format, ...) {
        g_autofree char *path = NULL;
        char *text = NULL;
        va_list ap;

        va_start(ap, format);
        path = g_strdup_vprintf(format, ap);
        va_end(ap);
        return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

/* The pids of the services, which are in a control group of one hierarchy, whichever that is. */
static char **service_pids(void) {
        g_autofree char *mounts = read_file("/proc/self/mounts");
        g_auto(GStrv) lines = g_strsplit(mounts, "\n", -1);

        for (char **line = lines; *line; line++) {
                g_auto(GStrv) fields = g_strsplit(*line, " ", -1);
                g_autofree char *text = NULL;

                if (g_strv_length(fields) < 3 || !g_str_has_prefix(fields[2], "cgroup"))
                        continue;
                text = read_file("%s%s-services/cgroup.procs", fields[1], cgroup);
                if (text)
                        return g_strsplit(g_strchomp(text), "\n", -1);
        }
        g_error("the sandbox's services are in no control group");
}

void test_fails(const char *format, ...) {
        g_autofree char *text = NULL;
        va_list ap;

        va_start(ap, format);
        text = g_strdup_vprintf(format, ap);
        va_end(ap);
        /* GTest itself would tell the last reason only. */
        g_test_message("FAILED: %s", text);
        g_test_fail();
}

/* Whether it is a supervisor, or a process of its own that it has not made a container's yet, or that lets go of a file
 * system, which may take long, and longer than the supervisor lives. */
static bool is_of_supervisor(const char *pid) {
        g_autofree char *name = read_file("/proc/%s/comm", pid);

        return name && g_str_has_prefix(name, "mydocker-superv");
}

pid_t supervisor_pid(void) {
        g_auto(GStrv) pids = service_pids();
        pid_t found = 0;

        for (char **pid = pids; *pid; pid++) {
                g_autofree char *stat = read_file("/proc/%s/stat", *pid), *parent_name = NULL;
                const char *rest = stat ? strrchr(stat, ')') : NULL;
                int parent, session;

                if (!rest || !is_of_supervisor(*pid) ||
                    sscanf(rest, ") %*c %d %*d %d", &parent, &session) != 2)
                        continue;
                parent_name = g_strdup_printf("%d", parent);
                /* It leads a session; what it has left behind is in the same one. */
                if (session == atoi(*pid) && !is_of_supervisor(parent_name))
                        found = session;
        }
        return found;
}

pid_t daemon_pid(void) {
        g_autofree char *text = read_file("%s/pids", sandbox_dir());
        const char *line = strstr(text, "daemon ");

        g_assert_nonnull(line);
        return atoi(line + strlen("daemon "));
}

bool process_is_gone(pid_t pid) {
        g_autofree char *status = read_file("/proc/%d/stat", pid);

        /* A zombie that the sandbox has not collected yet is gone, too. */
        return !status || strstr(status, ") Z ");
}

void daemon_kill(int signal) {
        pid_t pid = daemon_pid();

        g_assert_cmpint(kill(pid, signal), ==, 0);
        WAIT_UNTIL(process_is_gone(pid));
}

void supervisor_kill(void) {
        pid_t pid = supervisor_pid();

        g_assert_cmpint(pid, >, 1);
        g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
        WAIT_UNTIL(process_is_gone(pid));
}

int supervisor_connect(void) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        g_snprintf(address.sun_path, sizeof(address.sun_path), "%s/run/supervisor.sock",
                   sandbox_dir());
        if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
                close(fd);
                fd = -1;
        }
        return fd;
}

void daemon_start(void) {
        jobs_forget();
        expect(0, NULL, NULL, "%s/start-daemon", sandbox_dir());
}

void daemon_configure(const char *members) {
        g_autofree char *path = g_build_filename(sandbox_dir(), "daemon.json", NULL);
        g_autofree char *text = g_strdup_printf("{ \"cgroup-parent\": \"%s\"%s%s }\n", cgroup,
                                                *members ? ", " : "", members);

        daemon_kill(SIGTERM);
        g_assert_true(g_file_set_contents(path, text, -1, NULL));
        daemon_start();
}

/* Runs a command that mounts or unmounts something below the state directory, while nobody uses it. */
static void change_disk(const char *command) {
        daemon_kill(SIGTERM);
        /* It is in a mount namespace of its own and would not see what is mounted later. */
        supervisor_kill();
        expect(0, "", "", "%s", command);
        daemon_start();
        WAIT_UNTIL(shell(NULL, NULL, "mydocker info") == 0);
}

void small_disk_begin(unsigned mebibytes) {
        g_autofree char *command =
                g_strdup_printf("truncate -s %uM disk && mkfs.ext4 -q -m 0 -O ^has_journal disk &&"
                                " mount -o loop disk \"$MYDOCKER_SANDBOX\"/state",
                                mebibytes);

        change_disk(command);
}

void small_disk_end(void) {
        change_disk("umount \"$MYDOCKER_SANDBOX\"/state && rm disk");
        /* So that the daemon of before and that of after the test are of one kind. */
        daemon_kill(SIGTERM);
        daemon_start();
}

static int shell_v(char **out, char **err, const char *command) {
        const char *argv[] = {"/bin/sh", "-c", command, NULL};
        g_autoptr(GError) error = NULL;
        int status;

        if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, out, err, &status,
                          &error))
                g_error("cannot start a shell: %s", error->message);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int shell(char **out, char **err, const char *format, ...) {
        g_autofree char *command = NULL, *ignored_out = NULL, *ignored_err = NULL;
        va_list ap;

        va_start(ap, format);
        command = g_strdup_vprintf(format, ap);
        va_end(ap);
        return shell_v(out ?: &ignored_out, err ?: &ignored_err, command);
}

static bool matches(const char *pattern, const char *text) {
        /* What is no pattern may hold any bytes. */
        return strpbrk(pattern, "*?") ? g_pattern_match_simple(pattern, text) :
                                        g_str_equal(pattern, text);
}

void expect(int status, const char *out, const char *err, const char *format, ...) {
        g_autofree char *command = NULL, *actual_out = NULL, *actual_err = NULL;
        va_list ap;
        int actual;

        va_start(ap, format);
        command = g_strdup_vprintf(format, ap);
        va_end(ap);
        actual = shell_v(&actual_out, &actual_err, command);

        if (actual == status && (!out || matches(out, actual_out)) &&
            (!err || matches(err, actual_err)))
                return;
        g_test_message("command:         %s", command);
        g_test_message("status:          %d, expected %d", actual, status);
        g_test_message("standard output: «%s», expected «%s»", actual_out, out ?: "*");
        g_test_message("standard error:  «%s», expected «%s»", actual_err, err ?: "*");
        test_fails("%s", command);
}

void run_shell_cases(const ShellCase *cases, guint n) {
        for (guint i = 0; i < n; i++)
                expect(cases[i].status, cases[i].out, cases[i].err, "%s", cases[i].command);
}

void check_text(const char *what, const char *actual, const char *pattern) {
        if (!pattern || (actual && matches(pattern, actual)))
                return;
        test_fails("%s is «%s», expected «%s»", what, actual ?: "(null)", pattern);
}

/* A process for each of these hundreds of links would take long. */
static void make_applets(void) {
        g_autofree char *list = NULL;
        g_auto(GStrv) names = NULL;

        g_assert_cmpint(shell(&list, NULL, "rootfs/bin/busybox --list"), ==, 0);
        names = g_strsplit(g_strchomp(list), "\n", -1);
        for (char **name = names; *name; name++) {
                g_autofree char *path = g_build_filename("rootfs/bin", *name, NULL);

                g_assert_true(symlink("busybox", path) == 0 || errno == EEXIST);
        }
}

/* A root file system of one static binary, the way the walk-through makes it, and beside it a program that tries
 * what a container must not be able to do. */
static void make_archive(void) {
        const char *probe = g_getenv("MYDOCKER_TEST_PROBE");

        g_assert_cmpint(
                shell(NULL, NULL,
                      "set -e; umask 022\n"
                      "mkdir -p rootfs/bin rootfs/dev rootfs/etc rootfs/home rootfs/proc rootfs/root"
                      " rootfs/sys rootfs/var\n"
                      "mkdir -m 1777 rootfs/tmp\n"
                      "cp \"$(command -v busybox)\" rootfs/bin/busybox\n"
                      "[ -z '%s' ] || cp '%s' rootfs/bin/probe\n"
                      "printf 'root:x:0:0:root:/root:/bin/sh\\n"
                      "alice:x:1000:1000:Alice:/home/alice:/bin/sh\\n' > rootfs/etc/passwd\n"
                      "printf 'root:x:0:\\nalice:x:1000:\\nstaff:x:50:alice\\n' > rootfs/etc/group\n"
                      "mkdir rootfs/home/alice; chown 1000:1000 rootfs/home/alice",
                      probe ?: "", probe ?: ""),
                ==, 0);
        make_applets();
        g_assert_cmpint(shell(NULL, NULL, "tar --numeric-owner -C rootfs -cf busybox.tar ."), ==,
                        0);
}

/* A test that fails is not the end of the program, unless it fails an assertion. */
static void keep_going(int *argc, char ***argv) {
        /* main() may have no use for them any more, and then they would count as lost. */
        static char **extended;

        extended = g_new0(char *, *argc + 2);
        memcpy(extended, *argv, *argc * sizeof(char *));
        extended[(*argc)++] = (char *)"-k";
        *argv = extended;
}

/* The leak checker asks this. A string that a test forgets says nothing about the programs that it tests, and those
 * are looked at in processes of their own. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) {
        return 1;
}

void harness_init(int *argc, char ***argv) {
        g_autofree char *config = NULL, *work = NULL, *image = NULL, *error = NULL;
        const char *start, *end;

        if (geteuid() != 0 || !sandbox_dir()) {
                fputs("To be run by root, inside tools/sandbox\n", stderr);
                exit(77);
        }
        keep_going(argc, argv);
        g_test_init(argc, argv, NULL);
        g_setenv("LC_ALL", "C.UTF-8", true);
        g_setenv("TZ", "UTC", true);

        config = read_file("%s/daemon.json", sandbox_dir());
        start = config ? strstr(config, "\"/") : NULL;
        end = start ? strchr(start + 1, '"') : NULL;
        if (!end)
                g_error("the sandbox's daemon.json names no control group");
        cgroup = g_strndup(start + 1, end - start - 1);

        work = g_build_filename(sandbox_dir(), "work", NULL);
        g_assert_cmpint(g_mkdir(work, 0755), ==, 0);
        g_assert_cmpint(chdir(work), ==, 0);
        make_archive();

        bus = bus_connect_as(0);
        image = image_import("busybox.tar", "busybox", &error);
        if (!image)
                g_error("cannot import busybox.tar: %s", error);
}

/* After a failed test, so that the next one does not fail for its remains. */
static void remove_everything(void) {
        g_autofree char *images = NULL;

        shell(NULL, NULL, "%s/start-daemon", sandbox_dir());
        shell(NULL, NULL, "mydocker ps -aq | xargs -r mydocker rm -f");
        shell(NULL, NULL,
              "mydocker images --format '{{.Repository}}:{{.Tag}}' | grep -v ^busybox: | xargs -r mydocker rmi");
        shell(NULL, NULL, "rm -f %s/rules/50-*", sandbox_dir());
}

typedef struct Test {
        void (*function)(gconstpointer data);
        gconstpointer data;
} Test;

static void run_test(gconstpointer data) {
        const Test *test = data;
        g_auto(GStrv) before = leaks_baseline();

        test->function(test->data);
        if (g_test_failed())
                remove_everything();
        else
                leaks_check(before);
}

void harness_add_data(const char *name, void (*function)(gconstpointer data), gconstpointer data) {
        Test *test = g_new(Test, 1);

        *test = (Test){function, data};
        g_test_add_data_func_full(name, test, run_test, g_free);
}

static void call_plain(gconstpointer data) {
        union {
                gconstpointer data;
                void (*function)(void);
        } test = {.data = data};

        test.function();
}

void harness_add(const char *name, void (*function)(void)) {
        union {
                void (*function)(void);
                gconstpointer data;
        } test = {.function = function};

        harness_add_data(name, call_plain, test.data);
}

int harness_run(void) {
        int r = g_test_run();

        g_clear_object(&bus);
        g_clear_pointer(&cgroup, g_free);
        return r;
}

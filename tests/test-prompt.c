/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A password is asked for: a real pkttyagent on a terminal, which the command line registers, a real polkitd, and PAM.
 * Runs in tests/with-users; bob is an administrator. */

#include "harness.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define ALICE 4001

#define AS(user, command) "setpriv --reuid=" user " --regid=" user " --init-groups " command
#define ASKED "Password: "

/* A person at a terminal, where a command runs. */
typedef struct Terminal {
        pid_t pid;
        int fd;
        GString *shown;
        gsize read; /* what was waited for already */
} Terminal;

static Terminal *terminal_new(const char *command) {
        Terminal *t = g_new0(Terminal, 1);

        t->shown = g_string_new(NULL);
        t->pid = forkpty(&t->fd, NULL, NULL, NULL);
        if (t->pid == 0) {
                execl("/bin/sh", "sh", "-c", command, (char *)NULL);
                _exit(99);
        }
        g_assert_cmpint(t->pid, >, 0);
        return t;
}

/* Reads what has come. Return: whether more can come. */
static bool terminal_read(Terminal *t, int milliseconds) {
        struct pollfd poll_fd = {.fd = t->fd, .events = POLLIN};
        char buffer[4096];
        ssize_t n;

        if (poll(&poll_fd, 1, milliseconds) <= 0)
                return true;
        n = read(t->fd, buffer, sizeof(buffer));
        if (n > 0)
                g_string_append_len(t->shown, buffer, n);
        return n > 0;
}

/* Waits until the text is shown, after what was waited for before. */
static void terminal_expect(Terminal *t, const char *text) {
        gint64 end = g_get_monotonic_time() + HARNESS_PATIENCE_USEC;
        const char *found;

        while (!(found = strstr(t->shown->str + t->read, text)))
                if (g_get_monotonic_time() > end || !terminal_read(t, 100))
                        break;
        if (found)
                t->read = found - t->shown->str + strlen(text);
        else
                test_fails("the terminal never shows “%s”, but: %s", text, t->shown->str);
}

static bool terminal_echoes(const Terminal *t) {
        struct termios mode;

        g_assert_cmpint(tcgetattr(t->fd, &mode), ==, 0);
        return mode.c_lflag & ECHO;
}

/* Waits until a password can be typed: what comes earlier is thrown away. */
static void terminal_type(Terminal *t, const char *text) {
        WAIT_UNTIL(!terminal_echoes(t));
        g_assert_cmpint(write(t->fd, text, strlen(text)), ==, (gssize)strlen(text));
}

/* Waits for the command's end. Return: its exit status as the shell's $?; all that was shown in *shown. */
static int terminal_finish(Terminal *t, char **shown) {
        gint64 end = g_get_monotonic_time() + HARNESS_PATIENCE_USEC;
        int status = 0;

        while (terminal_read(t, 100) && g_get_monotonic_time() < end)
                ;
        if (g_get_monotonic_time() >= end) {
                test_fails("the command does not end: %s", t->shown->str);
                kill(t->pid, SIGKILL);
        }
        waitpid(t->pid, &status, 0);
        close(t->fd);
        if (shown)
                *shown = g_string_free(t->shown, FALSE);
        else
                g_string_free(t->shown, TRUE);
        g_free(t);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Hangs up: all that runs there ends. */
static void terminal_kill(Terminal *t) {
        kill(t->pid, SIGKILL);
        close(t->fd);
        waitpid(t->pid, NULL, 0);
        g_string_free(t->shown, TRUE);
        g_free(t);
}

static void test_right(void) {
        g_autofree char *shown = NULL;
        Terminal *t = terminal_new(AS("alice", "mydocker run --rm busybox id -u"));

        terminal_expect(t, "run a container of the image 'busybox:latest'");
        terminal_expect(t, "bob");
        terminal_expect(t, ASKED);
        bus_check_property(NULL, "ContainersCount", "0");
        terminal_type(t, "bob-password\n");
        terminal_expect(t, "AUTHENTICATION COMPLETE");
        terminal_expect(t, "0\r\n"); /* what the container prints */
        CHECK(terminal_finish(t, &shown) == 0);
        CHECK(!strstr(shown, "bob-password"));
}

static void test_wrong(void) {
        static const char *const passwords[] = {"alice-password\n", "\n"};

        for (guint i = 0; i < G_N_ELEMENTS(passwords); i++) {
                Terminal *t = terminal_new(AS("alice", "mydocker run --name none busybox true"));

                terminal_expect(t, ASKED);
                terminal_type(t, passwords[i]);
                terminal_expect(t, "AUTHENTICATION FAILED");
                terminal_expect(t, "org.mydocker.container.run");
                CHECK(terminal_finish(t, NULL) == 125);
        }
        bus_check_property(NULL, "ContainersCount", "0");
}

/* What the password was for is another container's name by now. */
static void test_recreated(void) {
        g_autofree char *first = container_run("{'name': <'web'>}", "sleep 1000"), *second = NULL;
        Terminal *t = terminal_new(AS("alice", "mydocker stop -t 0 web"));

        terminal_expect(t, "stop the container 'web'");
        terminal_expect(t, ASKED);
        container_remove(first);
        second = container_run("{'name': <'web'>}", "sleep 1000");
        terminal_type(t, "bob-password\n");
        terminal_expect(t, "No such container");
        CHECK(terminal_finish(t, NULL) == 1);
        bus_check_property(second, "State", "'running'");
        container_remove(second);
}

/* The same container is called otherwise by now: a rule might decide otherwise, too, so the question comes again. */
static void test_renamed(void) {
        g_autofree char *path = container_run("{'name': <'web'>}", "sleep 1000");
        Terminal *t = terminal_new(AS("alice", "mydocker stop -t 0 web"));

        terminal_expect(t, "stop the container 'web'");
        terminal_expect(t, ASKED);
        g_variant_unref(bus_call(path, "Rename", "('database', @a{sv} {})"));
        terminal_type(t, "bob-password\n");
        terminal_expect(t, "stop the container 'database'");
        terminal_expect(t, ASKED);
        terminal_type(t, "wrong\n");
        CHECK(terminal_finish(t, NULL) == 1);
        bus_check_property(path, "State", "'running'");
        container_remove(path);
}

/* An image's name means another image by now. */
static void test_retagged(void) {
        g_autofree char *image = image_find("busybox"), *other = NULL, *error = NULL;
        Terminal *t = terminal_new(AS("alice", "mydocker run --name none busybox true"));

        terminal_expect(t, "'busybox:latest'");
        terminal_expect(t, ASKED);
        other = image_import("busybox.tar", "other", &error);
        g_variant_unref(bus_call(other, "Tag", "('busybox', {'replace': <true>})"));
        terminal_type(t, "bob-password\n");
        terminal_expect(t, "'busybox:latest'");
        terminal_expect(t, ASKED);
        terminal_type(t, "wrong\n");
        CHECK(terminal_finish(t, NULL) == 125);
        bus_check_property(NULL, "ContainersCount", "0");
        g_variant_unref(bus_call(image, "Tag", "('busybox', {'replace': <true>})"));
        image_remove("other");
}

/* Whoever is asked can also say no by a signal: nobody has begun anything. */
static void test_interrupted(void) {
        g_autofree char *pid = NULL;
        Terminal *t;

        expect(0, "", "", "touch caller && chown alice caller");
        t = terminal_new(
                AS("alice", "sh -c 'echo $$ > caller; exec mydocker run --rm busybox true'"));
        terminal_expect(t, ASKED);
        pid = read_file("caller");
        kill(atoi(pid), SIGINT);
        CHECK(terminal_finish(t, NULL) == 128 + SIGINT);
        bus_check_property(NULL, "ContainersCount", "0");
        expect(0, "", "", "rm caller");
}

/* An agent stays at its terminal when the caller goes: its dialog must end, and the caller's place be free. */
static void test_vanished(void) {
        g_autofree char *path = container_run("{'name': <'web'>}", "sleep 1000");
        g_autofree char *command = g_strdup_printf(
                AS("alice",
                   /* The agent closes a descriptor when it may be asked. */
                   "sh -c 'echo $$ > caller; pkttyagent --process $$ --notify-fd 3 3> ready & read -r x < ready;"
                   " exec busctl --allow-interactive-authorization=yes call " MANAGER_NAME
                   " %s org.mydocker.Container Stop \"a{sv}\" 0'; sleep 1000"),
                path);
        g_autofree char *pid = NULL;
        Terminal *t, *monitor, *next;

        monitor = terminal_new("busctl monitor --match \"member='CancelAuthentication'\"");
        terminal_expect(monitor, "Monitoring bus message stream");
        expect(0, "", "", "touch caller && mkfifo ready && chown alice caller ready");
        t = terminal_new(command);
        terminal_expect(t, ASKED);
        pid = read_file("caller");
        kill(atoi(pid), SIGKILL);
        terminal_expect(monitor, "CancelAuthentication");
        terminal_kill(monitor);
        terminal_kill(t);

        /* There is one place only. */
        next = terminal_new(AS("alice", "mydocker stop -t 0 web"));
        terminal_expect(next, ASKED);
        terminal_type(next, "bob-password\n");
        CHECK(terminal_finish(next, NULL) == 0);
        container_remove(path);
        expect(0, "", "", "rm caller ready");
}

static bool may_ask(GDBusConnection *caller) {
        g_autoptr(GVariant) reply = bus_try(caller, NULL, NULL, NULL, NULL, "GetPermissions", "()");

        return reply;
}

/* Who has used up its places is refused at once, and nobody else suffers. */
static void test_places(void) {
        g_autoptr(GDBusConnection) alice = bus_connect_as(ALICE);
        Terminal *t = terminal_new(AS("alice", "mydocker run busybox true")), *other;

        terminal_expect(t, ASKED);
        bus_refused(alice, ERROR_LIMITS, "*user-checks-max*", NULL, "Run",
                    "('busybox', ['true'], @a{sv} {})");
        bus_refused(alice, ERROR_LIMITS, "*user-checks-max*", NULL, "GetPermissions", "()");

        other = terminal_new(AS("carol", "mydocker run --rm busybox true"));
        terminal_expect(other, ASKED);
        terminal_type(other, "bob-password\n");
        CHECK(terminal_finish(other, NULL) == 0);
        expect(0, "", "", "mydocker run --rm busybox true");

        terminal_kill(t);
        WAIT_UNTIL(may_ask(alice));
}

/* Longer than any D-Bus library's timeout: a person has to find a password. */
static void test_patience(void) {
        Terminal *t = terminal_new(AS("alice", "mydocker run --rm busybox true"));

        terminal_expect(t, ASKED);
        g_usleep(27 * G_USEC_PER_SEC);
        terminal_type(t, "bob-password\n");
        CHECK(terminal_finish(t, NULL) == 0);
}

int main(int argc, char *argv[]) {
        g_autofree char *address = NULL;

        harness_init(&argc, &argv);
        /* The set-user-id helper takes no address from anyone. */
        address = g_build_filename(sandbox_dir(), "bus", NULL);
        g_assert_cmpint(symlink(address, "/run/dbus/system_bus_socket"), ==, 0);
        daemon_configure("\"user-checks-max\": 1");

        harness_add("/prompt/right", test_right);
        harness_add("/prompt/wrong", test_wrong);
        harness_add("/prompt/recreated", test_recreated);
        harness_add("/prompt/renamed", test_renamed);
        harness_add("/prompt/retagged", test_retagged);
        harness_add("/prompt/interrupted", test_interrupted);
        harness_add("/prompt/vanished", test_vanished);
        harness_add("/prompt/places", test_places);
        harness_add("/prompt/patience", test_patience);
        return harness_run();
}

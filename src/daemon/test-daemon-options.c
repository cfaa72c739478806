/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The arguments of Run, as they come over the bus: right ones arrive, wrong ones are refused by name. */

#include <fcntl.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/errors.h"
#include "daemon/run-options.h"
#include "shared/fd.h"
#include "shared/test.h"

static sd_bus *bus;

/* A message as Run receives it; the arguments are those of its a{sv}. */
static sd_bus_message *message(const char *types, ...) {
        sd_bus_message *m;
        va_list ap;

        CHECK(sd_bus_message_new_method_call(bus, &m, "a.b", "/a", "a.b", "Run") >= 0);
        CHECK(sd_bus_message_append(m, "sas", "image", 2, "echo", "hello") >= 0);
        va_start(ap, types);
        CHECK(sd_bus_message_appendv(m, types, ap) >= 0);
        va_end(ap);
        CHECK(sd_bus_message_seal(m, 1, 0) >= 0);
        CHECK(sd_bus_message_rewind(m, true) >= 0);
        return m;
}

/* Reads and frees the message. Return: what was wrong, or NULL; valid until the next call. */
static const char *read_message(sd_bus_message *m, bool create, RunOptions *o) {
        static sd_bus_error error;
        int r;

        sd_bus_error_free(&error);
        r = run_options_read(m, create, o, &error);
        sd_bus_message_unref(m);
        CHECK((r < 0) == !!error.name);
        if (r >= 0)
                return NULL;
        CHECK_STR(error.name, ERROR_INVALID_ARGS);
        return error.message;
}

static void check_refused(sd_bus_message *m, const char *what) {
        RunOptions o;
        const char *why = read_message(m, false, &o);

        if (!why || !strstr(why, what)) {
                fprintf(stderr, "“%s” does not name “%s”\n", why ?: "(accepted)", what);
                exit(1);
        }
        run_options_done(&o);
}

static void test_accepted(void) {
        RunOptions o;
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        CHECK(null >= 0);
        CHECK(!read_message(message("a{sv}", 0), false, &o));
        CHECK_STR(o.image, "image");
        CHECK_STR(o.command[1], "hello");
        CHECK(!o.name && !o.entrypoint && o.no_new_privileges && o.streams[0] < 0);
        CHECK_INT(o.stop_timeout, 10);
        CHECK(!run_options_privileged(&o));
        run_options_done(&o);

        CHECK(!read_message(message("a{sv}", 7, "name", "s", "web", "entrypoint", "as", 0, "env",
                                    "as", 1, "A=b", "labels", "a{ss}", 1, "key", "value", "volumes",
                                    "a(sss)", 1, "/from", "/to", "ro", "memory", "t",
                                    (uint64_t)1048576, "stdout", "h", null),
                            false, &o));
        CHECK_STR(o.name, "web");
        CHECK(o.entrypoint && !o.entrypoint[0]); /* empty is not absent */
        CHECK_STR(json_object_get_string(json_object_object_get(o.labels, "key")), "value");
        CHECK_INT(o.volumes.n, 1);
        CHECK_STR(o.volumes.items[0].target, "/to");
        CHECK_INT(o.volumes.items[0].fd, -EBADF);
        CHECK_INT(o.limits.memory, 1048576);
        CHECK(o.limits.pids == LIMIT_UNSET);
        /* A copy of our own, which a program we start does not get. */
        CHECK(o.streams[1] >= 0 && o.streams[1] != null);
        CHECK(fcntl(o.streams[1], F_GETFD) & FD_CLOEXEC);
        run_options_done(&o);
        close(null);
}

static void test_refused(void) {
        check_refused(message("a{sv}", 1, "nmae", "s", "web"), "nmae");
        check_refused(message("a{sv}", 1, "name", "as", 1, "web"), "name");
        check_refused(message("a{sv}", 1, "name", "s", "/web"), "name");
        check_refused(message("a{sv}", 2, "name", "s", "a", "name", "s", "b"), "twice");
        check_refused(message("a{sv}", 1, "memory", "u", 5), "memory");
        check_refused(message("a{sv}", 1, "memory", "t", (uint64_t)5), "memory");
        check_refused(message("a{sv}", 1, "env", "as", 1, "=b"), "env");
        check_refused(message("a{sv}", 1, "env", "as", 1, "A"), "env");
        check_refused(message("a{sv}", 1, "workdir", "s", "srv"), "workdir");
        check_refused(message("a{sv}", 1, "user", "s", ""), "user");
        check_refused(message("a{sv}", 1, "hostname", "s", "-x"), "hostname");
        check_refused(message("a{sv}", 1, "stop-signal", "i", 65), "stop-signal");
        check_refused(message("a{sv}", 1, "cpus", "d", 0.001), "cpus");
        check_refused(message("a{sv}", 1, "cpus", "d", -1.0), "cpus");
        check_refused(message("a{sv}", 1, "cpus", "d", (double)NAN), "cpus");
        check_refused(message("a{sv}", 1, "cpus", "d", (double)INFINITY), "cpus");
        check_refused(message("a{sv}", 1, "pids", "t", UINT64_MAX), "pids");
        check_refused(message("a{sv}", 1, "memory", "t", UINT64_MAX), "memory");
        check_refused(message("a{sv}", 1, "cpuset", "s", "0-"), "cpuset");
        check_refused(message("a{sv}", 1, "cpu-shares", "t", (uint64_t)1), "cpu-shares");
        check_refused(message("a{sv}", 2, "memory", "t", (uint64_t)1048576, "memory-swap", "t",
                              (uint64_t)1048575),
                      "memory-swap");
        check_refused(message("a{sv}", 1, "network", "s", "bridge"), "network");
        check_refused(message("a{sv}", 1, "userns", "s", ""), "userns");
        check_refused(message("a{sv}", 1, "seccomp", "s", "off"), "seccomp");
        check_refused(message("a{sv}", 1, "restart", "s", "sometimes"), "restart");
        check_refused(message("a{sv}", 1, "log-driver", "s", "syslog"), "log-driver");
        check_refused(message("a{sv}", 1, "log-tag", "s", "a\nFORGED=1"), "log-tag");
        check_refused(message("a{sv}", 1, "cap-add", "as", 1, "FLY"), "cap-add");
        check_refused(message("a{sv}", 1, "volumes", "a(sss)", 1, "from", "/to", ""), "volumes");
        check_refused(message("a{sv}", 1, "volumes", "a(sss)", 1, "/from", "to", ""), "volumes");
        check_refused(message("a{sv}", 1, "volumes", "a(sss)", 1, "/from", "/to", "exec"),
                      "volumes");
        check_refused(message("a{sv}", 1, "tmpfs", "as", 1, "tmp"), "tmpfs");
        check_refused(message("a{sv}", 1, "rows", "q", 3), "rows");
        check_refused(message("a{sv}", 2, "tty", "b", 1, "stdin", "h", 0), "tty");
        check_refused(message("a{sv}", 1, "stdin-once", "b", 1), "stdin-once");
        check_refused(message("a{sv}", 2, "tty", "b", 1, "attach-stdout", "h", 0), "attach-stdout");
        check_refused(message("a{sv}", 2, "stderr", "h", 0, "attach-stderr", "h", 0),
                      "attach-stderr");
}

/* More than a caller has to say. */
static void test_too_long(void) {
        char *text = malloc(ARGUMENTS_SIZE_MAX + 1);

        CHECK(text);
        memset(text, 'x', ARGUMENTS_SIZE_MAX);
        text[ARGUMENTS_SIZE_MAX] = '\0';
        check_refused(message("a{sv}", 1, "workdir", "s", text), "workdir");
        free(text);
}

static void test_run_only(void) {
        RunOptions o;
        const char *why;

        why = read_message(message("a{sv}", 1, "stdin", "h", 0), true, &o);
        CHECK(why && strstr(why, "stdin"));
        run_options_done(&o);
        CHECK(!read_message(message("a{sv}", 1, "name", "s", "x"), true, &o));
        run_options_done(&o);
}

static void test_privileged(void) {
        static const char *const words[][2] = {
                {"network", "host"}, {"userns", "host"}, {"seccomp", "unconfined"}};
        RunOptions o;

        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                CHECK(!read_message(message("a{sv}", 1, words[i][0], "s", words[i][1]), false, &o));
                CHECK(run_options_privileged(&o));
                run_options_done(&o);
        }
        CHECK(!read_message(message("a{sv}", 1, "cap-add", "as", 1, "SYS_ADMIN"), false, &o));
        CHECK(run_options_privileged(&o));
        run_options_done(&o);
        CHECK(!read_message(message("a{sv}", 1, "cap-drop", "as", 1, "ALL"), false, &o));
        CHECK(!run_options_privileged(&o));
        run_options_done(&o);
}

int main(void) {
        int pair[2];

        /* Messages need a bus; this one leads nowhere. */
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        CHECK(sd_bus_new(&bus) >= 0);
        CHECK(sd_bus_set_fd(bus, pair[0], pair[0]) >= 0);
        CHECK(sd_bus_negotiate_fds(bus, true) >= 0);
        CHECK(sd_bus_start(bus) >= 0);
        test_accepted();
        test_refused();
        test_too_long();
        test_run_only();
        test_privileged();
        sd_bus_close_unref(bus);
        close(pair[1]);
        return 0;
}

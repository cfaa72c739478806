/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A container from its creation to its removal, over the bus. */

#include "harness.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NO_OPTIONS "(@a{sv} {},)"

static void do_call(const char *path, const char *method, const char *arguments) {
        g_variant_unref(bus_call(path, method, arguments));
}

static void test_created(void) {
        g_autofree char *path =
                container_create("{'name': <'one'>, 'labels': <{'a': 'b'}>}", "exit 3");
        const char *id = strrchr(path, '/') + 1;

        bus_check_property(path, "State", "'created'");
        bus_check_property(path, "Name", "'one'");
        bus_check_property(path, "Image", "'busybox*'");
        bus_check_property(path, "Command", "['sh', '-c', 'exit 3']");
        bus_check_property(path, "Pid", "0");
        bus_check_property(path, "ExitCode", "-1");
        bus_check_property(path, "StartedAt", "0");
        bus_check_property(path, "FinishedAt", "0");
        bus_check_property(path, "Owner", "0");
        bus_check_property(path, "Labels", "{'a': 'b'}");
        bus_check_property(path, "CgroupPath", "''");
        bus_check_property(path, "Tty", "false");
        bus_check_property(path, "RestartPolicy", "'no'");
        g_assert_cmpuint(strlen(id), ==, 64);
        for (int n = 1; n < 64; n += 20) {
                g_autofree char *prefix = g_strndup(id, n);
                g_autoptr(GVariant) reply = bus_call(NULL, "GetContainer", "(%s,)", prefix);
                const char *found;

                g_variant_get(reply, "(&o)", &found);
                g_assert_cmpstr(found, ==, path);
        }

        do_call(path, "Start", NO_OPTIONS);
        g_assert_cmpint(container_wait(path), ==, 3);
        bus_wait_property(path, "State", "'exited'");
        bus_check_property(path, "ExitCode", "3");
        bus_check_property(path, "Pid", "0");
        CHECK(!bus_property_matches(path, "StartedAt", "0"));
        CHECK(!bus_property_matches(path, "FinishedAt", "0"));
        do_call(path, "Remove", NO_OPTIONS);
        CHECK(!bus_object_exists(path));
}

static void test_exit_codes(void) {
        static const struct {
                const char *command;
                int status;
        } cases[] = {
                {"exit 0", 0},          {"exit 1", 1},
                {"exit 125", 125},      {"exit 255", 255},
                {"kill -9 $$", 0},      {"sh -c 'kill -9 $$'; exit $?", 137},
                {"exec probe none", 2}, {"sh -c 'kill -TERM $$'; exit $?", 143},
        };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                int status;
                g_autofree char *output = container_output(NULL, cases[i].command, &status);

                if (status != cases[i].status)
                        test_fails("“%s” gives %d, expected %d", cases[i].command, status,
                                   cases[i].status);
        }
        /* A signal from outside that ends the first process. */
        {
                g_autofree char *path = container_run(NULL, "sleep 1000");

                do_call(path, "Kill", "(9, @a{sv} {})");
                g_assert_cmpint(container_wait(path), ==, 137);
                container_remove(path);
        }
}

static void test_stop(void) {
        g_autofree char *path =
                container_run(NULL, "trap 'exit 4' TERM; echo set; while :; do sleep 0.1; done");
        g_autofree char *deaf =
                container_run("{'stop-timeout': <uint32 1>}",
                              "trap '' TERM; echo set; while :; do sleep 0.1; done");
        g_autofree char *other = container_run(
                "{'stop-signal': <2>}", "trap 'exit 6' INT; echo set; while :; do sleep 0.1; done");

        container_wait_log(path, "set");
        container_wait_log(deaf, "set");
        container_wait_log(other, "set");
        do_call(path, "Stop", NO_OPTIONS);
        bus_check_property(path, "State", "'exited'");
        bus_check_property(path, "ExitCode", "4");
        do_call(path, "Stop", NO_OPTIONS); /* once more changes nothing */
        bus_check_property(path, "ExitCode", "4");

        do_call(other, "Stop", NO_OPTIONS);
        bus_check_property(other, "ExitCode", "6");

        do_call(deaf, "Stop", NO_OPTIONS);
        bus_check_property(deaf, "ExitCode", "137");
        bus_check_property(deaf, "OOMKilled", "false");

        do_call(deaf, "Start", NO_OPTIONS);
        do_call(deaf, "Stop", "({'timeout': <uint32 0>},)");
        bus_check_property(deaf, "ExitCode", "137");
        container_remove(path);
        container_remove(deaf);
        container_remove(other);
}

static void test_kill(void) {
        g_autofree char *path = container_run(
                NULL,
                "trap 'echo usr1' USR1; trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done");

        container_wait_log(path, "ready");
        do_call(path, "Kill", "(10, @a{sv} {})");
        container_wait_log(path, "usr1");
        bus_check_property(path, "State", "'running'");
        bus_refused(bus, ERROR_ARGS, "*signal*", path, "Kill", "(0, @a{sv} {})");
        bus_refused(bus, ERROR_ARGS, "*signal*", path, "Kill", "(65, @a{sv} {})");
        bus_refused(bus, ERROR_ARGS, "*signal*", path, "Kill", "(-9, @a{sv} {})");
        do_call(path, "Kill", "(15, @a{sv} {})");
        g_assert_cmpint(container_wait(path), ==, 9);
        bus_wait_property(path, "State", "'exited'");
        bus_refused(bus, ERROR_MYDOCKER("ContainerNotRunning"), NULL, path, "Kill",
                    "(15, @a{sv} {})");
        container_remove(path);
}

static void test_pause(void) {
        g_autofree char *path = container_run(NULL, "while :; do date +%s%N > /tmp/now; done");
        g_autofree char *before = NULL, *after = NULL, *stat = NULL;
        g_autofree char *cpu = NULL, *cpu_later = NULL;
        guint32 pid = bus_property_uint(path, "Pid");

        do_call(path, "Pause", NO_OPTIONS);
        bus_check_property(path, "State", "'paused'");
        expect(0, "*Up *(Paused)*", "", "mydocker ps");
        /* Not a tick of CPU time more. */
        cpu = read_file("/proc/%u/schedstat", pid);
        g_usleep(200000);
        cpu_later = read_file("/proc/%u/schedstat", pid);
        check_text("schedstat of a paused process", cpu_later, cpu);
        bus_refused(bus, ERROR_MYDOCKER("ContainerPaused"), NULL, path, "Pause", NO_OPTIONS);
        bus_refused(bus, ERROR_MYDOCKER("ContainerPaused"), NULL, path, "Exec",
                    "(['true'], @a{sv} {})");
        bus_refused(bus, ERROR_MYDOCKER("ContainerPaused"), NULL, path, "Start", NO_OPTIONS);
        bus_refused(bus, ERROR_MYDOCKER("ContainerPaused"), NULL, path, "Remove", NO_OPTIONS);
        do_call(path, "Resume", NO_OPTIONS);
        bus_check_property(path, "State", "'running'");
        do_call(path, "Resume", NO_OPTIONS); /* once more changes nothing */
        before = container_exec(path, "cat /tmp/now");
        WAIT_UNTIL((g_free(after), after = container_exec(path, "cat /tmp/now"),
                    !g_str_equal(before, after)));

        /* SIGKILL ends a paused one, too. */
        do_call(path, "Pause", NO_OPTIONS);
        do_call(path, "Kill", "(9, @a{sv} {})");
        g_assert_cmpint(container_wait(path), ==, 137);
        container_remove(path);

        {
                g_autofree char *stopped =
                        container_run("{'stop-timeout': <uint32 1>}", "sleep 1000");

                do_call(stopped, "Pause", NO_OPTIONS);
                do_call(stopped, "Stop", NO_OPTIONS);
                bus_check_property(stopped, "State", "'exited'");
                do_call(stopped, "Start", NO_OPTIONS);
                do_call(stopped, "Pause", NO_OPTIONS);
                container_remove(stopped); /* by force */
        }
}

static void test_restart(void) {
        g_autofree char *path = container_run("{'stop-timeout': <uint32 0>}",
                                              "echo x >> /count; echo started; sleep 1000");
        guint32 pid = bus_property_uint(path, "Pid");
        g_autofree char *count = NULL;

        container_wait_log(path, "started\n");
        do_call(path, "Restart", NO_OPTIONS);
        bus_check_property(path, "State", "'running'");
        CHECK(bus_property_uint(path, "Pid") != pid);
        container_wait_log(path, "started\nstarted\n");
        /* What was written stays. */
        count = container_exec(path, "wc -l < /count");
        check_text("starts", count, "2\n");
        do_call(path, "Start", NO_OPTIONS); /* nothing happens if it runs */
        g_free(count);
        count = container_exec(path, "wc -l < /count");
        check_text("starts", count, "2\n");
        container_remove(path);
}

static void test_rename(void) {
        g_autofree char *one = container_create("{'name': <'one'>}", "hostname");
        g_autofree char *two = container_create("{'name': <'two'>}", "true");

        bus_refused(bus, ERROR_MYDOCKER("NameInUse"), "*one*", two, "Rename", "('one', @a{sv} {})");
        bus_refused(bus, ERROR_ARGS, "*name*", two, "Rename", "('-bad', @a{sv} {})");
        bus_refused(bus, ERROR_ARGS, "*name*", two, "Rename", "('', @a{sv} {})");
        bus_check_property(two, "Name", "'two'");
        do_call(one, "Rename", "('three', @a{sv} {})");
        do_call(two, "Rename", "('one', @a{sv} {})");
        bus_check_property(one, "Name", "'three'");
        bus_check_property(two, "Name", "'one'");
        container_remove(one);
        container_remove(two);
}

static void test_auto_remove(void) {
        g_autofree char *path = container_run("{'auto-remove': <true>}", "sleep 0.2; exit 8");

        g_assert_cmpint(container_wait(path), ==, 8);
        WAIT_UNTIL(!bus_object_exists(path));

        g_free(path);
        path = container_run("{'auto-remove': <true>}", "sleep 1000");
        do_call(path, "Stop", "({'timeout': <uint32 0>},)");
        WAIT_UNTIL(!bus_object_exists(path));
}

static void test_remove(void) {
        g_autofree char *path = container_run(NULL, "sleep 1000");

        bus_refused(bus, ERROR_MYDOCKER("ContainerRunning"), NULL, path, "Remove", NO_OPTIONS);
        bus_check_property(path, "State", "'running'");
        do_call(path, "Remove", "({'force': <true>},)");
        CHECK(!bus_object_exists(path));
        bus_refused(bus, ERROR_MYDOCKER("NoSuchContainer"), NULL, NULL, "GetContainer", "(%s,)",
                    strrchr(path, '/') + 1);
}

/* All processes of a container end with its first one. */
static void test_orphans(void) {
        g_autofree char *path = container_run(NULL, "(setsid sleep 12345 &) ; sleep 0.2; exit 0");

        g_assert_cmpint(container_wait(path), ==, 0);
        expect(1, "0\n", "",
               "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c '[s]leep 12345'");
        container_remove(path);
}

static void test_logs(void) {
        g_autofree char *path = container_run(
                NULL,
                "echo out; echo err >&2; printf 'no newline'; until [ -e /go ]; do sleep 0.05; done;"
                " printf ' yet\\n'; echo 3; echo 4");
        g_autofree char *raw = NULL, *tail = NULL, *read = NULL;

        /* The streams are pipes of their own: of one each the order is sure. */
        container_wait_log(path, "err\n");
        container_wait_log(path, "no newline");
        container_touch(path, "/go");
        container_wait(path);
        bus_wait_property(path, "State", "'exited'");
        raw = container_raw_log(path, NULL);
        check_text("log", raw,
                   "*20*-*-*T*:*:*.?????????Z stdout F out\n*no newline*yet\n*F 3\n*F 4\n");
        check_text("log", raw, "*20*-*-*T*:*:*.?????????Z stderr F err\n*");
        tail = container_raw_log(path, "{'tail': <uint64 2>}");
        check_text("tail", tail, "*Z stdout F 3\n*Z stdout F 4\n");
        CHECK(!strstr(tail, "yet"));
        g_free(tail);
        tail = container_raw_log(path, "{'tail': <uint64 1>, 'follow': <true>}");
        check_text("tail", tail, "*Z stdout F 4\n");
        g_free(tail);
        tail = container_raw_log(path, "{'until': <uint64 1>}");
        check_text("log before 1970", tail, "");

        {
                g_autofree char *cursor = g_strdup("");
                GString *text = g_string_new(NULL);
                gboolean end = false;

                for (int i = 0; !end && i < 100; i++) {
                        g_autoptr(GVariant) reply =
                                bus_call(path, "ReadLogs", "(%s, %u, @a{sv} {})", cursor, 64U);
                        g_autoptr(GVariant) data = NULL;

                        g_free(cursor);
                        g_variant_get(reply, "(@aysb)", &data, &cursor, &end);
                        g_string_append_len(text, g_variant_get_data(data),
                                            g_variant_get_size(data));
                }
                g_assert_true(end);
                read = g_string_free(text, FALSE);
                g_assert_cmpstr(read, ==, raw);
        }
        container_remove(path);
}

static void test_follow(void) {
        g_autofree char *path =
                container_run(NULL, "for i in 1 2 3 4 5; do echo $i; sleep 0.1; done");
        g_autofree char *raw = container_raw_log(path, "{'follow': <true>}");

        check_text("followed log", raw, "*F 1\n*F 2\n*F 3\n*F 4\n*F 5\n");
        container_remove(path);
}

static void test_no_log(void) {
        g_autofree char *path = container_run("{'log-driver': <'none'>}", "echo unseen");

        container_wait(path);
        bus_refused(bus, ERROR_UNSUPPORTED, NULL, path, "OpenLogs", NO_OPTIONS);
        bus_refused(bus, ERROR_UNSUPPORTED, NULL, path, "ReadLogs", "('', uint32 0, @a{sv} {})");
        container_remove(path);
}

/* Ten megabytes of output in files of one: only the last two are kept, each with its last portion. */
static void test_log_rotation(void) {
        g_autofree char *path = container_run(
                "{'log-max-size': <uint64 1048576>}",
                "yes 0123456789012345678901234567890123456789 | head -n 250000; echo last");
        g_autofree char *raw = NULL;

        container_wait(path);
        bus_wait_property(path, "State", "'exited'");
        raw = container_raw_log(path, NULL);
        if (strlen(raw) > 3 * 1048576 || strlen(raw) < 1048576 / 2)
                test_fails("the log has %zu bytes", strlen(raw));
        check_text("end of the log", raw, "20*F last\n");
        container_remove(path);
}

static void test_given_streams(void) {
        g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;
        g_autofree char *path = NULL, *out = NULL, *err = NULL;
        int pipes[3][2];

        for (int i = 0; i < 3; i++)
                g_assert_cmpint(pipe2(pipes[i], O_CLOEXEC), ==, 0);
        g_unix_fd_list_append(fds, pipes[0][0], NULL);
        g_unix_fd_list_append(fds, pipes[1][1], NULL);
        g_unix_fd_list_append(fds, pipes[2][1], NULL);
        reply = bus_try(bus, fds, NULL, &error, NULL, "Run",
                        "('busybox', ['sh', '-c', 'read line; echo out $line; echo err >&2'],"
                        " {'stdin': <handle 0>, 'stdout': <handle 1>, 'stderr': <handle 2>})");
        g_assert_no_error(error);
        g_clear_object(&fds);
        close(pipes[0][0]);
        close(pipes[1][1]);
        close(pipes[2][1]);
        g_variant_get(reply, "(o)", &path);
        bus_refused(bus, ERROR_UNSUPPORTED, NULL, path, "Attach", NO_OPTIONS);
        g_assert_cmpint(write(pipes[0][1], "in\n", 3), ==, 3);
        close(pipes[0][1]);
        /* That these end shows that nobody else holds the other ends. */
        out = read_fd(pipes[1][0], NULL);
        err = read_fd(pipes[2][0], NULL);
        check_text("stdout", out, "out in\n");
        check_text("stderr", err, "err\n");
        g_assert_cmpint(container_wait(path), ==, 0);
        container_remove(path);
}

static void test_attach(void) {
        g_autofree char *path = container_run(
                "{'open-stdin': <true>}",
                "while read line && [ $line != end ]; do echo got $line; echo err $line >&2; done");
        g_autoptr(GUnixFDList) fds = NULL;
        g_autoptr(GVariant) reply = NULL, streams = NULL;
        g_autoptr(GError) error = NULL;
        g_autofree char *out = NULL, *err = NULL, *log = NULL;
        gint32 in_handle, out_handle, err_handle;
        int in, out_fd, err_fd;

        reply = bus_try(bus, NULL, &fds, &error, path, "Attach", NO_OPTIONS);
        g_assert_no_error(error);
        streams = g_variant_get_child_value(reply, 0);
        g_assert_true(g_variant_lookup(streams, "stdin", "h", &in_handle));
        g_assert_true(g_variant_lookup(streams, "stdout", "h", &out_handle));
        g_assert_true(g_variant_lookup(streams, "stderr", "h", &err_handle));
        in = g_unix_fd_list_get(fds, in_handle, NULL);
        out_fd = g_unix_fd_list_get(fds, out_handle, NULL);
        err_fd = g_unix_fd_list_get(fds, err_handle, NULL);
        g_clear_object(&fds); /* the other copies */
        g_assert_cmpint(write(in, "one\ntwo\n", 8), ==, 8);
        close(in);
        /* Input stays open for whoever comes next. */
        {
                g_autoptr(GVariant) second =
                        bus_try(bus, NULL, &fds, &error, path, "Attach", NO_OPTIONS);

                g_assert_no_error(error);
                in = g_unix_fd_list_get(fds, in_handle, NULL);
                g_assert_cmpint(write(in, "end\n", 4), ==, 4);
                close(in);
                g_clear_object(&fds);
        }
        out = read_fd(out_fd, NULL);
        err = read_fd(err_fd, NULL);
        check_text("stdout", out, "got one\ngot two\n");
        check_text("stderr", err, "err one\nerr two\n");
        g_assert_cmpint(container_wait(path), ==, 0);
        log = container_log(path);
        CHECK(strstr(log, "got one\n") && strstr(log, "err two\n"));
        container_remove(path);
}

static gsize count_processes(const char *path) {
        g_autoptr(GVariant) reply = bus_call(path, "GetProcesses", NO_OPTIONS);
        g_autoptr(GVariant) list = g_variant_get_child_value(reply, 0);

        return g_variant_n_children(list);
}

static void test_find_by_pid(void) {
        g_autofree char *path = container_run(NULL, "sleep 1000 & wait");
        g_autoptr(GVariant) reply =
                bus_call(NULL, "GetContainerByPID", "(%u,)", bus_property_uint(path, "Pid"));
        g_autoptr(GVariant) processes = NULL, list = NULL;
        const char *found;

        g_variant_get(reply, "(&o)", &found);
        g_assert_cmpstr(found, ==, path);
        bus_refused(bus, ERROR_MYDOCKER("NoSuchContainer"), NULL, NULL, "GetContainerByPID",
                    "(uint32 1,)");
        bus_refused(bus, ERROR_MYDOCKER("NoSuchContainer"), NULL, NULL, "GetContainerByPID",
                    "(%u,)", (guint32)getpid());

        WAIT_UNTIL(count_processes(path) == 2);
        processes = bus_call(path, "GetProcesses", NO_OPTIONS);
        list = g_variant_get_child_value(processes, 0);
        for (gsize i = 0; i < g_variant_n_children(list); i++) {
                g_autoptr(GVariant) process = g_variant_get_child_value(list, i);
                guint32 pid, uid;
                const char *command;

                g_assert_true(g_variant_lookup(process, "pid", "u", &pid));
                g_assert_true(g_variant_lookup(process, "uid", "u", &uid));
                g_assert_true(g_variant_lookup(process, "command", "&s", &command));
                g_assert_cmpuint(uid, ==, 0);
                CHECK(strstr(command, "sleep 1000"));
        }
        container_remove(path);
}

/* After a hundred rounds everything is as after the first; the check after the test sees descriptors and groups. */
static void test_hundred_rounds(void) {
        g_autofree char *before = NULL, *after = NULL;

        for (int i = 0; i < 120; i++) {
                g_autofree char *path = container_run(NULL, "sleep 1000"), *output = NULL;

                output = container_exec(path, "echo $0");
                check_text("exec", output, "sh\n");
                container_remove(path);
                if (i == 20)
                        before = read_file("/proc/%d/statm", daemon_pid());
        }
        after = read_file("/proc/%d/statm", daemon_pid());
        g_test_message("the daemon's memory before: %s after: %s", before, after);
        if (!HARNESS_SANITIZED) {
                g_auto(GStrv) was = g_strsplit(before, " ", -1), is = g_strsplit(after, " ", -1);

                /* Resident pages: less than 256 kB more. */
                g_assert_cmpint(atoi(is[1]), <, atoi(was[1]) + 64);
        }
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        harness_add("/lifecycle/created", test_created);
        harness_add("/lifecycle/exit-codes", test_exit_codes);
        harness_add("/lifecycle/stop", test_stop);
        harness_add("/lifecycle/kill", test_kill);
        harness_add("/lifecycle/pause", test_pause);
        harness_add("/lifecycle/restart", test_restart);
        harness_add("/lifecycle/rename", test_rename);
        harness_add("/lifecycle/auto-remove", test_auto_remove);
        harness_add("/lifecycle/remove", test_remove);
        harness_add("/lifecycle/orphans", test_orphans);
        harness_add("/lifecycle/logs", test_logs);
        harness_add("/lifecycle/follow", test_follow);
        harness_add("/lifecycle/no-log", test_no_log);
        harness_add("/lifecycle/log-rotation", test_log_rotation);
        harness_add("/lifecycle/given-streams", test_given_streams);
        harness_add("/lifecycle/attach", test_attach);
        harness_add("/lifecycle/find-by-pid", test_find_by_pid);
        harness_add("/lifecycle/hundred-rounds", test_hundred_rounds);
        return harness_run();
}

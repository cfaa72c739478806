/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every wrong call gives its typed error and changes nothing; and what happens when things under the daemon fail. */

#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* Arguments of Run or Create that are refused. */
static const struct {
        const char *error, *message, *arguments;
} wrong_runs[] = {
        {ERROR_MYDOCKER("NoSuchImage"), "*missing*", "('missing', ['true'], @a{sv} {})"},
        {ERROR_MYDOCKER("NoSuchImage"), "*busybox:other*",
         "('busybox:other', ['true'], @a{sv} {})"},
        {ERROR_ARGS, "*Bad*", "('Bad Name', ['true'], @a{sv} {})"},
        {ERROR_ARGS, NULL, "('', ['true'], @a{sv} {})"},
        {ERROR_ARGS, "*command*",
         "('busybox', @as [], @a{sv} {})"}, /* the image has no command either */
        {ERROR_ARGS, "*name*", "('busybox', ['true'], {'name': <''>})"},
        {ERROR_ARGS, "*name*", "('busybox', ['true'], {'name': <'-x'>})"},
        {ERROR_ARGS, "*name*", "('busybox', ['true'], {'name': <'a b'>})"},
        {ERROR_ARGS, "*name*", "('busybox', ['true'], {'name': <'../x'>})"},
        {ERROR_ARGS, "*name*", "('busybox', ['true'], {'name': <'a/b'>})"},
        {ERROR_ARGS, "*name*", "('busybox', ['true'], {'name': <uint32 1>})"},
        {ERROR_ARGS, "*nonsense*", "('busybox', ['true'], {'nonsense': <true>})"},
        {ERROR_ARGS, "*tty*", "('busybox', ['true'], {'tty': <'yes'>})"},
        {ERROR_ARGS, "*env*", "('busybox', ['true'], {'env': <['=value']>})"},
        {ERROR_ARGS, "*env*", "('busybox', ['true'], {'env': <['no-equals-sign']>})"},
        {ERROR_ARGS, "*env*", "('busybox', ['true'], {'env': <'A=b'>})"},
        {ERROR_ARGS, "*workdir*", "('busybox', ['true'], {'workdir': <'relative'>})"},
        {ERROR_ARGS, "*hostname*", "('busybox', ['true'], {'hostname': <'under_score!'>})"},
        {ERROR_ARGS, "*user*", "('busybox', ['true'], {'user': <'a:b:c'>})"},
        {ERROR_ARGS, "*restart*", "('busybox', ['true'], {'restart': <'sometimes'>})"},
        {ERROR_ARGS, "*network*", "('busybox', ['true'], {'network': <'moon'>})"},
        {ERROR_ARGS, "*userns*", "('busybox', ['true'], {'userns': <'moon'>})"},
        {ERROR_ARGS, "*seccomp*", "('busybox', ['true'], {'seccomp': <'moon'>})"},
        {ERROR_ARGS, "*cap-add*", "('busybox', ['true'], {'cap-add': <['MOON']>})"},
        {ERROR_ARGS, "*log-driver*", "('busybox', ['true'], {'log-driver': <'moon'>})"},
        {ERROR_ARGS, "*stop-signal*", "('busybox', ['true'], {'stop-signal': <99>})"},
        {ERROR_ARGS, "*volumes*", "('busybox', ['true'], {'volumes': <[('relative', '/x', '')]>})"},
        {ERROR_ARGS, "*volumes*",
         "('busybox', ['true'], {'volumes': <[('/tmp', 'relative', '')]>})"},
        {ERROR_ARGS, "*volumes*", "('busybox', ['true'], {'volumes': <[('/tmp', '/', '')]>})"},
        {ERROR_ARGS, "*volumes*", "('busybox', ['true'], {'volumes': <[('/tmp', '/x', 'zz')]>})"},
        {ERROR_ARGS, "*volumes*", "('busybox', ['true'], {'volumes': <[('', '/x', '')]>})"},
        {ERROR_ARGS, "*volumes*",
         "('busybox', ['true'], {'volumes': <[('/tmp', '/x', ''), ('/var', '/x/', '')]>})"},
        {ERROR_ARGS, "*tmpfs*", "('busybox', ['true'], {'tmpfs': <['relative']>})"},
        {ERROR_ARGS, "*rows*", "('busybox', ['true'], {'rows': <uint16 20>})"},
};

static void test_wrong_runs(void) {
        for (guint i = 0; i < G_N_ELEMENTS(wrong_runs); i++)
                for (const char *const *method = (const char *const[]){"Run", "Create", NULL};
                     *method; method++)
                        bus_refused(bus, wrong_runs[i].error, wrong_runs[i].message, NULL, *method,
                                    wrong_runs[i].arguments);
        bus_check_property(NULL, "ContainersCount", "0");
}

static void test_failed_starts(void) {
        static const struct {
                const char *error, *message, *arguments;
        } cases[] = {
                {ERROR_MYDOCKER("CommandNotFound"), "*/no/such*",
                 "('busybox', ['/no/such'], @a{sv} {})"},
                {ERROR_MYDOCKER("CommandNotFound"), "*nonesuch*",
                 "('busybox', ['nonesuch'], @a{sv} {})"},
                {ERROR_MYDOCKER("NotExecutable"), "*/etc/passwd*",
                 "('busybox', ['/etc/passwd'], @a{sv} {})"},
                {ERROR_MYDOCKER("NotExecutable"), "*/etc*", "('busybox', ['/etc'], @a{sv} {})"},
                {ERROR_MYDOCKER("RuntimeFailed"), "*bob*",
                 "('busybox', ['true'], {'user': <'bob'>})"},
                {ERROR_MYDOCKER("RuntimeFailed"), "*/etc/passwd*",
                 "('busybox', ['true'], {'workdir': <'/etc/passwd'>})"},
                {ERROR_MYDOCKER("RuntimeFailed"), "?*",
                 "('busybox', ['true'], {'volumes': <[('/etc/passwd', '/bin', '')]>})"},
        };
        g_autofree char *path = NULL;

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
                bus_refused(bus, cases[i].error, cases[i].message, NULL, "Run", cases[i].arguments);
        bus_check_property(NULL, "ContainersCount", "0");

        /* A created one stays, and says why. */
        {
                g_autoptr(GVariant) reply =
                        bus_call(NULL, "Create", "('busybox', ['/no/such'], @a{sv} {})");

                g_variant_get(reply, "(o)", &path);
        }
        bus_refused(bus, ERROR_MYDOCKER("CommandNotFound"), "*/no/such*", path, "Start",
                    "(@a{sv} {},)");
        bus_check_property(path, "State", "'created'");
        bus_check_property(path, "Error", "'*/no/such*'");
        bus_check_property(path, "Pid", "0");
        container_remove(path);
}

static void test_names(void) {
        g_autofree char *path = container_create("{'name': <'taken'>}", "true");
        g_autofree char *again = NULL;

        bus_refused(bus, ERROR_MYDOCKER("NameInUse"), "*taken*", NULL, "Run",
                    "('busybox', ['true'], {'name': <'taken'>})");
        bus_refused(bus, ERROR_MYDOCKER("NameInUse"), "*taken*", NULL, "Create",
                    "('busybox', ['true'], {'name': <'taken'>})");
        /* After a failed start the name is free again. */
        bus_refused(bus, ERROR_MYDOCKER("CommandNotFound"), NULL, NULL, "Run",
                    "('busybox', ['/no/such'], {'name': <'free'>})");
        again = container_create("{'name': <'free'>}", "true");
        container_remove(path);
        container_remove(again);
}

static void test_wrong_calls(void) {
        g_autofree char *path = container_create(NULL, "true");
        static const struct {
                const char *error, *message, *method, *arguments;
        } cases[] = {
                {ERROR_MYDOCKER("ContainerNotRunning"), NULL, "Exec", "(['true'], @a{sv} {})"},
                {ERROR_MYDOCKER("ContainerNotRunning"), NULL, "ExecCollect",
                 "(['true'], @a{sv} {})"},
                {ERROR_MYDOCKER("ContainerNotRunning"), NULL, "Pause", "(@a{sv} {},)"},
                {ERROR_MYDOCKER("ContainerNotRunning"), NULL, "Resume", "(@a{sv} {},)"},
                {ERROR_MYDOCKER("ContainerNotRunning"), NULL, "GetProcesses", "(@a{sv} {},)"},
                {ERROR_ARGS, NULL, "Resize", "(uint16 24, uint16 80, @a{sv} {})"},
                {ERROR_ARGS, "*zzz*", "Start", "({'zzz': <true>},)"},
                {ERROR_ARGS, "*zzz*", "Stop", "({'zzz': <true>},)"},
                {ERROR_ARGS, "*timeout*", "Stop", "({'timeout': <'x'>},)"},
                {ERROR_ARGS, "*zzz*", "Remove", "({'zzz': <true>},)"},
                {ERROR_ARGS, "*zzz*", "Wait", "({'zzz': <true>},)"},
                {ERROR_ARGS, "*zzz*", "Commit", "('x', {'zzz': <true>})"},
                {ERROR_ARGS, "*image*", "Commit", "('Bad Name', @a{sv} {})"},
                {ERROR_ARGS, "*changes*", "Commit", "('x', {'changes': <['RUN x']>})"},
                {ERROR_MYDOCKER("ImageExists"), "*busybox*", "Commit", "('busybox', @a{sv} {})"},
                {ERROR_ARGS, "*zzz*", "OpenLogs", "({'zzz': <true>},)"},
                {"org.freedesktop.DBus.Error.UnknownMethod", NULL, "Nonsense", "()"},
                {ERROR_ARGS, NULL, "Start", "('wrong signature',)"},
        };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
                bus_refused(bus, cases[i].error, cases[i].message, path, cases[i].method,
                            cases[i].arguments);
        bus_check_property(path, "State", "'created'");
        container_remove(path);

        bus_refused(bus, "org.freedesktop.DBus.Error.UnknownObject", NULL, path, "Start",
                    "(@a{sv} {},)");
        bus_refused(bus, ERROR_MYDOCKER("NoSuchContainer"), "*nobody*", NULL, "GetContainer",
                    "('nobody',)");
        bus_refused(bus, ERROR_MYDOCKER("NoSuchContainer"), NULL, NULL, "GetContainer", "('',)");
        bus_refused(bus, ERROR_MYDOCKER("NoSuchImage"), "*nobody*", NULL, "GetImage",
                    "('nobody',)");
        bus_refused(bus, ERROR_ARGS, "*zzz*", NULL, "ListContainers", "({'zzz': <true>},)");
        bus_refused(bus, ERROR_ARGS, "*states*", NULL, "ListContainers",
                    "({'states': <['moon']>},)");
        bus_refused(bus, ERROR_ARGS, "*zzz*", NULL, "ListImages", "({'zzz': <true>},)");
}

/* And with them the one that counts. */
static int count_processes(const char *path) {
        g_autofree char *count = container_exec(path, "set -- /proc/[0-9]*; echo $#");

        return atoi(count);
}

static void test_wrong_execs(void) {
        g_autofree char *path = container_run(NULL, "sleep 1000");
        static const struct {
                const char *error, *message, *arguments;
        } cases[] = {
                {ERROR_MYDOCKER("CommandNotFound"), "*nonesuch*", "(['nonesuch'], @a{sv} {})"},
                {ERROR_MYDOCKER("NotExecutable"), "*/etc/passwd*", "(['/etc/passwd'], @a{sv} {})"},
                {ERROR_ARGS, "*command*", "(@as [], @a{sv} {})"},
                {ERROR_ARGS, "*zzz*", "(['true'], {'zzz': <true>})"},
                {ERROR_ARGS, "*workdir*", "(['true'], {'workdir': <'x'>})"},
                {ERROR_MYDOCKER("RuntimeFailed"), "*/none*", "(['true'], {'workdir': <'/none'>})"},
                {ERROR_MYDOCKER("RuntimeFailed"), "*bob*", "(['true'], {'user': <'bob'>})"},
        };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                bus_refused(bus, cases[i].error, cases[i].message, path, "Exec",
                            cases[i].arguments);
                bus_refused(bus, cases[i].error, cases[i].message, path, "ExecCollect",
                            cases[i].arguments);
        }
        bus_refused(bus, ERROR_LIMITS, NULL, path, "ExecCollect",
                    "(['sh', '-c', 'head -c 2000000 /dev/zero'], @a{sv} {})");
        g_free(container_exec(path, "head -c 1000000 /dev/zero > /dev/null"));
        /* None of them is left inside. */
        WAIT_UNTIL(count_processes(path) == 2); /* sleep, sh */
        container_remove(path);
}

static void test_image_in_use(void) {
        g_autofree char *image = image_import("busybox.tar", "used", NULL), *path = NULL;
        g_autoptr(GVariant) reply = bus_call(NULL, "Create", "('used', ['true'], @a{sv} {})");

        g_variant_get(reply, "(o)", &path);
        bus_refused(bus, ERROR_MYDOCKER("ImageInUse"), NULL, image, "Remove", "(@a{sv} {},)");
        bus_refused(bus, ERROR_MYDOCKER("NoSuchImage"), NULL, image, "Untag",
                    "('other', @a{sv} {})");
        bus_refused(bus, ERROR_MYDOCKER("ImageExists"), NULL, image, "Tag",
                    "('busybox', @a{sv} {})");
        bus_refused(bus, ERROR_ARGS, NULL, image, "Tag", "('Bad Name', @a{sv} {})");
        bus_refused(bus, ERROR_ARGS, "*format*", image, "Save", "({'format': <'zip'>},)");
        bus_check_property(image, "Names", "['used:latest']");
        container_remove(path);
        image_remove("used");
}

/* The supervisor dies: a typed error at worst, a new one at the next call, and containers do not notice. */
static void test_dead_supervisor(void) {
        g_autofree char *path =
                container_run("{'name': <'survivor'>}",
                              "trap 'exit 4' TERM; echo set; while :; do sleep 0.1; done");
        g_autofree char *other = NULL, *output = NULL;
        guint32 pid = bus_property_uint(path, "Pid");
        pid_t supervisor = supervisor_pid();
        gint64 end;

        container_wait_log(path, "set");
        supervisor_kill();
        end = g_get_monotonic_time() + HARNESS_PATIENCE_USEC;
        while (!other && g_get_monotonic_time() < end) {
                g_autoptr(GError) error = NULL;
                g_autoptr(GVariant) reply = bus_try(bus, NULL, NULL, &error, NULL, "Run",
                                                    "('busybox', ['sleep', '1000'], @a{sv} {})");

                if (reply)
                        g_variant_get(reply, "(o)", &other);
                else {
                        g_autofree char *name = g_dbus_error_get_remote_error(error);

                        g_assert_cmpstr(name, ==, ERROR_MYDOCKER("RuntimeFailed"));
                        g_usleep(50000);
                }
        }
        g_assert_nonnull(other);
        CHECK(supervisor_pid() != supervisor && supervisor_pid() != 0);

        bus_check_property(path, "State", "'running'");
        g_assert_cmpuint(bus_property_uint(path, "Pid"), ==, pid);
        g_assert_cmpint(kill(pid, 0), ==, 0);
        output = container_exec(path, "echo alive");
        check_text("exec in the survivor", output, "alive\n");
        g_variant_unref(bus_call(path, "Stop", "(@a{sv} {},)"));
        bus_check_property(path, "State", "'exited'");
        /* Its status is what the kernel says, or unknown; never invented. */
        if (!bus_property_matches(path, "ExitCode", "4"))
                bus_check_property(path, "ExitCode", "-1");
        container_remove(path);
        container_remove(other);
}

/* A caller that does not wait for its answer. */
static void test_vanishing_callers(void) {
        g_autofree char *here = g_get_current_dir();

        for (int i = 0; i < 20; i++) {
                g_autoptr(GDBusConnection) caller = bus_connect_as(0);

                g_dbus_connection_call(
                        caller, MANAGER_NAME, MANAGER_PATH, "org.mydocker.Manager", "Run",
                        g_variant_new_parsed("('busybox', ['true'], {'auto-remove': <true>})"),
                        NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
                g_assert_true(g_dbus_connection_flush_sync(caller, NULL, NULL));
                g_assert_true(g_dbus_connection_close_sync(caller, NULL, NULL));
        }
        bus_wait_property(NULL, "ContainersCount", "0");
        expect(0, NULL, NULL, "timeout -s KILL 0.05 mydocker run --rm busybox sleep 0.5 || true");
        /* A foreground run whose command is gone goes on without it, and is removed at its end. */
        bus_wait_property(NULL, "ContainersCount", "0");
}

/* What is no JSON, no archive, no call at all does not stop the daemon. */
static void test_rubbish(void) {
        pid_t pid = daemon_pid();
        g_autofree char *long_name = g_strnfill(100000, 'a');

        bus_refused(bus, ERROR_ARGS, NULL, NULL, "Run", "('busybox', ['true'], {'name': <%s>})",
                    long_name);
        bus_refused(bus, ERROR_ARGS, NULL, NULL, "Run", "('busybox', ['true'], {'workdir': <%s>})",
                    long_name);
        bus_refused(bus, ERROR_ARGS, NULL, NULL, "Run", "(%s, ['true'], @a{sv} {})", long_name);
        {
                GVariantBuilder builder;

                g_variant_builder_init(&builder, G_VARIANT_TYPE("as"));
                for (int i = 0; i < 100000; i++)
                        g_variant_builder_add(&builder, "s", "argument");
                bus_refused(bus, ERROR_ARGS, NULL, NULL, "Run", "('busybox', %@as, @a{sv} {})",
                            g_variant_builder_end(&builder));
        }
        g_assert_cmpint(daemon_pid(), ==, pid);
        bus_check_property(NULL, "ContainersCount", "0");
}

/* A message that quotes what it was given, wherever it cuts that off, is one that the bus takes: the call is
 * answered. */
static void test_cut_text(void) {
        static const char *const calls[][2] = {
                {"GetImage", "('%s',)"},
                {"GetContainer", "('%s',)"},
                {"ListImages", "({'%s': <true>},)"},
                {"ListContainers", "({'states': <['%s']>},)"},
                {"Import", "('%s', @a{sv} {})"},
                {"Run", "('%s', ['true'], @a{sv} {})"},
                {"Run", "('busybox', ['%s'], @a{sv} {})"},
                {"Run", "('busybox', ['true'], {'workdir': <'/bin/busybox/%s'>})"},
                {"Run", "('busybox', ['true'], {'user': <'%s'>})"},
                {"Run", "('busybox', ['true'], {'network': <'%s'>})"},
                {"Run", "('busybox', ['true'], {'cap-add': <['%s']>})"},
                {"Run", "('busybox', ['true'], {'volumes': <[('/dev/null/%s', '/x', '')]>})"},
        };

        for (guint i = 0; i < G_N_ELEMENTS(calls); i++)
                for (guint shift = 0; shift < 3; shift++) {
                        GString *text = g_string_new_len("aa", shift);
                        g_autofree char *name = NULL;
                        g_autoptr(GError) error = NULL;
                        g_auto(GStrv) parts = g_strsplit(calls[i][1], "%s", 2);

                        for (guint n = 0; n < 80; n++)
                                g_string_append(text, "€€€");
                        g_string_prepend(text, parts[0]);
                        g_string_append(text, parts[1]);
                        bus_try(bus, NULL, NULL, &error, NULL, calls[i][0], text->str);
                        name = error ? g_dbus_error_get_remote_error(error) : NULL;
                        if (!name || g_str_equal(name, "org.freedesktop.DBus.Error.NoReply"))
                                test_fails("%s%s: %s", calls[i][0], text->str,
                                           error ? error->message : "done");
                        g_string_free(text, TRUE);
                }
}

/* What no D-Bus string can hold does not come in by JSON: no object could be listed any more. */
static void test_noncharacters(void) {
        g_autoptr(GVariant) reply = NULL;

        expect(0, NULL, "",
               "mydocker import --change 'CMD [\"sleep\", \"\\ufffe\"]' busybox.tar odd");
        expect(0, NULL, "", "mydocker run -d --name odd odd");
        reply = g_dbus_connection_call_sync(
                bus, MANAGER_NAME, "/org/mydocker", "org.freedesktop.DBus.ObjectManager",
                "GetManagedObjects", NULL, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
        CHECK(reply);
        expect(0, "*odd*", "", "mydocker ps -a");
        expect(0, NULL, "", "mydocker rm -f odd");
        image_remove("odd");
}

static int children_of(pid_t pid) {
        g_autofree char *out = NULL;

        shell(&out, NULL, "pgrep -c -P %d mydocker-superv", pid);
        return atoi(out);
}

/* One that takes long to start is waited for. */
static void test_slow_supervisor(void) {
        g_autofree char *run = g_build_filename(sandbox_dir(), "run", NULL);
        int lock = open(run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        pid_t daemon = daemon_pid();
        gint64 end;
        int most = 0;

        g_assert_cmpint(lock, >=, 0);
        g_assert_cmpint(kill(daemon, SIGSTOP), ==, 0);
        supervisor_kill();
        WAIT_UNTIL(flock(lock, LOCK_EX | LOCK_NB) == 0);
        g_assert_cmpint(kill(daemon, SIGCONT), ==, 0);
        WAIT_UNTIL(children_of(daemon) > 0);
        end = g_get_monotonic_time() + 3 * G_USEC_PER_SEC / 2;
        while (g_get_monotonic_time() < end) {
                most = MAX(most, children_of(daemon));
                g_usleep(20000);
        }
        close(lock);
        g_assert_cmpint(most, <=, 1);
        WAIT_UNTIL(shell(NULL, NULL, "mydocker run --rm busybox true") == 0);
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        harness_add("/errors/wrong-runs", test_wrong_runs);
        harness_add("/errors/failed-starts", test_failed_starts);
        harness_add("/errors/names", test_names);
        harness_add("/errors/wrong-calls", test_wrong_calls);
        harness_add("/errors/wrong-execs", test_wrong_execs);
        harness_add("/errors/image-in-use", test_image_in_use);
        harness_add("/errors/vanishing-callers", test_vanishing_callers);
        harness_add("/errors/rubbish", test_rubbish);
        harness_add("/errors/cut-text", test_cut_text);
        harness_add("/errors/noncharacters", test_noncharacters);
        harness_add("/errors/dead-supervisor", test_dead_supervisor);
        harness_add("/errors/slow-supervisor", test_slow_supervisor);
        return harness_run();
}

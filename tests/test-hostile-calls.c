/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls every method that introspection shows, again and again, with hostile values: as nobody, as a user who may
 * run containers, and as root. Whatever is asked, an answer comes, with an error that has a name; the processes
 * stay the same, nothing is left behind, and who may nothing changes nothing.
 *
 * MYDOCKER_FUZZ_SEED repeats a run (the calls, not their timing); MYDOCKER_FUZZ_CALLS is how often each user calls. */

#include "hostile.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define USER_ID 1 /* "daemon": dbus-daemon wants users that exist */
#define NOBODY 65534

/* Calls at the same time. */
#define BATCH 8
/* How long a call may wait for others: a process that is to end, for instance. */
#define SHORT_WAIT (G_USEC_PER_SEC / 4)
#define OBJECTS_MAX 12

typedef struct Target {
        char *path;
        char *interface;
        char *method;
        char *signature; /* of the arguments */
} Target;

typedef struct Call {
        char *text;
        bool answered;
} Call;

static guint n_calls;
static GPtrArray *targets;
static GUnixFDList *archive; /* the other end of what a job reads from */

static void target_free(gpointer data) {
        Target *target = data;

        g_free(target->path);
        g_free(target->interface);
        g_free(target->method);
        g_free(target->signature);
        g_free(target);
}

static GVariant *call_standard(const char *path, const char *interface, const char *method) {
        return g_dbus_connection_call_sync(bus, MANAGER_NAME, path, interface, method, NULL, NULL,
                                           G_DBUS_CALL_FLAGS_NONE, HARNESS_PATIENCE * 1000, NULL,
                                           NULL);
}

static void add_methods(const char *path, GDBusInterfaceInfo *interface) {
        for (guint i = 0; interface->methods && interface->methods[i]; i++) {
                GDBusMethodInfo *method = interface->methods[i];
                GString *signature = g_string_new(NULL);
                Target *target = g_new0(Target, 1);

                for (guint n = 0; method->in_args && method->in_args[n]; n++)
                        g_string_append(signature, method->in_args[n]->signature);
                target->path = g_strdup(path);
                target->interface = g_strdup(interface->name);
                target->method = g_strdup(method->name);
                target->signature = g_string_free(signature, FALSE);
                g_ptr_array_add(targets, target);
        }
}

/* Goes through the tree of objects; one may vanish meanwhile. */
static void add_objects(const char *path, GPtrArray *paths) {
        g_autoptr(GVariant) reply =
                call_standard(path, "org.freedesktop.DBus.Introspectable", "Introspect");
        g_autoptr(GDBusNodeInfo) node = NULL;
        const char *xml;

        if (!reply)
                return;
        g_variant_get(reply, "(&s)", &xml);
        node = g_dbus_node_info_new_for_xml(xml, NULL);
        g_assert_nonnull(node);
        g_ptr_array_add(paths, g_strdup(path));
        for (guint i = 0; node->interfaces && node->interfaces[i]; i++)
                add_methods(path, node->interfaces[i]);
        for (guint i = 0; node->nodes && node->nodes[i]; i++) {
                g_autofree char *child = g_strdup_printf("%s/%s", path, node->nodes[i]->path);

                add_objects(child, paths);
        }
}

static void find_targets(void) {
        g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);

        g_ptr_array_set_size(targets, 0);
        add_objects("/org/mydocker", paths);
        g_assert_cmpuint(targets->len, >, 20);
        g_ptr_array_add(paths, g_strdup("/org/mydocker/containers/none"));
        hostile_set_paths(paths);
}

/* Of all methods each as often, however many objects have it. */
static const Target *choose_target(void) {
        const Target *like = targets->pdata[hostile_index(targets->len)];
        static const char *const interfaces[] = {
                "org.mydocker.Manager", "org.mydocker.Container", "org.mydocker.Image",
                "org.mydocker.Process", "org.mydocker.Job",
        };
        const char *interface = interfaces[hostile_index(G_N_ELEMENTS(interfaces))];

        if (hostile_chance(20))
                return like;
        for (guint n = 0; n < 200; n++) {
                like = targets->pdata[hostile_index(targets->len)];
                /* Waiting takes its time. */
                if (g_str_equal(like->interface, interface) &&
                    (!g_str_equal(like->method, "Wait") || hostile_chance(8)))
                        break;
        }
        return like;
}

/* An error that says nothing to a program is not good enough. */
static bool is_typed(const char *name) {
        static const char *const names[] = {
                "AccessDenied",
                "FileNotFound",
                "InteractiveAuthorizationRequired",
                "InvalidArgs",
                "LimitsExceeded",
                "NotSupported",
                "UnknownObject",
                "UnknownMethod",
                "UnknownInterface",
                "UnknownProperty",
                "PropertyReadOnly",
                "InvalidSignature",
                "InconsistentMessage",
                NULL,
        };
        const char *standard = "org.freedesktop.DBus.Error.";

        return g_str_has_prefix(name, "org.mydocker.Error.") ||
               (g_str_has_prefix(name, standard) &&
                g_strv_contains(names, name + strlen(standard)));
}

static void on_answer(GObject *source, GAsyncResult *result, gpointer data) {
        g_autoptr(GUnixFDList) fds = NULL;
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = NULL;
        g_autofree char *name = NULL;
        Call *call = data;

        reply = g_dbus_connection_call_with_unix_fd_list_finish(G_DBUS_CONNECTION(source), &fds,
                                                                result, &error);
        call->answered = true;
        name = error ? g_dbus_error_get_remote_error(error) : NULL;
        if (error && !is_typed(name ?: ""))
                test_fails("%s: %s", call->text, error->message);
}

static void begin_call(GDBusConnection *caller, Call *call) {
        const Target *target = choose_target();
        const Target *elsewhere =
                hostile_chance(40) ? targets->pdata[hostile_index(targets->len)] : target;
        g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
        g_autoptr(GVariant) arguments =
                g_variant_ref_sink(hostile_arguments(target->signature, fds));
        g_autofree char *printed =
                g_variant_get_size(arguments) < 3000 ? g_variant_print(arguments, TRUE) : NULL;

        call->answered = false;
        call->text = g_strdup_printf("%s %s.%s%s", elsewhere->path, target->interface,
                                     target->method, printed ?: "(much)");
        g_dbus_connection_call_with_unix_fd_list(
                caller, MANAGER_NAME, elsewhere->path, target->interface, target->method, arguments,
                NULL,
                hostile_chance(2) ? G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION :
                                    G_DBUS_CALL_FLAGS_NONE,
                4 * HARNESS_PATIENCE * 1000, fds, NULL, on_answer, call);
}

static bool all_answered(const Call *calls, gint64 patience) {
        gint64 end = g_get_monotonic_time() + patience;

        for (;;) {
                guint n = 0;

                while (n < BATCH && calls[n].answered)
                        n++;
                if (n == BATCH)
                        return true;
                if (g_get_monotonic_time() > end)
                        return false;
                if (!g_main_context_iteration(NULL, FALSE))
                        g_usleep(200);
        }
}

static void remove_containers(void) {
        g_autoptr(GVariant) reply = bus_call(NULL, "ListContainers", "(@a{sv} {},)");
        g_autoptr(GVariant) list = g_variant_get_child_value(reply, 0);

        for (gsize i = 0; i < g_variant_n_children(list); i++) {
                g_autoptr(GVariant) entry = g_variant_get_child_value(list, i);
                g_autoptr(GVariant) removed = NULL;
                const char *path;

                g_variant_get_child(entry, 0, "&o", &path);
                /* It may have been removed by a call of before. */
                removed = bus_try(bus, NULL, NULL, NULL, path, "Remove", "({'force': <true>},)");
        }
}

static void cancel_jobs(void) {
        for (guint i = 0; i < targets->len; i++) {
                const Target *target = targets->pdata[i];
                g_autoptr(GVariant) reply = NULL;

                if (g_str_equal(target->interface, "org.mydocker.Job"))
                        reply = bus_try(bus, NULL, NULL, NULL, target->path, "Cancel",
                                        "(@a{sv} {},)");
        }
        for (guint i = 0; i < targets->len; i++) {
                const Target *target = targets->pdata[i];

                if (g_str_equal(target->interface, "org.mydocker.Job"))
                        WAIT_UNTIL(!bus_property_matches(target->path, "State", "'running'"));
        }
}

static void remove_images(void) {
        g_autoptr(GVariant) reply = bus_call(NULL, "ListImages", "(@a{sv} {},)");
        g_autoptr(GVariant) list = g_variant_get_child_value(reply, 0);

        for (gsize i = 0; i < g_variant_n_children(list); i++) {
                g_autoptr(GVariant) entry = g_variant_get_child_value(list, i);
                const char *path;

                g_variant_get_child(entry, 0, "&o", &path);
                g_variant_unref(bus_call(path, "Remove", "(@a{sv} {},)"));
        }
}

/* What there is to call: a container, a process, and images. */
static void make_objects(GDBusConnection *owner) {
        g_autofree char *busybox = image_find("busybox"), *scratch = NULL, *path = NULL;
        g_autoptr(GVariant) run = NULL, exec = NULL, job = NULL;
        g_autoptr(GError) error = NULL;

        if (!busybox)
                g_free(image_import("busybox.tar", "busybox", NULL));
        scratch = image_find("scratch");
        if (!scratch)
                scratch = image_import("scratch.tar", "scratch", NULL);
        run = bus_try(owner, NULL, NULL, &error, NULL, "Run",
                      "('busybox', ['sh', '-c', 'trap exit TERM; sleep 1000 & wait'],"
                      " {'tty': <true>})");
        g_assert_no_error(error);
        g_variant_get(run, "(o)", &path);
        exec = bus_try(owner, NULL, NULL, NULL, path, "Exec", "(['sleep', '1000'], @a{sv} {})");
        g_assert_nonnull(exec);
        g_clear_object(&archive);
        job = bus_try(bus, NULL, &archive, NULL, NULL, "Import", "('', @a{sv} {})");
        g_assert_nonnull(job);
}

static guint n_starts;

/* With the containers all that a call may wait for ends. */
static void remove_all(void) {
        find_targets();
        cancel_jobs();
        remove_containers();
        g_clear_object(&archive);
        remove_images();
}

static void start_again(GDBusConnection *owner) {
        n_starts++;
        if (bus_property_uint(NULL, "ImagesCount") > OBJECTS_MAX) {
                remove_all();
        } else {
                find_targets();
                cancel_jobs();
                remove_containers();
        }
        make_objects(owner);
        find_targets();
}

/* One batch. Return: false when there was a call without an answer. */
static bool run_batch(GDBusConnection *caller, GDBusConnection *owner) {
        Call calls[BATCH];
        bool answered;

        for (guint i = 0; i < BATCH; i++)
                begin_call(caller, &calls[i]);
        answered = all_answered(calls, SHORT_WAIT);
        if (!answered) {
                start_again(owner);
                answered = all_answered(calls, HARNESS_PATIENCE_USEC);
        }
        for (guint i = 0; i < BATCH; i++) {
                if (!calls[i].answered)
                        test_fails("never answered: %s", calls[i].text);
                if (answered)
                        g_free(calls[i].text); /* else it may still be written to */
        }
        return answered;
}

static bool too_much_to_call(void) {
        return bus_property_uint(NULL, "ContainersCount") > OBJECTS_MAX ||
               bus_property_uint(NULL, "ImagesCount") > OBJECTS_MAX;
}

/* All containers and images, to be freed. */
static char *list_all(void) {
        g_autoptr(GVariant) containers = bus_call(NULL, "ListContainers", "(@a{sv} {},)");
        g_autoptr(GVariant) images = bus_call(NULL, "ListImages", "(@a{sv} {},)");
        g_autofree char *containers_text = g_variant_print(containers, FALSE);
        g_autofree char *images_text = g_variant_print(images, FALSE);

        return g_strconcat(containers_text, images_text, NULL);
}

static void check_lives(pid_t pid, const char *name) {
        g_autofree char *comm = read_file("/proc/%d/comm", pid);
        g_autofree char *exe = g_strdup_printf("/proc/%d/exe", pid);

        if (g_strcmp0(comm, name) != 0 || !g_file_test(exe, G_FILE_TEST_EXISTS))
                test_fails("process %d, %s, has ended", pid, name);
}

/* Calls for a while. `owner` has made the objects; if it is not the caller, the caller may change nothing. */
static void fuzz(GDBusConnection *caller, GDBusConnection *owner) {
        pid_t daemon = daemon_pid(), supervisor = supervisor_pid();
        g_autofree char *before = NULL;

        start_again(owner);
        before = list_all();
        for (guint n = 1; n <= n_calls / BATCH; n++) {
                guint starts = n_starts;

                if (!run_batch(caller, owner))
                        break;
                if (caller != owner && starts == n_starts) {
                        g_autofree char *after = list_all();

                        if (!g_str_equal(before, after))
                                test_fails("%s\nhas become\n%s", before, after);
                }
                if (too_much_to_call() || n % 50 == 0)
                        start_again(owner);
                else if (n % 10 == 0)
                        find_targets();
                if (starts != n_starts) {
                        g_free(before);
                        before = list_all();
                }
        }
        remove_all();
        check_lives(daemon, "mydockerd\n");
        check_lives(supervisor, "mydocker-superv\n");
        expect(0, "*", "", "mydocker ps -a");
}

static bool may_run(GDBusConnection *user) {
        g_autoptr(GVariant) reply = bus_try(user, NULL, NULL, NULL, NULL, "GetPermissions", "()");
        g_autofree char *text = g_variant_print(reply, FALSE);

        return strstr(text, "'org.mydocker.container.run': 'yes'");
}

static void test_nobody(void) {
        g_autoptr(GDBusConnection) nobody = bus_connect_as(NOBODY);

        fuzz(nobody, bus);
}

static void test_user(void) {
        g_autofree char *path = g_build_filename(sandbox_dir(), "rules/50-fuzz.rules", NULL);
        g_autoptr(GDBusConnection) user = bus_connect_as(USER_ID);
        const char *text = "polkit.addRule(function(action, subject) {\n"
                           "        if (action.id == 'org.mydocker.container.run')\n"
                           "                return polkit.Result.YES;\n"
                           "});\n";

        g_assert_true(g_file_set_contents(path, text, -1, NULL));
        WAIT_UNTIL(may_run(user));
        fuzz(user, user);
        g_assert_cmpint(g_unlink(path), ==, 0);
        WAIT_UNTIL(!may_run(user));
}

static void test_root(void) {
        fuzz(bus, bus);
}

int main(int argc, char *argv[]) {
        const char *seed = g_getenv("MYDOCKER_FUZZ_SEED");
        const char *calls = g_getenv("MYDOCKER_FUZZ_CALLS");
        int r;

        harness_init(&argc, &argv);
        n_calls = calls ? strtoul(calls, NULL, 10) : 400;
        printf("# MYDOCKER_FUZZ_SEED=%s MYDOCKER_FUZZ_CALLS=%u\n", seed ?: "1", n_calls);
        hostile_init(seed ? strtoul(seed, NULL, 10) : 1, g_getenv("MYDOCKER_TEST_INTERFACES"));
        targets = g_ptr_array_new_with_free_func(target_free);
        expect(0, "", "", "mkdir shared && echo small > shared/file && tar -cf scratch.tar shared");
        image_remove("busybox"); /* it is removed in the tests, too */
        harness_add("/hostile-calls/nobody", test_nobody);
        harness_add("/hostile-calls/user", test_user);
        harness_add("/hostile-calls/root", test_root);
        r = harness_run();
        g_ptr_array_unref(targets);
        hostile_done();
        return r;
}

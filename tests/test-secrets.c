/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What containers are given and what they say is their owner's: nobody else finds it in a property or a signal. */

#include "harness.h"

#include <string.h>

#define NOBODY 65534
/* In the environment; in the output; in that of a process that Exec began. Spelled so that no command shows them. */
#define ENVIRONMENT "hunter-2"
#define OUTPUT "hunter--2"
#define EXEC "hunter---2"

/* All that nobody can see. */
static GString *seen;
static guint n_signals;

static void see(const char *what, GVariant *value) {
        g_autofree char *text = g_variant_print(value, FALSE);

        g_string_append_printf(seen, "%s %s\n", what, text);
}

static void on_signal(GDBusConnection *connection, const char *sender, const char *path,
                      const char *interface, const char *signal, GVariant *parameters,
                      gpointer userdata) {
        see(signal, parameters);
        n_signals++;
}

static void see_reply(GDBusConnection *caller, const char *path, const char *interface,
                      const char *method, const char *arguments) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
                caller, MANAGER_NAME, path, interface, method, g_variant_new_parsed(arguments),
                NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);

        if (reply)
                see(method, reply);
        else
                test_fails("%s: %s", method, error->message);
}

/* Dispatches what has come. */
static void settle(void) {
        while (g_main_context_iteration(NULL, FALSE))
                ;
}

static void see_everything(GDBusConnection *caller, const char *container) {
        g_autofree char *image = image_find("committed");

        see_reply(caller, "/org/mydocker", "org.freedesktop.DBus.ObjectManager",
                  "GetManagedObjects", "()");
        see_reply(caller, container, "org.freedesktop.DBus.Introspectable", "Introspect", "()");
        see_reply(caller, MANAGER_PATH, "org.mydocker.Manager", "ListContainers", "(@a{sv} {},)");
        see_reply(caller, container, "org.mydocker.Container", "GetStats", "(@a{sv} {},)");
        if (!image)
                return;
        see_reply(caller, image, "org.mydocker.Image", "GetConfig", "(@a{sv} {},)");
        see_reply(caller, image, "org.mydocker.Image", "GetHistory", "(@a{sv} {},)");
}

static void check_committed(const char *container, const char *change, const char *config) {
        g_autofree char *job = NULL, *error = NULL, *image = NULL, *text = NULL;
        g_autoptr(GVariant) reply = NULL, result = NULL, told = NULL;
        const char *changes[] = {change, NULL};

        reply = bus_call(container, "Commit", "('committed', {'changes': <%^as>})", changes);
        g_variant_get(reply, "(o)", &job);
        result = job_finish(job, &error);
        g_assert_nonnull(result);
        image = image_find("committed");
        told = bus_call(image, "GetConfig", "(@a{sv} {},)");
        g_variant_get(told, "(s)", &text);
        check_text("the image's configuration", text, config);
}

static void test_secrets(void) {
        g_autoptr(GDBusConnection) nobody = bus_connect_as(NOBODY);
        g_autofree char *path = NULL, *log = NULL;
        g_autoptr(GVariant) reply = NULL;
        guint subscription;

        seen = g_string_new(NULL);
        subscription =
                g_dbus_connection_signal_subscribe(nobody, MANAGER_NAME, NULL, NULL, NULL, NULL,
                                                   G_DBUS_SIGNAL_FLAGS_NONE, on_signal, NULL, NULL);

        path = container_run("{'name': <'web'>, 'env': <['SECRET=" ENVIRONMENT "']>}",
                             "echo hunter--$((1 + 1)); sleep 1000");
        WAIT_UNTIL((g_free(log), log = container_log(path), strstr(log, OUTPUT)));
        reply = bus_call(path, "Exec",
                         "(['sh', '-c', 'echo hunter---$((1 + 1)); sleep 1000'],"
                         " {'env': <['SECRET=" ENVIRONMENT "']>})");
        g_variant_unref(bus_call(path, "ExecCollect",
                                 "(['sh', '-c', 'echo hunter---$((1 + 1))'],"
                                 " {'env': <['SECRET=" ENVIRONMENT "']>})"));
        see_everything(nobody, path);

        /* An image has what its container has been given, and anybody may read that, unless it is replaced. */
        check_committed(path, NULL, "*SECRET=" ENVIRONMENT "*");
        image_remove("committed");
        check_committed(path, "ENV SECRET=none", "*SECRET=none*");
        g_variant_unref(bus_call(path, "Pause", "(@a{sv} {},)"));
        g_variant_unref(bus_call(path, "Resume", "(@a{sv} {},)"));
        g_variant_unref(bus_call(path, "Rename", "('db', @a{sv} {})"));
        g_variant_unref(bus_call(path, "Restart", "({'timeout': <uint32 0>},)"));
        see_everything(nobody, path);
        bus_refused(bus, ERROR_MYDOCKER("CommandNotFound"), NULL, NULL, "Run",
                    "('busybox', ['/none'], {'env': <['SECRET=" ENVIRONMENT "']>})");
        container_remove(path);
        image_remove("committed");

        WAIT_UNTIL((settle(), strstr(seen->str, "InterfacesRemoved")));
        CHECK(n_signals > 5);
        CHECK(strstr(seen->str, "'web'") && strstr(seen->str, "'db'"));
        CHECK(!strstr(seen->str, ENVIRONMENT));
        CHECK(!strstr(seen->str, OUTPUT));
        CHECK(!strstr(seen->str, EXEC));
        g_dbus_connection_signal_unsubscribe(nobody, subscription);
        settle();
        g_string_free(seen, TRUE);
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        harness_add("/secrets/environment-and-output", test_secrets);
        return harness_run();
}

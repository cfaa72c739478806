/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "attack.h"

#include <fcntl.h>
#include <unistd.h>

#define ACTION_RUN "org.mydocker.container.run"

/* The harness removes 50-* after a failed test. */
#define RULE_RUN "40-run.rules"
#define RULE_MORE "50-more.rules"

GDBusConnection *nobody, *somebody;

void attack_init(int *argc, char ***argv) {
        harness_init(argc, argv);
        nobody = bus_connect_as(NOBODY);
        somebody = bus_connect_as(SOMEBODY);
        rule_write(RULE_RUN, "action.id == '" ACTION_RUN "'");
        WAIT_UNTIL(permission_is(nobody, ACTION_RUN, "yes"));
}

int attack_run(void) {
        int r = harness_run();

        rule_remove(RULE_RUN);
        g_object_unref(nobody);
        g_object_unref(somebody);
        return r;
}

void attack_allow(const char *condition, const char *action_name) {
        rule_write(RULE_MORE, condition);
        if (action_name)
                WAIT_UNTIL(permission_is(nobody, action_name, "yes"));
}

void attack_forbid(const char *action_name) {
        rule_remove(RULE_MORE);
        if (action_name)
                WAIT_UNTIL(permission_is(nobody, action_name, "auth"));
}

char *attack_run_container(GDBusConnection *caller, GUnixFDList *fds, const char *options,
                           const char *command, GError **error) {
        g_autoptr(GVariant) reply = bus_try(caller, fds, NULL, error, NULL, "Run",
                                            "('busybox', ['sh', '-c', %s], %@a{sv})", command,
                                            g_variant_new_parsed(options ?: "@a{sv} {}"));
        char *path = NULL;

        if (reply)
                g_variant_get(reply, "(o)", &path);
        return path;
}

bool attack_call(GDBusConnection *caller, const char *path, const char *method, GError **error) {
        g_autoptr(GVariant) reply =
                bus_try(caller, NULL, NULL, error, path, method, "(@a{sv} {},)");

        return reply;
}

char *attack_exec(GDBusConnection *caller, const char *path, const char *command) {
        g_autoptr(GVariant) reply = NULL, out = NULL, err = NULL;
        g_autoptr(GError) error = NULL;
        int status;

        reply = bus_try(caller, NULL, NULL, &error, path, "ExecCollect",
                        "(['sh', '-c', %s], @a{sv} {})", command);
        if (!reply) {
                test_fails("“%s”: %s", command, error->message);
                return g_strdup("");
        }
        g_variant_get(reply, "(i@ay@ay)", &status, &out, &err);
        return g_strndup(g_variant_get_data(out) ?: "", g_variant_get_size(out));
}

void attack_remove(GDBusConnection *caller, const char *path) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply =
                bus_try(caller, NULL, NULL, &error, path, "Remove", "({'force': <true>},)");

        if (error)
                test_fails("Remove: %s", error->message);
}

GUnixFDList *attack_open(const char *path, int flags) {
        GUnixFDList *fds = g_unix_fd_list_new();
        int fd = open(path, flags | O_CLOEXEC);

        g_assert_cmpint(fd, >=, 0);
        g_unix_fd_list_append(fds, fd, NULL);
        close(fd);
        return fds;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rules for the sandbox's polkitd, and what they allow. */

#include "harness.h"

#include <glib/gstdio.h>

#define RULE "50-test.rules"

static void write_text(const char *name, const char *text) {
        g_autofree char *path = g_build_filename(sandbox_dir(), "rules", name, NULL);

        g_assert_true(g_file_set_contents(path, text, -1, NULL));
        g_assert_cmpint(g_chmod(path, 0644), ==, 0);
}

void rule_write(const char *name, const char *condition) {
        g_autofree char *text = g_strdup_printf("polkit.addRule(function(action, subject) {\n"
                                                "        if (%s) return polkit.Result.YES;\n"
                                                "});\n",
                                                condition);

        write_text(name, text);
}

void rule_remove(const char *name) {
        g_autofree char *path = g_build_filename(sandbox_dir(), "rules", name, NULL);

        g_assert_cmpint(g_unlink(path), ==, 0);
}

void rule_set(const char *condition) {
        rule_write(RULE, condition);
}

void rule_set_text(const char *text) {
        write_text(RULE, text);
}

void rule_clear(void) {
        rule_remove(RULE);
}

bool permission_is(GDBusConnection *caller, const char *action, const char *expected) {
        g_autoptr(GVariant) reply = bus_try(caller, NULL, NULL, NULL, NULL, "GetPermissions", "()");
        g_autoptr(GVariant) permissions = NULL;
        const char *actual = NULL;

        if (!reply)
                return false;
        permissions = g_variant_get_child_value(reply, 0);
        return g_variant_lookup(permissions, action, "&s", &actual) &&
               g_str_equal(actual, expected);
}

bool is_denied(GDBusConnection *caller, const char *path, const char *method,
               const char *arguments) {
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;
        g_autofree char *name = NULL;

        reply = bus_try(caller, NULL, NULL, &error, path, method, arguments);
        if (!error)
                return false;
        name = g_dbus_error_get_remote_error(error);
        if (g_str_equal(name, ERROR_ACCESS) || g_str_equal(name, ERROR_INTERACTIVE))
                return true;
        g_test_message("%s: %s", method, error->message);
        return false;
}

void check_denied(GDBusConnection *caller, const char *path, const char *method,
                  const char *arguments) {
        if (!is_denied(caller, path, method, arguments))
                test_fails("%s was not denied", method);
}

void check_allowed(GDBusConnection *caller, const char *path, const char *method,
                   const char *arguments) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = bus_try(caller, NULL, NULL, &error, path, method, arguments);

        if (error)
                test_fails("%s%s: %s", method, arguments, error->message);
}

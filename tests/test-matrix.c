/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who may call what: each method of interfaces/, for root, the owner, another user and nobody, without a rule for
 * it, with rules that look for a wrong detail, and with a rule that allows just what the documentation says. */

#include "matrix.h"

#include <glib/gstdio.h>
#include <string.h>

/* The rules are about these two users; "nobody" is refused whatever they allow. */
#define RULED "(subject.user == 'daemon' || subject.user == 'bin')"

/* Whether polkitd has read the rules with this number. */
static bool rules_are_in_force(guint number) {
        g_autofree char *phase = g_strdup_printf("%u", number);
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;
        gboolean authorized;
        GVariantBuilder subject, details;

        g_variant_builder_init(&subject, G_VARIANT_TYPE("a{sv}"));
        g_variant_builder_add(
                &subject, "{sv}", "name",
                g_variant_new_string(g_dbus_connection_get_unique_name(users[NOBODY])));
        g_variant_builder_init(&details, G_VARIANT_TYPE("a{ss}"));
        g_variant_builder_add(&details, "{ss}", "phase", phase);
        reply = g_dbus_connection_call_sync(
                bus, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization",
                g_variant_new("((sa{sv})sa{ss}us)", "system-bus-name", &subject,
                              "org.mydocker.container.run", &details, 0, ""),
                NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
        g_assert_no_error(error);
        g_variant_get(reply, "((bba{ss}))", &authorized, NULL, NULL);
        return authorized;
}

static char *rules_path(guint number) {
        return g_strdup_printf("%s/rules/50-matrix-%u.rules", sandbox_dir(), number);
}

static guint rules_number;

static void clear_rules(void) {
        g_autofree char *path = rules_path(rules_number);

        g_assert_cmpint(g_unlink(path), ==, 0);
}

/* Gives polkitd conditions, in a new file each time since it would wait a second before it reads one that
 * changes, and waits until they count. */
static void set_rules(const char *conditions) {
        g_autofree char *path = rules_path(rules_number + 1), *old = rules_path(rules_number);
        g_autofree char *text = NULL;

        text = g_strdup_printf("polkit.addRule(function(action, subject) {\n"
                               "        if (action.lookup('phase') == '%u' ||\n"
                               "            " SCENE_RULE "%s)\n"
                               "                return polkit.Result.YES;\n"
                               "});\n",
                               ++rules_number, conditions);
        g_unlink(old); /* there is none at the beginning of a test */
        g_assert_true(g_file_set_contents(path, text, -1, NULL));
        WAIT_UNTIL(rules_are_in_force(rules_number));
}

/* Adds a condition that holds for the row's calls; with a number, for what they would be with that detail another
 * one than it is. */
static void add_condition(GString *conditions, const Row *row, char *const *details, int wrong) {
        g_string_append_printf(conditions, " ||\n            " RULED " && (");
        for (guint i = 0;; i++) {
                g_auto(GStrv) needs = g_strsplit(row->needs, " ", -1);

                if (!needs[i])
                        break;
                g_string_append_printf(conditions, "%saction.id == 'org.mydocker.%s'",
                                       i > 0 ? " || " : "", needs[i]);
        }
        g_string_append_c(conditions, ')');
        for (int i = 0; details[i]; i++) {
                g_auto(GStrv) pair = g_strsplit(details[i], "=", 2);

                g_string_append_printf(conditions, " && action.lookup('%s') == '%s%s'", pair[0],
                                       i == wrong ? "not-" : "", pair[1]);
        }
}

static bool error_is_denial(const GError *error) {
        g_autofree char *name = error ? g_dbus_error_get_remote_error(error) : NULL;

        return name && (g_str_equal(name, ERROR_ACCESS) || g_str_equal(name, ERROR_INTERACTIVE));
}

/* One cell of the matrix. */
static void check_cell(const Row *row, User user, const char *rule, bool allowed) {
        g_autofree char *before = NULL, *after = NULL, *state = NULL;
        g_autoptr(GUnixFDList) fds = NULL;
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;

        scene_before(row);
        state = scene_state(row);
        before = allowed ? NULL : scene_fingerprint();
        reply = scene_call(row, user, &fds, &error);
        if (allowed && !reply) {
                test_fails("%s%s by %s, %s: %s", row->method, row->arguments, user_names[user],
                           rule, error->message);
        } else if (!allowed && !error_is_denial(error)) {
                test_fails("%s%s by %s, %s: not denied but %s", row->method, row->arguments,
                           user_names[user], rule, error ? error->message : "done");
        } else if (scene_shows(row, state, reply, fds) != allowed) {
                test_fails("%s%s by %s, %s: %s", row->method, row->arguments, user_names[user],
                           rule, allowed ? "had no effect" : "was denied and took effect");
        } else if (!allowed) {
                after = scene_fingerprint();
                if (!g_str_equal(before, after))
                        test_fails("%s%s by %s, %s: was denied and changed\n%s\nto\n%s",
                                   row->method, row->arguments, user_names[user], rule, before,
                                   after);
        }
        /* A job that reads from one of them ends now. */
        g_clear_object(&fds);
        if (allowed || row->before || g_test_failed())
                scene_restore();
}

/* Without a rule for it. */
static bool is_free(const Row *row, User user) {
        return user == ROOT || !*row->needs || (row->owner && user == OWNER);
}

static void test_without_rule(void) {
        set_rules("");
        scene_restore();
        for (guint i = 0; i < matrix_length; i++)
                for (User user = 0; user < N_USERS; user++)
                        check_cell(&matrix[i], user, "without a rule", is_free(&matrix[i], user));
        scene_remove();
        clear_rules();
}

/* For each detail of each method a rule in which only this one is wrong. */
static void test_wrong_detail(void) {
        g_autoptr(GString) conditions = g_string_new(NULL);

        set_rules("");
        scene_restore();
        for (guint i = 0; i < matrix_length; i++) {
                g_auto(GStrv) details = scene_details(&matrix[i]);

                for (guint n = 0; *matrix[i].needs && details[n]; n++)
                        add_condition(conditions, &matrix[i], details, n);
        }
        set_rules(conditions->str);
        for (guint i = 0; i < matrix_length; i++)
                for (User user = OWNER; user < N_USERS; user++)
                        if (!is_free(&matrix[i], user))
                                check_cell(&matrix[i], user, "with a wrong detail in the rule",
                                           false);
        scene_remove();
        clear_rules();
}

/* Whether all that `row` needs is among what `like` needs. */
static bool needs_no_more(const Row *row, const Row *like) {
        g_auto(GStrv) needs = g_strsplit(row->needs, " ", -1);
        g_auto(GStrv) allowed = g_strsplit(like->needs, " ", -1);

        for (char **need = needs; *need; need++)
                if (!g_strv_contains((const char *const *)allowed, *need))
                        return false;
        return true;
}

/* A rule for just this call, all details right. Made again when an object has been replaced. */
static void set_rule_for(const Row *row) {
        g_autoptr(GString) condition = g_string_new(NULL);
        g_auto(GStrv) details = scene_details(row);

        add_condition(condition, row, details, -1);
        set_rules(condition->str);
}

/* That this rule is enough for the two users, and that what it allows is enough for no method that needs another
 * action: so each method asks for just the actions that it names, and for all of them. */
static void check_rule(const Row *row, bool first) {
        g_autofree char *rule = g_strdup_printf("with a rule for %s", row->method);

        set_rule_for(row);
        check_cell(row, NOBODY, rule, false);
        for (guint i = 0; first && i < matrix_length; i++)
                if (!is_free(&matrix[i], OTHER) && !needs_no_more(&matrix[i], row))
                        check_cell(&matrix[i], OTHER, rule, false);
        check_cell(row, OWNER, rule, true);
        set_rule_for(row);
        check_cell(row, OTHER, rule, true);
}

static void test_rule(void) {
        g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

        set_rules("");
        scene_restore();
        for (guint i = 0; i < matrix_length; i++)
                if (*matrix[i].needs)
                        check_rule(&matrix[i], g_hash_table_add(seen, (gpointer)matrix[i].needs));
        scene_remove();
        clear_rules();
}

/* What the XML says of a method: its paragraph "Authorization:". Return: to be freed; NULL if there is none. */
static char *documented_authorization(const char *xml, const char *method) {
        g_autofree char *start = g_strdup_printf("\n        %s:\n", method), *text = NULL;
        const char *found = strstr(xml, start), *end = found ? strstr(found, "-->") : NULL;
        g_auto(GStrv) parts = NULL;
        char *paragraph;

        if (!end)
                return NULL;
        text = g_strndup(found, end - found);
        paragraph = strstr(text, "Authorization:");
        if (!paragraph)
                return NULL;
        parts = g_strsplit(paragraph + strlen("Authorization:"), "\n\n", 2);
        g_strstrip(parts[0]);
        if (g_str_has_prefix(parts[0], "As ")) {
                g_autofree char *other = g_strndup(parts[0] + 3, strcspn(parts[0] + 3, "."));

                return documented_authorization(xml, other);
        }
        return g_strdup(parts[0]);
}

/* The documented actions and those that the method's rows need are the same, and the owner is named if it need
 * not ask. */
static void check_documentation(const char *xml, const char *method, const char *member) {
        g_autofree char *documented = documented_authorization(xml, member);
        g_autoptr(GHashTable) needs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_autoptr(GRegex) action =
                g_regex_new("org\\.mydocker\\.([a-z]+\\.[a-z]+(-[a-z]+)*)", 0, 0, NULL);
        g_autoptr(GMatchInfo) match = NULL;
        bool owner = false, documented_owner;
        GHashTableIter iter;
        gpointer need;

        if (!documented) {
                test_fails("%s says nothing about authorization", method);
                return;
        }
        for (guint i = 0; i < matrix_length; i++) {
                g_auto(GStrv) words = g_strsplit(matrix[i].needs, " ", -1);

                if (!g_str_equal(matrix[i].method, method))
                        continue;
                owner |= matrix[i].owner;
                for (char **word = words; *word; word++)
                        g_hash_table_add(needs, g_strdup(*word));
        }
        for (g_regex_match(action, documented, 0, &match); g_match_info_matches(match);
             g_match_info_next(match, NULL)) {
                g_autofree char *name = g_match_info_fetch(match, 1);

                if (!g_hash_table_contains(needs, name))
                        test_fails("%s: documented is %s, but no row needs it", method, name);
                g_hash_table_replace(needs, g_steal_pointer(&name), GINT_TO_POINTER(1));
        }
        g_hash_table_iter_init(&iter, needs);
        for (gpointer seen; g_hash_table_iter_next(&iter, &need, &seen);)
                if (seen != GINT_TO_POINTER(1))
                        test_fails("%s: needs %s, which is not documented", method, (char *)need);
        documented_owner = g_str_has_prefix(documented, "owner") ||
                           strstr(documented, "the user that began it");
        if (owner != documented_owner)
                test_fails("%s: the owner may %s", method,
                           owner ? "and this is not documented" : "not, other than documented");
}

static void check_interface(const char *name, GHashTable *methods) {
        g_autofree char *xml = read_file("%s/%s", g_getenv("MYDOCKER_TEST_INTERFACES"), name);
        g_autoptr(GDBusNodeInfo) node = NULL;
        g_autoptr(GError) error = NULL;

        g_assert_nonnull(xml);
        node = g_dbus_node_info_new_for_xml(xml, &error);
        g_assert_no_error(error);
        for (guint i = 0; node->interfaces[i]; i++) {
                GDBusInterfaceInfo *interface = node->interfaces[i];

                for (guint n = 0; interface->methods[n]; n++) {
                        const char *member = interface->methods[n]->name;
                        char *method = g_strdup_printf(
                                "%s.%s", interface->name + strlen("org.mydocker."), member);
                        guint row = 0;

                        g_hash_table_add(methods, method);
                        while (row < matrix_length && !g_str_equal(matrix[row].method, method))
                                row++;
                        if (row == matrix_length)
                                test_fails("%s has no row in tests/matrix-rows.c: who may call it?",
                                           method);
                        else
                                check_documentation(xml, method, member);
                }
        }
}

/* Each method has a row, each row has its method, and the documentation says the same as the rows. */
static void test_rows(void) {
        g_autoptr(GHashTable) methods =
                g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_autoptr(GDir) dir = g_dir_open(g_getenv("MYDOCKER_TEST_INTERFACES"), 0, NULL);

        g_assert_nonnull(dir);
        for (const char *name; (name = g_dir_read_name(dir));)
                if (g_str_has_suffix(name, ".xml"))
                        check_interface(name, methods);
        for (guint i = 0; i < matrix_length; i++)
                if (!g_hash_table_contains(methods, matrix[i].method))
                        test_fails("%s has a row and is not in interfaces/", matrix[i].method);
        CHECK(g_hash_table_size(methods) >= 40);
}

static GVariant *call_standard(const char *path, const char *interface, const char *method,
                               GVariant *arguments, GError **error) {
        return g_dbus_connection_call_sync(users[NOBODY], MANAGER_NAME, path, interface, method,
                                           arguments, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                                           error);
}

/* A job that has ended goes away at some time, also while we look at it. */
static gboolean is_gone(const char *path, const GError *error) {
        return strstr(path, "/jobs/") &&
               g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT);
}

/* Reads each property by itself and all at once, and tries to set it. */
static void check_properties(const char *path, GDBusInterfaceInfo *interface) {
        g_autoptr(GError) failure = NULL;
        g_autoptr(GVariant) all = call_standard(path, "org.freedesktop.DBus.Properties", "GetAll",
                                                g_variant_new("(s)", interface->name), &failure);

        if (is_gone(path, failure))
                return;
        if (!all)
                test_fails("%s: GetAll: %s", path, failure->message);
        for (guint i = 0; interface->properties && interface->properties[i]; i++) {
                const char *name = interface->properties[i]->name;
                g_autoptr(GError) error = NULL, refused = NULL;
                g_autofree char *refusal = NULL;
                g_autoptr(GVariant) value = NULL, reply = NULL, set = NULL;

                reply = call_standard(path, "org.freedesktop.DBus.Properties", "Get",
                                      g_variant_new("(ss)", interface->name, name), &error);
                if (is_gone(path, error))
                        return;
                if (!reply) {
                        test_fails("%s: Get %s: %s", path, name, error->message);
                        continue;
                }
                value = g_variant_get_child_value(reply, 0);
                set = call_standard(path, "org.freedesktop.DBus.Properties", "Set",
                                    g_variant_new("(ss@v)", interface->name, name, value),
                                    &refused);
                if (is_gone(path, refused))
                        return;
                refusal = refused ? g_dbus_error_get_remote_error(refused) : NULL;
                if (g_strcmp0(refusal, "org.freedesktop.DBus.Error.PropertyReadOnly") != 0)
                        test_fails("%s: Set %s: %s", path, name, refusal ?: "done");
        }
}

/* Goes through an object and all below it, as introspection gives them. Return: their number. */
static guint check_public(const char *path) {
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GDBusNodeInfo) node = NULL;
        g_autoptr(GError) error = NULL;
        const char *xml;
        guint n = 0;

        reply = call_standard(path, "org.freedesktop.DBus.Introspectable", "Introspect", NULL,
                              &error);
        if (is_gone(path, error))
                return 0;
        if (!reply) {
                test_fails("%s: Introspect: %s", path, error->message);
                return 0;
        }
        g_variant_get(reply, "(&s)", &xml);
        node = g_dbus_node_info_new_for_xml(xml, &error);
        g_assert_no_error(error);
        for (guint i = 0; node->interfaces && node->interfaces[i]; i++)
                if (g_str_has_prefix(node->interfaces[i]->name, "org.mydocker.")) {
                        check_properties(path, node->interfaces[i]);
                        n++;
                }
        for (guint i = 0; node->nodes && node->nodes[i]; i++) {
                g_autofree char *child = g_strdup_printf("%s/%s", path, node->nodes[i]->path);

                n += check_public(child);
        }
        return n;
}

/* What all may see and nobody may set; a secret is not in it. */
static void test_properties(void) {
        g_autoptr(GVariant) objects = NULL;
        g_autoptr(GError) error = NULL;
        g_autofree char *text = NULL;

        set_rules("");
        scene_restore();
        /* The manager, a container, a process, two images, a job. */
        CHECK(check_public("/org/mydocker") >= 6);
        objects = call_standard("/org/mydocker", "org.freedesktop.DBus.ObjectManager",
                                "GetManagedObjects", NULL, &error);
        g_assert_no_error(error);
        text = g_variant_print(objects, FALSE);
        CHECK(strstr(text, "'matrix'") && strstr(text, "'scratch:latest'"));
        CHECK(!strstr(text, "SECRET"));
        scene_remove();
        clear_rules();
}

int main(int argc, char *argv[]) {
        int r;

        harness_init(&argc, &argv);
        scene_users_connect();
        expect(0, "", "", "mkdir small && echo small > small/file && tar -cf scratch.tar small");
        harness_add("/matrix/rows", test_rows);
        harness_add("/matrix/without-rule", test_without_rule);
        harness_add("/matrix/wrong-detail", test_wrong_detail);
        harness_add("/matrix/rule", test_rule);
        harness_add("/matrix/properties", test_properties);
        r = harness_run();
        scene_users_disconnect();
        return r;
}

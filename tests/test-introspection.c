/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the daemon says of itself is what interfaces/ documents: every member, argument, type and annotation. */

#include "harness.h"

#include <string.h>

static int compare(gconstpointer a, gconstpointer b) {
        return strcmp(*(char **)a, *(char **)b);
}

static void add_args(GPtrArray *lines, const char *member, const char *direction,
                     GDBusArgInfo **args) {
        for (guint i = 0; args && args[i]; i++)
                g_ptr_array_add(lines,
                                g_strdup_printf("%s: %s argument %u: %s %s", member, direction, i,
                                                args[i]->signature, args[i]->name ?: "(no name)"));
}

static void add_annotations(GPtrArray *lines, const char *member,
                            GDBusAnnotationInfo **annotations) {
        for (guint i = 0; annotations && annotations[i]; i++)
                g_ptr_array_add(lines, g_strdup_printf("%s: %s=%s", member, annotations[i]->key,
                                                       annotations[i]->value));
}

/* An interface as sorted lines, one for each thing that could differ. */
static char **describe(GDBusInterfaceInfo *interface) {
        GPtrArray *lines = g_ptr_array_new();

        add_annotations(lines, "interface", interface->annotations);
        for (guint i = 0; interface->methods && interface->methods[i]; i++) {
                GDBusMethodInfo *method = interface->methods[i];
                g_autofree char *name = g_strconcat("method ", method->name, NULL);

                g_ptr_array_add(lines, g_strdup(name));
                add_args(lines, name, "in", method->in_args);
                add_args(lines, name, "out", method->out_args);
                add_annotations(lines, name, method->annotations);
        }
        for (guint i = 0; interface->signals && interface->signals[i]; i++) {
                g_autofree char *name = g_strconcat("signal ", interface->signals[i]->name, NULL);

                g_ptr_array_add(lines, g_strdup(name));
                add_args(lines, name, "out", interface->signals[i]->args);
                add_annotations(lines, name, interface->signals[i]->annotations);
        }
        for (guint i = 0; interface->properties && interface->properties[i]; i++) {
                GDBusPropertyInfo *property = interface->properties[i];
                g_autofree char *name = g_strconcat("property ", property->name, NULL);
                const char *emits = g_dbus_annotation_info_lookup(
                        property->annotations, "org.freedesktop.DBus.Property.EmitsChangedSignal");

                g_ptr_array_add(lines, g_strdup_printf("%s: %s, access %d", name,
                                                       property->signature, property->flags));
                /* "true" is what no annotation means. */
                g_ptr_array_add(lines, g_strdup_printf("%s: emits %s", name, emits ?: "true"));
        }
        g_ptr_array_sort(lines, compare);
        g_ptr_array_add(lines, NULL);
        return (char **)g_ptr_array_free(lines, FALSE);
}

static GDBusNodeInfo *introspect(const char *path) {
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;
        GDBusNodeInfo *node;
        const char *xml;

        reply = g_dbus_connection_call_sync(bus, MANAGER_NAME, path,
                                            "org.freedesktop.DBus.Introspectable", "Introspect",
                                            NULL, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
        g_assert_no_error(error);
        g_variant_get(reply, "(&s)", &xml);
        node = g_dbus_node_info_new_for_xml(xml, &error);
        g_assert_no_error(error);
        return node;
}

static void check_interface(const char *path, const char *name) {
        g_autofree char *file =
                g_strdup_printf("%s/%s.xml", g_getenv("MYDOCKER_TEST_INTERFACES"), name);
        g_autofree char *text = read_file("%s", file);
        g_autoptr(GDBusNodeInfo) documented = NULL, live = introspect(path);
        g_auto(GStrv) expected = NULL, actual = NULL;
        g_autoptr(GError) error = NULL;
        GDBusInterfaceInfo *interface;
        char **e, **a;

        g_assert_nonnull(text);
        documented = g_dbus_node_info_new_for_xml(text, &error);
        g_assert_no_error(error);
        interface = g_dbus_node_info_lookup_interface(live, name);
        if (!interface) {
                test_fails("%s has no interface %s", path, name);
                return;
        }
        expected = describe(g_dbus_node_info_lookup_interface(documented, name));
        actual = describe(interface);
        for (e = expected, a = actual; *e || *a;) {
                int order = !*e ? 1 : !*a ? -1 : strcmp(*e, *a);

                if (order < 0)
                        test_fails("%s: only documented: %s", name, *e++);
                else if (order > 0)
                        test_fails("%s: not documented: %s", name, *a++);
                else
                        e++, a++;
        }
}

static void test_interfaces(void) {
        g_autofree char *path = container_run(NULL, "sleep 1000"), *image = image_find("busybox");
        g_autofree char *process = NULL, *job = NULL, *error_name = NULL;
        g_autoptr(GVariant) exec = bus_call(path, "Exec", "(['sleep', '1000'], @a{sv} {})"),
                            import = NULL;
        g_autoptr(GUnixFDList) archive = NULL; /* as long as nothing comes, the job does not end */
        g_autoptr(GError) error = NULL;

        g_variant_get(exec, "(oa{sv})", &process, NULL);
        import = bus_try(bus, NULL, &archive, &error, NULL, "Import", "('endless', @a{sv} {})");
        g_assert_no_error(error);
        g_variant_get(import, "(oa{sv})", &job, NULL);

        check_interface(MANAGER_PATH, "org.mydocker.Manager");
        check_interface(path, "org.mydocker.Container");
        check_interface(image, "org.mydocker.Image");
        check_interface(process, "org.mydocker.Process");
        check_interface(job, "org.mydocker.Job");

        {
                g_autoptr(GDBusNodeInfo) root = introspect("/org/mydocker");

                CHECK(g_dbus_node_info_lookup_interface(root,
                                                        "org.freedesktop.DBus.ObjectManager"));
        }
        g_variant_unref(bus_call(job, "Cancel", "(@a{sv} {},)"));
        CHECK(!job_finish(job, &error_name));
        container_remove(path);
}

/* GetAll gives exactly the documented properties, with their types. */
static void test_properties(void) {
        g_autofree char *path = container_create(NULL, "true");
        g_autoptr(GDBusNodeInfo) node = introspect(path);
        GDBusInterfaceInfo *interface =
                g_dbus_node_info_lookup_interface(node, "org.mydocker.Container");
        g_autoptr(GVariant) reply = NULL, all = NULL;
        guint n = 0;

        reply = g_dbus_connection_call_sync(bus, MANAGER_NAME, path,
                                            "org.freedesktop.DBus.Properties", "GetAll",
                                            g_variant_new("(s)", "org.mydocker.Container"), NULL,
                                            G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
        g_assert_nonnull(reply);
        all = g_variant_get_child_value(reply, 0);
        for (; interface->properties[n]; n++) {
                g_autoptr(GVariant) value =
                        g_variant_lookup_value(all, interface->properties[n]->name, NULL);

                if (!value || !g_str_equal(g_variant_get_type_string(value),
                                           interface->properties[n]->signature))
                        test_fails("%s is missing or of another type",
                                   interface->properties[n]->name);
        }
        g_assert_cmpuint(n, ==, g_variant_n_children(all));
        container_remove(path);
}

/* GetManagedObjects lists what is there. */
static void test_objects(void) {
        g_autofree char *path = container_create(NULL, "true"), *image = image_find("busybox");
        g_autoptr(GVariant) reply = NULL, objects = NULL;
        guint n = 0;

        reply = g_dbus_connection_call_sync(
                bus, MANAGER_NAME, "/org/mydocker", "org.freedesktop.DBus.ObjectManager",
                "GetManagedObjects", NULL, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
        g_assert_nonnull(reply);
        objects = g_variant_get_child_value(reply, 0);
        for (gsize i = 0; i < g_variant_n_children(objects); i++) {
                g_autoptr(GVariant) entry = g_variant_get_child_value(objects, i);
                const char *object;

                g_variant_get_child(entry, 0, "&o", &object);
                if (g_str_equal(object, path) || g_str_equal(object, image) ||
                    g_str_equal(object, MANAGER_PATH))
                        n++;
                else if (!strstr(object, "/jobs/"))
                        test_fails("unexpected object %s", object);
        }
        g_assert_cmpuint(n, ==, 3);
        container_remove(path);
}

int main(int argc, char *argv[]) {
        harness_init(&argc, &argv);
        harness_add("/introspection/interfaces", test_interfaces);
        harness_add("/introspection/properties", test_properties);
        harness_add("/introspection/objects", test_objects);
        return harness_run();
}

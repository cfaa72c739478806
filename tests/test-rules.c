/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The sample rules that are installed for administrators: each does what it says, and nothing more. Runs in
 * tests/with-users. */

#include "harness.h"

#include <string.h>

#define ALICE 4001 /* in lab */
#define BOB 4002   /* in wheel */
#define CAROL 4003

static GDBusConnection *alice, *bob, *carol;

static void load(const char *name) {
        g_autofree char *text = read_file("%s/%s", g_getenv("MYDOCKER_TEST_EXAMPLES"), name);

        g_assert_nonnull(text);
        rule_set_text(text);
}

/* polkitd says so when it cannot make sense of a file, or a rule throws an exception; and also when a file that it
 * was about to read is gone. */
static void check_log(void) {
        expect(1, "", "", "grep rror '%s/polkit.log' | grep -v 'Error loading script'",
               sandbox_dir());
}

#define RUN(image) "('" image "', ['true'], {'auto-remove': <true>})"

static void test_lab(void) {
        g_autofree char *roots = container_run("{'name': <'roots'>}", "sleep 1000"), *error = NULL;
        g_autofree char *other = image_import("busybox.tar", "other", &error), *own = NULL;
        g_autoptr(GVariant) reply = NULL;

        check_denied(alice, NULL, "Run", RUN("busybox"));
        load("50-mydocker-lab.rules");
        WAIT_UNTIL(!is_denied(alice, NULL, "Run", RUN("busybox")));
        check_allowed(alice, NULL, "Run", RUN("busybox:latest"));
        reply = bus_try(alice, NULL, NULL, NULL, NULL, "Run",
                        "('busybox', ['sleep', '1000'], {'name': <'own'>})");
        g_variant_get(reply, "(o)", &own);
        check_allowed(alice, own, "ExecCollect", "(['true'], @a{sv} {})");
        check_allowed(alice, own, "Remove", "({'force': <true>},)");

        check_denied(alice, NULL, "Run", RUN("other"));
        check_denied(alice, NULL, "Run", "('busybox', ['true'], {'network': <'host'>})");
        check_denied(alice, NULL, "Run",
                     "('busybox', ['true'], {'volumes': <[('/etc', '/x', 'ro')]>})");
        check_denied(alice, NULL, "Import", "('busybox', {'replace': <true>})");
        check_denied(alice, other, "Tag", "('busybox', {'replace': <true>})");
        check_denied(alice, roots, "Stop", "(@a{sv} {},)");
        check_denied(alice, roots, "GetConfig", "(@a{sv} {},)");
        check_denied(carol, NULL, "Run", RUN("busybox"));
        check_denied(bob, NULL, "Run", RUN("busybox"));
        check_log();
        rule_clear();
        WAIT_UNTIL(is_denied(alice, NULL, "Run", RUN("busybox")));
        WAIT_UNTIL(bus_property_matches(NULL, "ContainersCount", "1"));
        image_remove("other");
        container_remove(roots);
}

static void test_web(void) {
        g_autofree char *web = container_run("{'name': <'web'>}", "sleep 1000");
        g_autofree char *other = container_run("{'name': <'web2'>}", "sleep 1000");

        load("50-mydocker-web.rules");
        WAIT_UNTIL(!is_denied(alice, web, "Stop", "({'timeout': <uint32 0>},)"));
        bus_check_property(web, "State", "'exited'");
        check_allowed(alice, web, "Start", "(@a{sv} {},)");
        check_allowed(alice, web, "Restart", "({'timeout': <uint32 0>},)");
        bus_check_property(web, "State", "'running'");

        check_denied(alice, web, "Kill", "(9, @a{sv} {})");
        check_denied(alice, web, "Pause", "(@a{sv} {},)");
        check_denied(alice, web, "Rename", "('db', @a{sv} {})");
        check_denied(alice, web, "Remove", "({'force': <true>},)");
        check_denied(alice, web, "ExecCollect", "(['true'], @a{sv} {})");
        check_denied(alice, web, "ReadLogs", "('', uint32 0, @a{sv} {})");
        check_denied(alice, other, "Stop", "(@a{sv} {},)");
        check_denied(alice, NULL, "Run", RUN("busybox"));
        check_denied(carol, web, "Stop", "(@a{sv} {},)");

        /* Another's container with that name is not meant. */
        container_remove(web);
        g_free(web);
        rule_clear();
        load("50-mydocker-wheel.rules");
        WAIT_UNTIL(permission_is(bob, "org.mydocker.container.run", "yes"));
        check_allowed(bob, NULL, "Run", "('busybox', ['sleep', '1000'], {'name': <'web'>})");
        load("50-mydocker-web.rules");
        WAIT_UNTIL(permission_is(bob, "org.mydocker.container.run", "auth"));
        {
                g_autoptr(GVariant) reply = bus_call(NULL, "GetContainer", "('web',)");

                g_variant_get(reply, "(o)", &web);
        }
        check_denied(alice, web, "Stop", "(@a{sv} {},)");
        check_log();
        rule_clear();
        container_remove(web);
        container_remove(other);
}

static void test_wheel(void) {
        g_autofree char *roots = container_run("{'name': <'roots'>}", "sleep 1000");
        g_autoptr(GVariant) reply = NULL, permissions = NULL;
        const char *action, *verdict;
        GVariantIter iterator;

        load("50-mydocker-wheel.rules");
        WAIT_UNTIL(permission_is(bob, "org.mydocker.job.cancel", "yes"));
        reply = bus_try(bob, NULL, NULL, NULL, NULL, "GetPermissions", "()");
        permissions = g_variant_get_child_value(reply, 0);
        g_variant_iter_init(&iterator, permissions);
        while (g_variant_iter_next(&iterator, "{&s&s}", &action, &verdict))
                check_text(action, verdict, "yes");
        check_allowed(bob, NULL, "Run",
                      "('busybox', ['true'], {'network': <'host'>, 'auto-remove': <true>})");
        check_allowed(bob, roots, "ExecCollect", "(['true'], @a{sv} {})");
        check_denied(alice, roots, "Stop", "(@a{sv} {},)");
        check_denied(carol, NULL, "Run", RUN("busybox"));
        CHECK(permission_is(alice, "org.mydocker.container.run", "auth"));
        check_log();
        rule_clear();
        WAIT_UNTIL(permission_is(bob, "org.mydocker.container.run", "auth"));
        WAIT_UNTIL(bus_property_matches(NULL, "ContainersCount", "1"));
        container_remove(roots);
}

int main(int argc, char *argv[]) {
        int r;

        harness_init(&argc, &argv);
        alice = bus_connect_as(ALICE);
        bob = bus_connect_as(BOB);
        carol = bus_connect_as(CAROL);
        harness_add("/rules/lab", test_lab);
        harness_add("/rules/web", test_web);
        harness_add("/rules/wheel", test_wheel);
        r = harness_run();
        g_object_unref(alice);
        g_object_unref(bob);
        g_object_unref(carol);
        return r;
}

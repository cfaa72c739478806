/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who may do what: a real polkitd with our actions, and callers of several users. */

#include "harness.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define NOBODY 65534
#define SOMEBODY 1 /* "daemon": dbus-daemon wants users that exist */

static GDBusConnection *nobody, *somebody;

/* Each method that asks, on root's objects, without any rule. */
static void test_denied(void) {
        static const struct {
                const char *method, *arguments;
        } manager[] =
                {
                        {"Run", "('busybox', ['true'], @a{sv} {})"},
                        {"Create", "('busybox', ['true'], @a{sv} {})"},
                        {"Import", "('x', @a{sv} {})"},
                },
          container[] =
                  {
                          {"Start", "(@a{sv} {},)"},
                          {"Stop", "(@a{sv} {},)"},
                          {"Kill", "(15, @a{sv} {})"},
                          {"Restart", "(@a{sv} {},)"},
                          {"Pause", "(@a{sv} {},)"},
                          {"Resume", "(@a{sv} {},)"},
                          {"Rename", "('x', @a{sv} {})"},
                          {"Update", "({'pids': <uint64 10>},)"},
                          {"Exec", "(['true'], @a{sv} {})"},
                          {"ExecCollect", "(['true'], @a{sv} {})"},
                          {"Attach", "(@a{sv} {},)"},
                          {"Resize", "(uint16 1, uint16 1, @a{sv} {})"},
                          {"OpenLogs", "(@a{sv} {},)"},
                          {"ReadLogs", "('', uint32 0, @a{sv} {})"},
                          {"Commit", "('x', @a{sv} {})"},
                          {"Export", "(@a{sv} {},)"},
                          {"GetProcesses", "(@a{sv} {},)"},
                          {"GetConfig", "(@a{sv} {},)"},
                          {"Mount", "(@a{sv} {},)"},
                          {"Unmount", "(@a{sv} {},)"},
                          {"Remove", "(@a{sv} {},)"},
                          {"Remove", "({'force': <true>},)"},
                  },
          image[] =
                  {
                          {"Tag", "('x', @a{sv} {})"},
                          {"Untag", "('busybox', @a{sv} {})"},
                          {"Remove", "(@a{sv} {},)"},
                          {"Save", "(@a{sv} {},)"},
                  },
          process[] = {
                  {"Kill", "(15, @a{sv} {})"},
                  {"Resize", "(uint16 1, uint16 1, @a{sv} {})"},
          };
        g_autofree char *path = container_run("{'tty': <true>}", "sleep 1000");
        g_autofree char *image_path = image_find("busybox"), *process_path = NULL;
        g_autoptr(GUnixFDList) terminal = NULL; /* its end would be a hangup */
        g_autoptr(GVariant) reply = bus_try(NULL, NULL, &terminal, NULL, path, "Exec",
                                            "(['sleep', '1000'], {'tty': <true>})");

        g_assert_nonnull(reply);
        g_variant_get(reply, "(oa{sv})", &process_path, NULL);
        for (guint i = 0; i < G_N_ELEMENTS(manager); i++)
                check_denied(nobody, NULL, manager[i].method, manager[i].arguments);
        for (guint i = 0; i < G_N_ELEMENTS(container); i++)
                check_denied(nobody, path, container[i].method, container[i].arguments);
        for (guint i = 0; i < G_N_ELEMENTS(image); i++)
                check_denied(nobody, image_path, image[i].method, image[i].arguments);
        for (guint i = 0; i < G_N_ELEMENTS(process); i++)
                check_denied(nobody, process_path, process[i].method, process[i].arguments);

        /* Nothing came of it. */
        bus_check_property(path, "State", "'running'");
        bus_check_property(process_path, "Running", "true");
        bus_check_property(NULL, "ContainersCount", "1");
        bus_check_property(NULL, "ImagesCount", "1");
        container_remove(path);
}

/* What all may know. */
static void test_public(void) {
        static const struct {
                const char *method, *arguments;
        } calls[] = {
                {"GetContainer", "('public',)"},    {"GetImage", "('busybox',)"},
                {"ListContainers", "(@a{sv} {},)"}, {"ListImages", "(@a{sv} {},)"},
                {"GetPermissions", "()"},
        };
        g_autofree char *path = container_run("{'name': <'public'>}", "sleep 1000");
        g_autofree char *image = image_find("busybox");

        for (guint i = 0; i < G_N_ELEMENTS(calls); i++) {
                g_autoptr(GError) error = NULL;
                g_autoptr(GVariant) reply = bus_try(nobody, NULL, NULL, &error, NULL,
                                                    calls[i].method, calls[i].arguments);

                g_assert_no_error(error);
        }
        {
                g_autoptr(GVariant) stats =
                        bus_try(nobody, NULL, NULL, NULL, path, "GetStats", "(@a{sv} {},)");
                g_autoptr(GVariant) config =
                        bus_try(nobody, NULL, NULL, NULL, image, "GetConfig", "(@a{sv} {},)");
                g_autoptr(GVariant) history =
                        bus_try(nobody, NULL, NULL, NULL, image, "GetHistory", "(@a{sv} {},)");

                CHECK(stats && config && history);
        }
        expect(0, "*public*", "", AS_NOBODY "mydocker ps");
        container_remove(path);
}

static void test_permissions(void) {
        static const char *const actions[] = {
                "org.mydocker.container.run",       "org.mydocker.container.run-privileged",
                "org.mydocker.container.lifecycle", "org.mydocker.container.exec",
                "org.mydocker.container.inspect",   "org.mydocker.container.remove",
                "org.mydocker.workspace.volume",    "org.mydocker.workspace.mount",
                "org.mydocker.workspace.commit",    "org.mydocker.cgroup.limit",
                "org.mydocker.image.import",        "org.mydocker.image.export",
                "org.mydocker.image.remove",        "org.mydocker.job.cancel",
        };

        for (guint i = 0; i < G_N_ELEMENTS(actions); i++) {
                if (!permission_is(bus, actions[i], "yes"))
                        test_fails("root has no %s", actions[i]);
                if (!permission_is(nobody, actions[i], "auth"))
                        test_fails("nobody's %s is not “auth”", actions[i]);
        }
        rule_set("action.id == 'org.mydocker.image.import'");
        WAIT_UNTIL(permission_is(nobody, "org.mydocker.image.import", "yes"));
        rule_clear();
        WAIT_UNTIL(permission_is(nobody, "org.mydocker.image.import", "auth"));
}

/* Wrong arguments are refused before anyone is asked, and existence is no secret; so an error never tells a denied
 * caller more than the public tables do. */
static void test_order(void) {
        g_autofree char *path = container_create("{'name': <'known'>}", "true");

        bus_refused(nobody, ERROR_ARGS, "*zzz*", NULL, "Run",
                    "('busybox', ['true'], {'zzz': <true>})");
        bus_refused(nobody, ERROR_ARGS, "*zzz*", path, "Start", "({'zzz': <true>},)");
        bus_refused(nobody, "org.freedesktop.DBus.Error.UnknownMethod", NULL, path, "Nonsense",
                    "()");
        bus_refused(nobody, ERROR_MYDOCKER("NoSuchImage"), NULL, NULL, "Run",
                    "('none', ['true'], @a{sv} {})");
        /* Whether a program is in the image, a directory on the host, is not told. */
        check_denied(nobody, NULL, "Run", "('busybox', ['/no/such'], @a{sv} {})");
        check_denied(nobody, NULL, "Run",
                     "('busybox', ['true'], {'volumes': <[('/root/none', '/x', '')]>})");
        CHECK(!g_file_test("/root/none", G_FILE_TEST_EXISTS));
        container_remove(path);
}

/* With container.run alone: one's own containers, all of them, and nothing else. */
static void test_owner(void) {
        g_autofree char *roots = container_run("{'name': <'roots'>}", "sleep 1000"), *path = NULL;
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;
        static const struct {
                const char *method, *arguments;
        } own[] = {
                {"Pause", "(@a{sv} {},)"},
                {"Resume", "(@a{sv} {},)"},
                {"Rename", "('theirs', @a{sv} {})"},
                {"ExecCollect", "(['true'], @a{sv} {})"},
                {"Exec", "(['true'], @a{sv} {})"},
                {"ReadLogs", "('', uint32 0, @a{sv} {})"},
                {"GetProcesses", "(@a{sv} {},)"},
                {"GetConfig", "(@a{sv} {},)"},
                {"Update", "({'pids': <uint64 10>},)"},
                {"Kill", "(10, @a{sv} {})"},
                {"Restart", "({'timeout': <uint32 0>},)"},
                {"Stop", "({'timeout': <uint32 0>},)"},
                {"Start", "(@a{sv} {},)"},
        };

        rule_set("action.id == 'org.mydocker.container.run' && subject.user == 'nobody'");
        WAIT_UNTIL(permission_is(nobody, "org.mydocker.container.run", "yes"));
        reply = bus_try(nobody, NULL, NULL, &error, NULL, "Run",
                        "('busybox', ['sleep', '1000'], {'name': <'mine'>})");
        g_assert_no_error(error);
        g_variant_get(reply, "(o)", &path);
        bus_check_property(path, "Owner", "65534");
        for (guint i = 0; i < G_N_ELEMENTS(own); i++) {
                g_autoptr(GVariant) ok =
                        bus_try(nobody, NULL, NULL, &error, path, own[i].method, own[i].arguments);

                if (error) {
                        test_fails("the owner's %s: %s", own[i].method, error->message);
                        g_clear_error(&error);
                }
        }

        /* Another's container, and what reaches out of one's own. */
        check_denied(nobody, roots, "Stop", "(@a{sv} {},)");
        check_denied(nobody, roots, "ExecCollect", "(['true'], @a{sv} {})");
        check_denied(nobody, roots, "Remove", "({'force': <true>},)");
        check_denied(somebody, path, "Stop", "(@a{sv} {},)");
        check_denied(somebody, path, "ReadLogs", "('', uint32 0, @a{sv} {})");
        check_denied(somebody, NULL, "Run", "('busybox', ['true'], @a{sv} {})");
        check_denied(nobody, path, "Commit", "('x', @a{sv} {})");
        check_denied(nobody, path, "Mount", "(@a{sv} {},)");
        check_denied(nobody, NULL, "Run", "('busybox', ['true'], {'network': <'host'>})");
        check_denied(nobody, NULL, "Run", "('busybox', ['true'], {'userns': <'host'>})");
        check_denied(nobody, NULL, "Run", "('busybox', ['true'], {'seccomp': <'unconfined'>})");
        check_denied(nobody, NULL, "Run", "('busybox', ['true'], {'cap-add': <['NET_ADMIN']>})");
        check_denied(nobody, NULL, "Run", "('busybox', ['true'], {'ulimits': <['rtprio=1']>})");
        check_denied(nobody, NULL, "Run",
                     "('busybox', ['true'], {'devices': <[('/dev/null', '/dev/x', '')]>})");
        check_denied(nobody, NULL, "Run",
                     "('busybox', ['true'], {'volumes': <[('/etc', '/x', 'ro')]>})");
        bus_check_property(roots, "State", "'running'");

        reply = (g_variant_unref(reply),
                 bus_try(nobody, NULL, NULL, &error, path, "Remove", "({'force': <true>},)"));
        g_assert_no_error(error);
        rule_clear();
        WAIT_UNTIL(permission_is(nobody, "org.mydocker.container.run", "auth"));
        container_remove(roots);
}

/* A rule sees what it is about. */
static void test_details(void) {
        g_autofree char *web =
                container_run("{'name': <'web'>, 'labels': <{'team': 'red'}>}", "sleep 1000");
        g_autofree char *db =
                container_run("{'name': <'db'>, 'labels': <{'team': 'blue'}>}", "sleep 1000");
        static const char *const rules[] = {
                "action.id == 'org.mydocker.container.lifecycle' && action.lookup('container') == 'web'",
                "action.id == 'org.mydocker.container.lifecycle' && action.lookup('label.team') == 'red'",
        };

        for (guint i = 0; i < G_N_ELEMENTS(rules); i++) {
                rule_set(rules[i]);
                WAIT_UNTIL(!is_denied(nobody, web, "Pause", "(@a{sv} {},)"));
                bus_wait_property(web, "State", "'paused'");
                check_denied(nobody, db, "Pause", "(@a{sv} {},)");
                check_denied(nobody, web, "ExecCollect", "(['true'], @a{sv} {})");
                rule_clear();
                WAIT_UNTIL(is_denied(nobody, web, "Resume", "(@a{sv} {},)"));
                g_variant_unref(bus_call(web, "Resume", "(@a{sv} {},)"));
        }

        rule_set(
                "action.id == 'org.mydocker.container.lifecycle' && action.lookup('verb') == 'pause' &&"
                " action.lookup('owner') == '0' && action.lookup('image').indexOf('busybox') == 0 &&"
                " action.lookup('id').length == 64");
        WAIT_UNTIL(!is_denied(nobody, db, "Pause", "(@a{sv} {},)"));
        check_denied(nobody, db, "Resume", "(@a{sv} {},)");
        rule_clear();

        /* What Run is to make can be told apart, too. */
        rule_set(
                "action.id == 'org.mydocker.container.run' && action.lookup('container') == 'cache' &&"
                " action.lookup('image') == 'busybox:latest' && !action.lookup('id')");
        WAIT_UNTIL(!is_denied(nobody, NULL, "Run",
                              "('busybox', ['true'], {'name': <'cache'>, 'auto-remove': <true>})"));
        check_denied(nobody, NULL, "Run", "('busybox', ['true'], {'name': <'other'>})");
        check_denied(nobody, NULL, "Run", "('busybox', ['true'], @a{sv} {})");
        rule_clear();
        WAIT_UNTIL(permission_is(nobody, "org.mydocker.container.lifecycle", "auth"));
        bus_wait_property(NULL, "ContainersCount", "2");
        container_remove(web);
        container_remove(db);
}

/* However the caller names an image, a rule sees the name that it has, and never one that it does not have. */
static void test_image_name(void) {
        g_autofree char *image = image_find("busybox"), *beginning = NULL, *path = NULL;
        g_autofree char *by_id = NULL, *by_name = NULL;

        beginning = g_strndup(strrchr(image, '/') + 1, 12);
        by_id = g_strdup_printf("('%s', ['true'], {'auto-remove': <true>})", beginning);
        by_name = g_strdup_printf("('busybox', ['true'], {'name': <'%s'>, 'auto-remove': <true>})",
                                  beginning);

        rule_set("action.lookup('image') == 'busybox:latest'");
        WAIT_UNTIL(!is_denied(nobody, NULL, "Run", by_name));
        g_variant_unref(bus_try(nobody, NULL, NULL, NULL, NULL, "Run",
                                "('busybox:latest', ['true'], {'auto-remove': <true>})"));
        check_denied(nobody, NULL, "Run", by_id);
        rule_clear();

        rule_set("action.lookup('image') && action.lookup('image').length == 64 &&"
                 " action.lookup('image') == action.lookup('image-id')");
        WAIT_UNTIL(!is_denied(nobody, NULL, "Run", by_id));
        check_denied(nobody, NULL, "Run", by_name);
        rule_clear();
        bus_wait_property(NULL, "ContainersCount", "0");

        /* The image's name when the container was made, as long as there is the container. */
        path = container_create("{'name': <'made'>}", "true");
        rule_set("action.lookup('image') == 'busybox:latest' && action.lookup('verb') == 'rename'");
        WAIT_UNTIL(!is_denied(nobody, path, "Rename", "('renamed', @a{sv} {})"));
        rule_clear();
        WAIT_UNTIL(permission_is(nobody, "org.mydocker.container.run", "auth"));
        container_remove(path);
}

/* Whoever may do something to an image of one name cannot give that name to another image first. */
static void test_image_names(void) {
        g_autofree char *error = NULL, *path = image_import("busybox.tar", "theirs", &error);

        rule_set("action.lookup('image') && action.lookup('image').indexOf('lab/') == 0");
        WAIT_UNTIL(!is_denied(nobody, path, "Tag", "('lab/mine', @a{sv} {})"));
        check_denied(nobody, path, "Remove", "(@a{sv} {},)");
        check_denied(nobody, path, "Save", "(@a{sv} {},)");
        check_denied(nobody, path, "Untag", "('theirs', @a{sv} {})");
        CHECK(!is_denied(nobody, path, "Untag", "('lab/mine', @a{sv} {})"));
        rule_clear();
        image_remove("theirs");

        /* A new image's name, too. */
        path = (g_free(path), container_create("{'name': <'made'>}", "true"));
        rule_set("action.lookup('target') == 'lab/image:latest'");
        WAIT_UNTIL(!is_denied(nobody, path, "Commit", "('lab/image', @a{sv} {})"));
        check_denied(nobody, path, "Commit", "('image', @a{sv} {})");
        rule_clear();
        WAIT_UNTIL(bus_property_uint(NULL, "ImagesCount") == 2);
        image_remove("lab/image");
        container_remove(path);
}

/* A directory that the caller itself could open, without asking: root inside is the caller, nobody else exists. */
static void test_volume_fds(void) {
        g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;
        g_autofree char *path = NULL, *log = NULL;
        GStatBuf st;
        int fd;

        rule_set("action.id == 'org.mydocker.container.run'");
        WAIT_UNTIL(permission_is(nobody, "org.mydocker.container.run", "yes"));
        expect(0, "", "",
               "mkdir shared && chown 65534:65534 shared && echo secret > shared/roots &&"
               " chmod 600 shared/roots");
        fd = open("shared", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_unix_fd_list_append(fds, fd, NULL);
        close(fd);
        reply = bus_try(
                nobody, fds, NULL, &error, NULL, "Run",
                "('busybox', ['sh', '-c', 'exec 2>&1; echo mine > /data/new; cat /data/roots; chown 1 /data/new;"
                " stat -c %u:%g /data/new'], {'volume-fds': <[(handle 0, '/data', '')]>})");
        g_assert_no_error(error);
        g_variant_get(reply, "(o)", &path);
        container_wait(path);
        log = container_log(path);
        CHECK(!strstr(log, "secret"));
        check_text("what it wrote", log, "*denied*0:0\n");
        g_assert_cmpint(g_stat("shared/new", &st), ==, 0);
        g_assert_cmpuint(st.st_uid, ==, NOBODY);
        g_assert_cmpuint(st.st_gid, ==, NOBODY);
        container_remove(path);
        rule_clear();
        WAIT_UNTIL(permission_is(nobody, "org.mydocker.container.run", "auth"));
        expect(0, "", "", "rm -r shared");
}

/* Whose a container is, is on disk. */
static void test_restart(void) {
        g_autoptr(GVariant) reply = NULL;
        g_autofree char *path = NULL;

        rule_set("action.id == 'org.mydocker.container.run' && subject.user == 'nobody'");
        WAIT_UNTIL(permission_is(nobody, "org.mydocker.container.run", "yes"));
        reply = bus_try(nobody, NULL, NULL, NULL, NULL, "Run",
                        "('busybox', ['sleep', '1000'], @a{sv} {})");
        g_variant_get(reply, "(o)", &path);
        rule_clear();
        WAIT_UNTIL(permission_is(nobody, "org.mydocker.container.run", "auth"));
        for (guint i = 0; i < 2; i++) {
                daemon_kill(i == 0 ? SIGTERM : SIGKILL);
                daemon_start();
                bus_check_property(path, "Owner", "65534");
                check_denied(somebody, path, "Stop", "(@a{sv} {},)");
                check_denied(somebody, path, "GetConfig", "(@a{sv} {},)");
                check_allowed(nobody, path, "ExecCollect", "(['true'], @a{sv} {})");
                check_allowed(nobody, path, "Restart", "({'timeout': <uint32 0>},)");
        }
        check_allowed(nobody, path, "Remove", "({'force': <true>},)");
}

static void test_command(void) {
        g_autofree char *path = container_run("{'name': <'roots'>}", "sleep 1000");

        expect(125, "", "*org.mydocker.container.run*",
               AS_NOBODY "mydocker --no-ask-password run --rm busybox true");
        expect(1, "", "*org.mydocker.container.lifecycle*",
               AS_NOBODY "mydocker --no-ask-password stop roots");
        expect(125, "", "*org.mydocker.container.exec*",
               AS_NOBODY "mydocker --no-ask-password exec roots true");
        expect(1, "", "*org.mydocker.container.remove*",
               AS_NOBODY "mydocker --no-ask-password rm -f roots");
        expect(1, "", "*org.mydocker.image.import*",
               AS_NOBODY "mydocker --no-ask-password import busybox.tar x");

        rule_set("action.id == 'org.mydocker.container.run'");
        WAIT_UNTIL(permission_is(nobody, "org.mydocker.container.run", "yes"));
        expect(0, "0\n", "", AS_NOBODY "mydocker run --rm busybox id -u");
        rule_clear();
        WAIT_UNTIL(permission_is(nobody, "org.mydocker.container.run", "auth"));
        container_remove(path);
}

/* Without polkit nobody but root and the owner may do anything, and hears so at once. The last test: polkitd does not
 * come back. */
static void test_no_polkit(void) {
        g_autofree char *path = container_run("{'name': <'roots'>}", "sleep 1000");

        expect(0, "", "", "kill -KILL $(awk '$1 == \"polkit\" { print $2 }' %s/pids)",
               sandbox_dir());
        bus_refused(nobody, ERROR_ACCESS, "*polkit*", path, "Stop", "(@a{sv} {},)");
        bus_refused(nobody, ERROR_ACCESS, "*polkit*", NULL, "Run",
                    "('busybox', ['true'], @a{sv} {})");
        CHECK(permission_is(nobody, "org.mydocker.container.run", "no"));
        bus_check_property(path, "State", "'running'");
        container_remove(path);
}

int main(int argc, char *argv[]) {
        int r;

        harness_init(&argc, &argv);
        nobody = bus_connect_as(NOBODY);
        somebody = bus_connect_as(SOMEBODY);
        harness_add("/authorization/denied", test_denied);
        harness_add("/authorization/public", test_public);
        harness_add("/authorization/permissions", test_permissions);
        harness_add("/authorization/order", test_order);
        harness_add("/authorization/owner", test_owner);
        harness_add("/authorization/details", test_details);
        harness_add("/authorization/image-name", test_image_name);
        harness_add("/authorization/image-names", test_image_names);
        harness_add("/authorization/volume-fds", test_volume_fds);
        harness_add("/authorization/restart", test_restart);
        harness_add("/authorization/command", test_command);
        harness_add("/authorization/no-polkit", test_no_polkit);
        r = harness_run();
        g_object_unref(nobody);
        g_object_unref(somebody);
        return r;
}

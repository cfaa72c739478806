/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* After a round of the soak test, when nothing goes on any more: what the service says is one of the states that can be,
 * and what is on the host is what it says. */

#include "soak.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The tree as GetManagedObjects gives it: path → (interface → (name → value)). */
static GVariant *get_objects(void) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
                bus, MANAGER_NAME, "/org/mydocker", "org.freedesktop.DBus.ObjectManager",
                "GetManagedObjects", NULL, NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START,
                HARNESS_PATIENCE * 1000, NULL, &error);

        if (!reply) {
                test_fails("GetManagedObjects: %s", error->message);
                return NULL;
        }
        return g_variant_get_child_value(reply, 0);
}

static char *property(GVariant *interfaces, const char *interface, const char *name) {
        g_autoptr(GVariant) properties =
                g_variant_lookup_value(interfaces, interface, G_VARIANT_TYPE_VARDICT);
        g_autoptr(GVariant) value =
                properties ? g_variant_lookup_value(properties, name, NULL) : NULL;

        if (!value)
                return g_strdup("");
        return g_variant_is_of_type(value, G_VARIANT_TYPE_STRING) ?
                       g_variant_dup_string(value, NULL) :
                       g_variant_print(value, FALSE);
}

#define CONTAINER "org.mydocker.Container"
#define IMAGE "org.mydocker.Image"

/* Whether a process is in a container that is paused. */
static bool is_of_paused(GVariant *objects, const char *path) {
        g_autofree char *container = g_strndup(path, strstr(path, "/processes/") - path);
        g_autoptr(GVariant) interfaces = g_variant_lookup_value(objects, container, NULL);
        g_autofree char *state = interfaces ? property(interfaces, CONTAINER, "State") : NULL;

        return state && g_str_equal(state, "paused");
}

/* Whether something goes on that ends by itself. */
static char *what_goes_on(GVariant *objects) {
        const char *path;
        GVariant *interfaces;
        GVariantIter iterator;

        g_variant_iter_init(&iterator, objects);
        while (g_variant_iter_loop(&iterator, "{&o@a{sa{sv}}}", &path, &interfaces)) {
                g_autofree char *state = property(interfaces, CONTAINER, "State");
                g_autofree char *command = property(interfaces, CONTAINER, "Command");
                char *what = NULL;

                if (strstr(path, "/jobs/") ||
                    (strstr(path, "/processes/") && !is_of_paused(objects, path)))
                        what = g_strdup(path);
                else if (g_str_equal(state, "stopping") || g_str_equal(state, "removing") ||
                         (g_str_equal(state, "running") && strstr(command, "exit 7")))
                        what = g_strdup_printf("%s is %s", path, state);
                if (what) {
                        g_variant_unref(interfaces);
                        return what;
                }
        }
        return NULL;
}

/* Return: whether all have been answered in this time. */
static bool calls_end(Soak *s, guint seconds) {
        gint64 end = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;

        while (s->running->len > 0 && g_get_monotonic_time() < end)
                if (!g_main_context_iteration(NULL, FALSE))
                        g_usleep(1000);
        return s->running->len == 0;
}

static void wait_for_calls(Soak *s) {
        if (calls_end(s, 3))
                return;
        /* Processes in paused containers have no end. */
        for (guint i = 0; i < s->containers->len; i++)
                register_write(&((Container *)g_ptr_array_index(s->containers, i))->state, "up");
        shell(NULL, NULL, "mydocker ps -q --filter status=paused | xargs -r mydocker unpause");
        if (calls_end(s, 2 * HARNESS_PATIENCE))
                return;
        for (guint i = 0; i < s->running->len; i++) {
                Op *op = g_ptr_array_index(s->running, i);

                test_fails("%s of %s has no end", op->call->method,
                           op->container ? op->container->path :
                           op->image     ? op->image->path :
                                           "-");
                if (op->container)
                        report_container(op->container);
        }
        report_service();
        g_error("calls are not answered");
}

static void close_streams(Soak *s) {
        for (guint i = 0; i < s->streams->len; i++)
                close(g_array_index(s->streams, int, i));
        g_array_set_size(s->streams, 0);
}

/* Return: the tree when it rests, to be unreferenced. */
static GVariant *wait_for_rest(Soak *s) {
        gint64 end = g_get_monotonic_time() + HARNESS_PATIENCE_USEC;

        g_dbus_connection_close_sync(s->waiter->connection, NULL, NULL);
        /* Some wait for those who do not read. */
        close_streams(s);
        wait_for_calls(s);
        close_streams(s);
        client_free(s->waiter);
        s->waiter = client_new(0);
        for (;;) {
                GVariant *objects = get_objects();
                g_autofree char *what = objects ? what_goes_on(objects) : NULL;

                if (!what)
                        return objects;
                g_variant_unref(objects);
                if (g_get_monotonic_time() > end) {
                        test_fails("never ends: %s", what);
                        report_service();
                        return NULL;
                }
                g_usleep(20000);
        }
}

/* A container that a call has made that was not answered. */
static Container *adopt(Soak *s, const char *path, GVariant *interfaces) {
        g_autofree char *name = property(interfaces, CONTAINER, "Name");
        g_autofree char *owner = property(interfaces, CONTAINER, "Owner");
        g_autofree char *command = property(interfaces, CONTAINER, "Command");
        ContainerKind kind = strstr(command, "exit 7") ? BRIEF : LASTING;

        for (guint i = 0; i < s->creations->len; i++) {
                Creation *creation = g_ptr_array_index(s->creations, i);

                if (g_str_equal(creation->name, name) && creation->kind == kind &&
                    creation->owner == (uid_t)atoi(owner)) {
                        Container *c = model_add_container(s, creation, path);

                        register_write(&c->state, "down");
                        return c;
                }
        }
        return NULL;
}

static void check_register(const char *path, const char *what, Register *r, const char *value) {
        if (!register_can_be(r, value)) {
                g_auto(GStrv) values = register_values(r, G_MAXUINT64, G_MAXUINT64);
                g_autofree char *text = g_strjoinv("” or “", values);

                test_fails("%s: %s is “%s”, not “%s”", path, what, value, text);
        }
        register_settle(r, value);
}

static void check_exit(Soak *s, Container *c, GVariant *interfaces, const char *state) {
        g_autofree char *code = property(interfaces, CONTAINER, "ExitCode");

        if (c->kind != BRIEF || c->disturbed || s->supervisor_died || !g_str_equal(state, "exited"))
                return;
        if (atoi(code) != BRIEF_STATUS) {
                g_autofree char *text = g_variant_print(interfaces, FALSE);

                test_fails("%s exited with %s: %s", c->path, code, text);
        }
}

/* All lines are there, in their order. */
static void check_log(Soak *s, Container *c, const char *state) {
        g_autofree char *log = NULL;
        GString *expected;

        if (c->kind != BRIEF || c->disturbed || c->log_checked || s->supervisor_died || s->scarce ||
            !g_str_equal(state, "exited")) {
                c->log_checked |= s->supervisor_died || s->scarce;
                return;
        }
        c->log_checked = true;
        expected = g_string_new(NULL);
        for (int i = 0; i < BRIEF_LINES; i++)
                g_string_append_printf(expected, "%d\n", i);
        log = container_log(c->path);
        if (!g_str_equal(log, expected->str))
                test_fails("%s: the log has %zu bytes of %zu", c->path, strlen(log), expected->len);
        g_string_free(expected, TRUE);
}

static bool policy_can_start(Soak *s, Container *c) {
        g_auto(GStrv) values = register_values(&c->policy, 0, G_MAXUINT64);

        for (char **value = values; *value; value++)
                if (!g_str_equal(*value, "no"))
                        return true;
        return false;
}

/* Whether the last thing that happened to it certainly was that somebody stopped it. */
static bool is_stopped(const Register *state) {
        g_auto(GStrv) values = register_values(state, G_MAXUINT64, G_MAXUINT64);

        for (char **value = values; *value; value++)
                if (!g_str_equal(*value, "down"))
                        return false;
        return true;
}

static void check_state(Soak *s, Container *c, const char *state) {
        const char *value = g_str_equal(state, "running") ? "up" :
                            g_str_equal(state, "paused")  ? "paused" :
                                                            "down";

        if (g_str_equal(state, "dead"))
                test_fails("%s is dead", c->path);
        if (c->kind == LASTING && policy_can_start(s, c) &&
            (s->daemon_died || !is_stopped(&c->state)))
                register_settle(&c->state, value);
        /* Without descriptors for its libraries the program that takes the supervisor's place dies. */
        if (c->hangs_up && g_str_equal(value, "down") && (s->supervisor_died || s->scarce))
                register_settle(&c->state, value);
        if (c->kind == LASTING)
                check_register(c->path, "state", &c->state, value);
        register_settle(&c->state, value);
}

/* A file in a container, also of one that does not run. */
static char *read_in_container(Container *c, const char *name) {
        const char *id = strrchr(c->path, '/') + 1;
        g_autofree char *out = NULL, *err = NULL;

        for (int i = 0; i < 200; i++) {
                g_free(out);
                g_free(err);
                if (shell(&out, &err, "mydocker cp %s:/%s - | tar -xOf -", id, name) == 0)
                        return g_strdup(g_strchomp(out));
                /* It is ending, which takes until what was executed in it has been reaped, by process 1 if its
                 * supervisor died. */
                if (!strstr(err, "is not running"))
                        break;
                g_usleep(100000);
        }
        if (!strstr(err, "No such container:path"))
                test_fails("%s: cannot read /%s: %s", c->path, name, err);
        return g_strdup("");
}

static void check_volume(Container *c) {
        g_autofree char *text = read_file("volume/%s", strrchr(c->path, '/') + 1);

        check_register(c->path, "the file in its volume", &c->volume, text ? g_strchomp(text) : "");
}

static void check_container(Soak *s, const char *path, GVariant *interfaces) {
        Container *c = model_container(s, path) ?: adopt(s, path, interfaces);
        g_autofree char *name = property(interfaces, CONTAINER, "Name");
        g_autofree char *state = property(interfaces, CONTAINER, "State");
        g_autofree char *policy = property(interfaces, CONTAINER, "RestartPolicy");
        g_autofree char *memory = property(interfaces, CONTAINER, "MemoryLimit");
        bool failed;

        if (!c) {
                test_fails("nobody has made %s, %s", path, name);
                return;
        }
        if (c->is_gone) {
                test_fails("%s, %s, was removed and is there", path, name);
                c->is_gone = false;
        }
        failed = g_test_failed();
        check_register(path, "name", &c->name, name);
        check_exit(s, c, interfaces, state);
        check_log(s, c, state);
        check_state(s, c, state);
        check_register(path, "restart policy", &c->policy, policy);
        check_register(path, "memory limit", &c->memory, memory);
        if (c->has_volume)
                check_volume(c);
        /* Paused, it cannot be looked into by all means. */
        if (!g_str_equal(state, "paused") && soak_chance(s, 40)) {
                g_autofree char *content = read_in_container(c, "soak");

                check_register(path, "its file", &c->content, content);
        }
        if (!failed && g_test_failed()) {
                report_container(c);
                report_service();
        }
        c->may_go = c->auto_remove;
        c->disturbed = c->kind == LASTING || s->supervisor_died || c->disturbed;
}

static void check_image(Soak *s, const char *path, GVariant *interfaces) {
        Image *image = model_image(s, path);
        static char *any[] = {(char *)"*", NULL};

        /* Its job's end was not told. */
        if (!image)
                image = model_add_image(s, path, any);
        if (image->is_gone) {
                test_fails("%s was removed and is there", path);
                image->is_gone = false;
        }
        image->may_go = false;
}

/* Runs a command of an image: it is whole, and has one of the contents. */
static void try_image(Soak *s) {
        Image *image = g_ptr_array_index(s->images, soak_random(s, s->images->len));
        g_autofree char *out = NULL, *err = NULL;
        int status;

        if (image->is_gone)
                return;
        status = shell(&out, &err, "mydocker run --rm %s cat /soak", strrchr(image->path, '/') + 1);
        if (status > 1)
                test_fails("%s does not run: %s", image->path, err);
        g_strchomp(out);
        if (!g_strv_contains((const char *const *)image->contents, out) &&
            !g_strv_contains((const char *const *)image->contents, "*")) {
                g_autofree char *text = g_strjoinv("” or “", image->contents);

                test_fails("%s has “%s”, not “%s”", image->path, out, text);
        }
        /* From now on it is always the same. */
        g_strfreev(image->contents);
        image->contents = g_new0(char *, 2);
        image->contents[0] = g_steal_pointer(&out);
}

static void check_objects(Soak *s, GVariant *objects) {
        const char *path;
        GVariant *interfaces;
        GVariantIter iterator;

        g_variant_iter_init(&iterator, objects);
        while (g_variant_iter_loop(&iterator, "{&o@a{sa{sv}}}", &path, &interfaces)) {
                if (strstr(path, "/processes/"))
                        continue;
                if (g_str_has_prefix(path, "/org/mydocker/containers/"))
                        check_container(s, path, interfaces);
                else if (g_str_has_prefix(path, "/org/mydocker/images/"))
                        check_image(s, path, interfaces);
        }
        for (guint i = 0; i < s->containers->len; i++) {
                Container *c = g_ptr_array_index(s->containers, i);
                g_autoptr(GVariant) found = g_variant_lookup_value(objects, c->path, NULL);

                if (!found && !c->may_go && !c->is_gone)
                        test_fails("%s is not there any more", c->path);
                c->is_gone = !found;
        }
        for (guint i = 0; i < s->images->len; i++) {
                Image *image = g_ptr_array_index(s->images, i);
                g_autoptr(GVariant) found = g_variant_lookup_value(objects, image->path, NULL);

                if (!found && !image->may_go && !image->is_gone)
                        test_fails("%s is not there any more", image->path);
                image->is_gone = !found;
        }
}

static void check_names(Soak *s) {
        GHashTableIter iterator;
        gpointer name, r;

        g_hash_table_iter_init(&iterator, s->names);
        while (g_hash_table_iter_next(&iterator, &name, &r)) {
                g_autofree char *path = image_find(name);

                check_register(name, "the image of this name", r, path ?: "");
        }
}

/* Has all that was sent to a connection until now dispatched. */
static void drain(GDBusConnection *connection) {
        g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
                connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                "GetId", NULL, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);

        while (g_main_context_iteration(NULL, FALSE))
                ;
}

/* A property as signals told it. Return: to be freed, NULL if it is not known. */
static char *cached_property(GDBusObject *object, const char *name) {
        g_autoptr(GDBusInterface) proxy = g_dbus_object_get_interface(object, CONTAINER);
        g_autoptr(GVariant) value =
                proxy ? g_dbus_proxy_get_cached_property(G_DBUS_PROXY(proxy), name) : NULL;

        if (!value)
                return NULL;
        return g_variant_is_of_type(value, G_VARIANT_TYPE_STRING) ?
                       g_variant_dup_string(value, NULL) :
                       g_variant_print(value, FALSE);
}

/* What GDBus's own cache of the tree, which signals keep up to date, has otherwise. Return: to be freed, or NULL. */
static char *compare_cache(Soak *s, GVariant *objects) {
        static const char *const names[] = {
                "Name",          "State",      "ExitCode",   "Pid",
                "MemoryLimit",   "Error",      "StartedAt",  "OOMKilled",
                "RestartPolicy", "FinishedAt", "CgroupPath", "RestartCount",
        };
        g_autolist(GDBusObject) cached = g_dbus_object_manager_get_objects(s->cache);

        if (g_list_length(cached) != g_variant_n_children(objects))
                return g_strdup_printf("%u objects instead of %zu", g_list_length(cached),
                                       g_variant_n_children(objects));
        for (GList *item = cached; item; item = item->next) {
                const char *path = g_dbus_object_get_object_path(item->data);
                g_autoptr(GVariant) interfaces = g_variant_lookup_value(objects, path, NULL);

                if (!interfaces)
                        return g_strdup(path);
                for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
                        g_autofree char *by_signals = cached_property(item->data, names[i]);
                        g_autofree char *actual = property(interfaces, CONTAINER, names[i]);

                        if (by_signals && !g_str_equal(by_signals, actual))
                                return g_strdup_printf("%s of %s is %s instead of %s", names[i],
                                                       path, by_signals, actual);
                }
        }
        return NULL;
}

static void check_cache(Soak *s) {
        gint64 end = g_get_monotonic_time() + HARNESS_PATIENCE_USEC;

        for (;;) {
                g_autoptr(GVariant) objects = get_objects();
                g_autofree char *what = NULL;

                if (!objects)
                        return;
                drain(s->watching);
                what = compare_cache(s, objects);
                if (!what)
                        return;
                /* A container that is started again and again changes just now. */
                if (g_get_monotonic_time() > end) {
                        test_fails("by signals there is %s", what);
                        return;
                }
                g_usleep(50000);
        }
}

/* The host */

static void check_set(const char *what, const char *expected_command, const char *actual_command) {
        g_autofree char *expected = NULL, *actual = NULL;
        gint64 end = g_get_monotonic_time() + HARNESS_PATIENCE_USEC;

        for (;;) {
                g_clear_pointer(&expected, g_free);
                g_clear_pointer(&actual, g_free);
                shell(&expected, NULL, "%s", expected_command);
                shell(&actual, NULL, "%s", actual_command);
                if (g_str_equal(expected, actual))
                        return;
                if (g_get_monotonic_time() > end)
                        break;
                g_usleep(50000);
        }
        test_fails("%s: there is\n%s, there should be\n%s", what, actual, expected);
        report_service();
}

static void check_host(Soak *s) {
        static const struct {
                const char *what, *expected, *actual;
                bool is_kept; /* when it could not be removed, or is of use still */
        } sets[] = {
                {"containers on disk", "mydocker ps -aq --no-trunc | sort",
                 "ls \"$MYDOCKER_SANDBOX\"/state/containers"},
                {"images on disk", "mydocker images -aq --no-trunc | sed 's/^sha256://' | sort -u",
                 "cd \"$MYDOCKER_SANDBOX\"/state/images && ls | grep -v ^names | sed 's/\\.json$//'"},
                {"layers on disk",
                 "cd \"$MYDOCKER_SANDBOX\"/state && cat images/*.json containers/*/*.json |"
                 " grep -o '[0-9a-f]\\{64\\}' | sort -u | while read -r id; do"
                 " [ ! -e layers/$id ] || echo $id; done",
                 "ls \"$MYDOCKER_SANDBOX\"/state/layers"},
                {"what is half done", "",
                 "cd \"$MYDOCKER_SANDBOX\"/state && ls -A staging intents trash | grep -v :$ | grep ."},
                {"records of the supervisor", "mydocker ps -q --no-trunc | sort | sed 's/$/.json/'",
                 "ls -A \"$MYDOCKER_SANDBOX\"/run/state", true},
                {"exits", "", "ls -A \"$MYDOCKER_SANDBOX\"/run/exits", true},
                {"processes", "",
                 "for f in /proc/[0-9]*; do read -r name < $f/comm && [ \"$name\" = mydocker-worker ] &&"
                 " tr '\\0' '\\n' < $f/environ | grep -qxF \"MYDOCKER_SANDBOX=$MYDOCKER_SANDBOX\" &&"
                 " ls -l $f/fd && cat $f/stack; done 2>/dev/null"},
                {"ranges of users", "",
                 "for id in $(mydocker ps -q); do"
                 " head -n 1 /proc/$(mydocker inspect -f '{{.State.Pid}}' $id)/uid_map; done |"
                 " sort | uniq -d"},
        };
        g_autofree char *groups = g_strdup_printf(
                "for f in $(awk '$3 ~ /^cgroup/ { print $2 }' /proc/self/mounts); do"
                " find $f%s -mindepth 1 -maxdepth 1 -type d -printf '%%f\\n' 2>/dev/null; done |"
                " sort -u",
                sandbox_cgroup());

        s->was_scarce |= s->scarce;
        for (guint i = 0; i < G_N_ELEMENTS(sets); i++)
                if (!s->was_scarce || !sets[i].is_kept)
                        check_set(sets[i].what, sets[i].expected, sets[i].actual);
        check_set("control groups", "mydocker ps -q --no-trunc | sort", groups);
}

static void check_canary(void) {
        expect(0, "644 1000 1000 13\ncanary sings\n", "",
               "stat -c '%%a %%u %%g %%s' volume/canary; cat volume/canary");
}

void soak_check(Soak *s) {
        g_autoptr(GVariant) objects = NULL;

        faults_lift(s);
        objects = wait_for_rest(s);
        if (!objects)
                return;
        check_objects(s, objects);
        check_names(s);
        model_sweep(s);
        check_cache(s);
        check_host(s);
        check_canary();
        try_image(s);
}

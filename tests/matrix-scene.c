/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The objects of the authorization matrix, calls to them, and what can be seen of a call's effect. */

#include "matrix.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* dbus-daemon wants users that exist. */
static const uid_t uids[N_USERS] = {0, 1, 2, 65534};
const char *const user_names[N_USERS] = {"root", "the owner", "another user", "nobody"};
GDBusConnection *users[N_USERS];

static struct {
        char *container;
        char *process;
        int terminal; /* the process's other end: without it there would be a hangup */
        char *image;
        char *job;
        int archive; /* what the job reads from, and never gets */
} scene = {.terminal = -1, .archive = -1};

void scene_users_connect(void) {
        for (guint i = 0; i < N_USERS; i++)
                users[i] = bus_connect_as(uids[i]);
}

void scene_users_disconnect(void) {
        for (guint i = 0; i < N_USERS; i++)
                g_object_unref(users[i]);
}

/* Closes what *fd was, and takes the descriptor that the reply's dictionary has under this name. */
static void take_stream(GVariant *streams, const char *name, GUnixFDList *fds, int *fd) {
        gint32 handle;

        if (*fd >= 0)
                close(*fd);
        g_assert_true(g_variant_lookup(streams, name, "h", &handle));
        *fd = g_unix_fd_list_get(fds, handle, NULL);
        g_assert_cmpint(*fd, >=, 0);
}

/* A call of the owner that makes an object and a stream. */
static void make_owned(const char *on, const char *call, const char *arguments, const char *stream,
                       char **path, int *fd) {
        g_autoptr(GVariant) reply = NULL, streams = NULL;
        g_autoptr(GUnixFDList) fds = NULL;
        g_autoptr(GError) error = NULL;

        reply = bus_try(users[OWNER], NULL, &fds, &error, on, call, arguments);
        g_assert_no_error(error);
        g_free(*path);
        g_variant_get(reply, "(o@a{sv})", path, &streams);
        take_stream(streams, stream, fds, fd);
}

static void make_container(void) {
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;

        reply = bus_try(users[OWNER], NULL, NULL, &error, NULL, "Run",
                        "('busybox', ['sh', '-c', 'echo hello; exec sleep 1000'],"
                        " {'name': <'matrix'>, 'tty': <true>, 'env': <['SECRET=1']>,"
                        "  'labels': <{'team': 'red'}>})");
        g_assert_no_error(error);
        g_free(scene.container);
        g_variant_get(reply, "(o)", &scene.container);
}

static bool is_mounted(void) {
        g_autofree char *mounts = read_file("/proc/self/mountinfo");
        g_autofree char *id = g_path_get_basename(scene.container);
        g_autofree char *point = g_strdup_printf("/containers/%s/merged ", id);

        return strstr(mounts, point);
}

static GVariant *managed_objects(void) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
                bus, MANAGER_NAME, "/org/mydocker", "org.freedesktop.DBus.ObjectManager",
                "GetManagedObjects", NULL, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);

        g_assert_no_error(error);
        return g_variant_get_child_value(reply, 0);
}

/* Ends processes that a method began. */
static void end_processes(void) {
        g_autoptr(GVariant) objects = managed_objects();

        for (gsize i = 0; i < g_variant_n_children(objects); i++) {
                g_autoptr(GVariant) entry = g_variant_get_child_value(objects, i);
                const char *path;

                g_variant_get_child(entry, 0, "&o", &path);
                if (!strstr(path, "/processes/") || g_strcmp0(path, scene.process) == 0 ||
                    !bus_property_matches(path, "Running", "true"))
                        continue;
                g_variant_unref(bus_call(path, "Kill", "(9, @a{sv} {})"));
                bus_wait_property(path, "Running", "false");
        }
}

static void restore_container(void) {
        if (!scene.container || !bus_object_exists(scene.container))
                make_container();
        if (is_mounted())
                g_variant_unref(bus_call(scene.container, "Unmount", "(@a{sv} {},)"));
        if (bus_property_matches(scene.container, "State", "'paused'"))
                g_variant_unref(bus_call(scene.container, "Resume", "(@a{sv} {},)"));
        if (!bus_property_matches(scene.container, "State", "'running'"))
                g_variant_unref(bus_call(scene.container, "Start", "(@a{sv} {},)"));
        if (!bus_property_matches(scene.container, "Name", "'matrix'"))
                g_variant_unref(bus_call(scene.container, "Rename", "('matrix', @a{sv} {})"));
        g_variant_unref(bus_call(scene.container, "Update", "({'pids': <uint64 100>},)"));
        g_variant_unref(bus_call(scene.container, "Resize", "(uint16 24, uint16 80, @a{sv} {})"));
}

static void restore_process(void) {
        g_autofree char *command = NULL;

        end_processes();
        if (scene.process && bus_property_matches(scene.process, "Running", "true"))
                g_variant_unref(
                        bus_call(scene.process, "Resize", "(uint16 24, uint16 80, @a{sv} {})"));
        else
                make_owned(scene.container, "Exec", "(['sleep', '1000'], {'tty': <true>})", "tty",
                           &scene.process, &scene.terminal);
}

static void restore_images(void) {
        g_autofree char *made = image_find("made");

        if (made && g_strcmp0(made, scene.image) == 0)
                g_variant_unref(bus_call(made, "Untag", "('made', @a{sv} {})"));
        else if (made)
                image_remove("made");
        if (!scene.image || !bus_object_exists(scene.image)) {
                g_free(scene.image);
                scene.image = image_import("scratch.tar", "scratch", NULL);
        } else if (!bus_property_matches(scene.image, "Names", "*'scratch:latest'*")) {
                g_variant_unref(bus_call(scene.image, "Tag", "('scratch', @a{sv} {})"));
        }
}

/* Ended processes and jobs stay for some seconds, and what is counted may be counted late. */
static bool is_settled(const char *path, GVariant *interfaces) {
        g_autofree char *text = g_variant_print(interfaces, FALSE);

        return (!strstr(path, "/processes/") || strstr(text, "'Running': <true>")) &&
               (!strstr(path, "/jobs/") || strstr(text, "'State': <'running'>"));
}

/* One that a method has begun ends soon. */
static bool another_job_runs(void) {
        g_autoptr(GVariant) objects = managed_objects();

        for (gsize i = 0; i < g_variant_n_children(objects); i++) {
                g_autoptr(GVariant) entry = g_variant_get_child_value(objects, i);
                g_autoptr(GVariant) interfaces = g_variant_get_child_value(entry, 1);
                const char *path;

                g_variant_get_child(entry, 0, "&o", &path);
                if (strstr(path, "/jobs/") && !g_str_equal(path, scene.job) &&
                    is_settled(path, interfaces))
                        return true;
        }
        return false;
}

void scene_restore(void) {
        g_autofree char *made = container_find("made");

        if (made)
                container_remove(made);
        restore_container();
        restore_process();
        restore_images();
        if (!scene.job || !bus_property_matches(scene.job, "State", "'running'"))
                make_owned(NULL, "Import", "('endless', @a{sv} {})", "stdin", &scene.job,
                           &scene.archive);
        WAIT_UNTIL(!another_job_runs());
}

void scene_remove(void) {
        g_autofree char *error = NULL;

        g_variant_unref(bus_call(scene.job, "Cancel", "(@a{sv} {},)"));
        job_finish(scene.job, &error);
        close(scene.archive);
        close(scene.terminal);
        scene.archive = scene.terminal = -1;
        container_remove(scene.container);
        image_remove("scratch");
        g_clear_pointer(&scene.job, g_free);
        g_clear_pointer(&scene.process, g_free);
        g_clear_pointer(&scene.container, g_free);
        g_clear_pointer(&scene.image, g_free);
}

const char *scene_object(const Row *row) {
        return g_str_has_prefix(row->method, "Container.") ? scene.container :
               g_str_has_prefix(row->method, "Image.")     ? scene.image :
               g_str_has_prefix(row->method, "Process.")   ? scene.process :
               g_str_has_prefix(row->method, "Job.")       ? scene.job :
                                                             NULL;
}

char **scene_details(const Row *row) {
        g_autofree char *container = g_path_get_basename(scene.container);
        g_autofree char *image = g_path_get_basename(scene.image);
        g_autofree char *common = NULL, *all = NULL;

        if (g_str_has_prefix(row->method, "Container.") ||
            g_str_has_prefix(row->method, "Process."))
                common = g_strdup_printf(
                        "container=matrix id=%s image=busybox:latest owner=%u label.team=red",
                        container, uids[OWNER]);
        else if (g_str_has_prefix(row->method, "Image."))
                common = g_strdup_printf("id=%s", image);
        else if (g_str_has_prefix(row->method, "Job."))
                common = g_strdup_printf("owner=%u verb=import", uids[OWNER]);
        all = g_strjoin(" ", row->details, common, NULL);
        return g_strsplit(g_strstrip(all), " ", -1);
}

static int compare(gconstpointer a, gconstpointer b) {
        return strcmp(*(char **)a, *(char **)b);
}

char *scene_fingerprint(void) {
        g_autoptr(GVariant) objects = managed_objects();
        g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

        for (gsize i = 0; i < g_variant_n_children(objects); i++) {
                g_autoptr(GVariant) entry = g_variant_get_child_value(objects, i);
                g_autoptr(GVariant) interfaces = g_variant_get_child_value(entry, 1);
                const char *path;

                g_variant_get_child(entry, 0, "&o", &path);
                if (is_settled(path, interfaces))
                        g_ptr_array_add(lines, g_variant_print(entry, FALSE));
        }
        g_ptr_array_sort(lines, compare);
        g_ptr_array_add(lines, g_strdup(is_mounted() ? "mounted" : "not mounted"));
        g_ptr_array_add(lines, NULL);
        return g_strjoinv("\n", (char **)lines->pdata);
}

GVariant *scene_call(const Row *row, User user, GUnixFDList **fds, GError **error) {
        g_autoptr(GUnixFDList) sent = NULL;
        GString *arguments = g_string_new(row->arguments);
        g_autofree char *pid = g_strdup_printf("%u", bus_property_uint(scene.container, "Pid"));
        GVariant *reply;

        g_string_replace(arguments, "$PID", pid, 0);
        if (strstr(arguments->str, "handle 0")) {
                int fd = open("scratch.tar", O_RDONLY | O_CLOEXEC);

                sent = g_unix_fd_list_new_from_array(&fd, 1); /* takes it over */
        }
        reply = bus_try(users[user], sent, fds, error, scene_object(row),
                        strchr(row->method, '.') + 1, arguments->str);
        g_string_free(arguments, TRUE);
        return reply;
}

void scene_before(const Row *row) {
        g_auto(GStrv) words = row->before ? g_strsplit(row->before, " ", 2) : NULL;

        if (words)
                g_variant_unref(bus_call(scene_object(row), words[0], words[1]));
}

char *scene_state(const Row *row) {
        g_autoptr(GVariant) value =
                row->effect == CHANGES ? bus_property(scene_object(row), row->shown) : NULL;

        return value ? g_variant_print(value, FALSE) : NULL;
}

/* One after the other: "made" is there when the job has ended, if one was begun. */
static bool image_was_made(GVariant *reply) {
        g_autofree char *image = NULL;

        if (reply && g_variant_n_children(reply) > 0) {
                g_autoptr(GVariant) results = NULL;
                const char *job;

                g_variant_get_child(reply, 0, "&o", &job);
                results = job_finish(job, NULL);
        }
        image = image_find("made");
        return image;
}

static bool reads(GVariant *reply, GUnixFDList *fds, const char *pattern) {
        g_autofree char *text = NULL;
        gsize size = 0;
        int fd = fds ? g_unix_fd_list_get(fds, 0, NULL) : -1;

        if (fd < 0)
                return false;
        text = read_fd(fd, &size);
        return size > 0 && g_pattern_match_simple(pattern, g_utf8_make_valid(text, size));
}

static bool terminal_is_resized(const Row *row) {
        g_autofree char *size = NULL;
        struct winsize window = {};

        if (g_str_has_prefix(row->method, "Process.")) {
                g_assert_cmpint(ioctl(scene.terminal, TIOCGWINSZ, &window), ==, 0);
                return window.ws_row == 33 && window.ws_col == 99;
        }
        size = container_exec(scene.container, "stty -F /dev/console size");
        return g_str_equal(size, "33 99\n");
}

/* That it is not set is known at once; that it is may come after the reply. */
static bool property_is_set(const Row *row, bool denied) {
        g_auto(GStrv) words = g_strsplit(row->shown, "=", 2);

        if (!denied)
                bus_wait_property(scene_object(row), words[0], words[1]);
        return bus_property_matches(scene_object(row), words[0], words[1]);
}

/* A reply as text, arrays of bytes as what they hold. */
static char *reply_text(GVariant *reply) {
        GString *text = g_string_new(NULL);

        for (gsize i = 0; i < g_variant_n_children(reply); i++) {
                g_autoptr(GVariant) value = g_variant_get_child_value(reply, i);
                g_autofree char *printed = g_variant_print(value, FALSE);

                if (g_variant_is_of_type(value, G_VARIANT_TYPE_BYTESTRING))
                        g_string_append_len(text, g_variant_get_data(value),
                                            g_variant_get_size(value));
                else
                        g_string_append_printf(text, "%s, ", printed);
        }
        return g_string_free(text, FALSE);
}

bool scene_shows(const Row *row, const char *state, GVariant *reply, GUnixFDList *fds) {
        g_autofree char *text = reply ? reply_text(reply) : NULL, *now = NULL;
        g_autofree char *made = row->effect == MAKES_CONTAINER ? container_find("made") : NULL;

        switch (row->effect) {
        case REPLIES:
                return text && g_pattern_match_simple(row->shown, text);
        case READS:
                return reads(reply, fds, row->shown);
        case SETS:
                return property_is_set(row, !reply);
        case CHANGES:
                now = scene_state(row);
                return g_strcmp0(now, state) != 0;
        case REMOVES:
                return !bus_object_exists(scene_object(row));
        case MAKES_CONTAINER:
                return made;
        case MAKES_IMAGE:
                return image_was_made(reply);
        case TAKES_NAME:
                return bus_property_matches(scene.image, "Names", "*[]");
        case RESIZES:
                return terminal_is_resized(row);
        case SHOWS:
                return is_mounted();
        case HIDES:
                return !is_mounted();
        default:
                g_assert_not_reached();
        }
}

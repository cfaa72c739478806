/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls over D-Bus, as any user, with GDBus: the other client library, not the one that the daemon uses. */

#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixconnection.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

GDBusConnection *bus;

/* Ended jobs: path → (result, error name, message, results). Only collected from the main context. */
static GHashTable *ended_jobs;

static void on_job_removed(GDBusConnection *connection, const char *sender, const char *path,
                           const char *interface, const char *signal, GVariant *parameters,
                           gpointer data) {
        const char *job;

        g_variant_get_child(parameters, 0, "&o", &job);
        g_hash_table_replace(ended_jobs, g_strdup(job), g_variant_ref(parameters));
}

/* In a child of a program that may have threads: system calls only. Becomes the user, connects, hands the socket
 * over and stays as long as the parent wants, since the bus and polkit ask who is at the other end. */
static void G_GNUC_NORETURN connect_in_child(int parent, uid_t uid,
                                             const struct sockaddr_un *address) {
        char control[CMSG_SPACE(sizeof(int))] = {}, byte = 0;
        struct iovec iov = {&byte, 1};
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof(control),
        };
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        int fd;

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
            setresuid(uid, uid, uid) < 0 ||
            connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
                _exit(1);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(int));
        if (sendmsg(parent, &message, MSG_NOSIGNAL) < 0)
                _exit(1);
        close(fd);
        while (read(parent, &byte, 1) < 0 && errno == EINTR)
                ;
        _exit(0);
}

static int receive_fd(int socket) {
        char control[CMSG_SPACE(sizeof(int))], byte;
        struct iovec iov = {&byte, 1};
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof(control),
        };
        struct cmsghdr *header;
        int fd;

        if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1)
                return -1;
        header = CMSG_FIRSTHDR(&message);
        if (!header || header->cmsg_type != SCM_RIGHTS)
                return -1;
        memcpy(&fd, CMSG_DATA(header), sizeof(int));
        return fd;
}

/* The helper of a connection ends with it. */
static void on_connection_freed(gpointer data, GObject *connection) {
        close(GPOINTER_TO_INT(data));
}

GDBusConnection *bus_connect_as(uid_t uid) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        g_autoptr(GError) error = NULL;
        g_autoptr(GSocket) socket = NULL;
        g_autoptr(GSocketConnection) stream = NULL;
        GDBusConnection *connection;
        int pair[2], fd, pid;

        g_snprintf(address.sun_path, sizeof(address.sun_path), "%s/bus", sandbox_dir());
        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
        pid = fork();
        g_assert_cmpint(pid, >=, 0);
        if (pid == 0) {
                for (fd = 3; fd < 1024; fd++)
                        if (fd != pair[1])
                                close(fd);
                connect_in_child(pair[1], uid, &address);
        }
        close(pair[1]);
        fd = receive_fd(pair[0]);
        if (fd < 0)
                g_error("user %u cannot connect to the bus", uid);

        socket = g_socket_new_from_fd(fd, &error);
        g_assert_no_error(error);
        stream = g_socket_connection_factory_create_connection(socket);
        /* "Cross namespace": the bus is not told a uid, it sees one. GLib 2.74 refuses the flag in
         * g_dbus_connection_new_sync(). */
        connection = g_initable_new(G_TYPE_DBUS_CONNECTION, NULL, &error, "stream", stream, "flags",
                                    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                            G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION |
                                            G_DBUS_CONNECTION_FLAGS_CROSS_NAMESPACE,
                                    NULL);
        g_assert_no_error(error);
        g_object_weak_ref(G_OBJECT(connection), on_connection_freed, GINT_TO_POINTER(pair[0]));

        if (!ended_jobs) {
                ended_jobs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                                   (GDestroyNotify)g_variant_unref);
                g_dbus_connection_signal_subscribe(
                        connection, MANAGER_NAME, "org.mydocker.Manager", "JobRemoved", NULL, NULL,
                        G_DBUS_SIGNAL_FLAGS_NONE, on_job_removed, NULL, NULL);
        }
        return connection;
}

static const char *interface_of(const char *path) {
        return strstr(path, "/processes/")  ? "org.mydocker.Process" :
               strstr(path, "/containers/") ? "org.mydocker.Container" :
               strstr(path, "/images/")     ? "org.mydocker.Image" :
               strstr(path, "/jobs/")       ? "org.mydocker.Job" :
                                              "org.mydocker.Manager";
}

static GVariant *call(GDBusConnection *caller, GUnixFDList *fds, GUnixFDList **ret_fds,
                      GError **error, const char *path, const char *interface, const char *method,
                      GVariant *arguments) {
        g_autoptr(GError) e = NULL;
        GVariant *reply;

        reply = g_dbus_connection_call_with_unix_fd_list_sync(
                caller ?: bus, MANAGER_NAME, path, interface, method, arguments, NULL,
                G_DBUS_CALL_FLAGS_NO_AUTO_START, HARNESS_PATIENCE * 1000, fds, ret_fds, NULL, &e);
        if (e)
                g_propagate_error(error, g_steal_pointer(&e));
        return reply;
}

static GVariant *parse(const char *format, va_list *ap) {
        GVariant *arguments = g_variant_new_parsed_va(format, ap);

        /* "()" is a tuple already, and text of one argument "('a',)" too. */
        g_assert_true(g_variant_is_of_type(arguments, G_VARIANT_TYPE_TUPLE));
        return arguments;
}

GVariant *bus_try(GDBusConnection *caller, GUnixFDList *fds, GUnixFDList **ret_fds, GError **error,
                  const char *path, const char *method, const char *format, ...) {
        GVariant *arguments;
        va_list ap;

        va_start(ap, format);
        arguments = parse(format, &ap);
        va_end(ap);
        path = path ?: MANAGER_PATH;
        return call(caller, fds, ret_fds, error, path, interface_of(path), method, arguments);
}

GVariant *bus_call(const char *path, const char *method, const char *format, ...) {
        g_autoptr(GError) error = NULL;
        GVariant *arguments, *reply;
        va_list ap;

        va_start(ap, format);
        arguments = parse(format, &ap);
        va_end(ap);
        path = path ?: MANAGER_PATH;
        reply = call(bus, NULL, NULL, &error, path, interface_of(path), method, arguments);
        if (error)
                g_error("%s: %s", method, error->message);
        return reply;
}

void bus_refused(GDBusConnection *caller, const char *error_name, const char *message,
                 const char *path, const char *method, const char *format, ...) {
        g_autoptr(GVariant) arguments = NULL, reply = NULL;
        g_autoptr(GError) error = NULL;
        g_autofree char *what = NULL, *actual = NULL;
        va_list ap;

        va_start(ap, format);
        arguments = g_variant_ref_sink(parse(format, &ap));
        va_end(ap);
        path = path ?: MANAGER_PATH;
        what = g_variant_print(arguments, FALSE);
        if (strlen(what) > 300)
                strcpy(what + 300, "…");
        reply = call(caller, NULL, NULL, &error, path, interface_of(path), method, arguments);
        if (!error) {
                g_autofree char *printed = g_variant_print(reply, TRUE);

                test_fails("%s%s was not refused but gave %s", method, what, printed);
                return;
        }
        actual = g_dbus_error_get_remote_error(error);
        g_dbus_error_strip_remote_error(error);
        if (g_strcmp0(actual, error_name) != 0 ||
            (message && !g_pattern_match_simple(message, error->message)))
                test_fails("%s%s: error is %s “%s”, expected %s “%s”", method, what, actual,
                           error->message, error_name, message ?: "*");
}

GVariant *bus_property(const char *path, const char *name) {
        g_autoptr(GVariant) reply = NULL;
        GVariant *value;

        reply = call(bus, NULL, NULL, NULL, path ?: MANAGER_PATH, "org.freedesktop.DBus.Properties",
                     "Get", g_variant_new("(ss)", interface_of(path ?: MANAGER_PATH), name));
        if (!reply)
                return NULL;
        g_variant_get(reply, "(v)", &value);
        return value;
}

static char *property_text(const char *path, const char *name) {
        g_autoptr(GVariant) value = bus_property(path, name);

        return value ? g_variant_print(value, FALSE) : g_strdup("(no such property or object)");
}

bool bus_property_matches(const char *path, const char *name, const char *pattern) {
        g_autofree char *text = property_text(path, name);

        return g_pattern_match_simple(pattern, text);
}

void bus_check_property(const char *path, const char *name, const char *pattern) {
        g_autofree char *text = property_text(path, name);

        check_text(name, text, pattern);
}

void bus_wait_property(const char *path, const char *name, const char *pattern) {
        gint64 end = g_get_monotonic_time() + HARNESS_PATIENCE_USEC;

        while (!bus_property_matches(path, name, pattern)) {
                if (g_get_monotonic_time() > end) {
                        bus_check_property(path, name, pattern);
                        return;
                }
                g_usleep(10000);
        }
}

guint32 bus_property_uint(const char *path, const char *name) {
        g_autoptr(GVariant) value = bus_property(path, name);

        g_assert_nonnull(value);
        return g_variant_get_uint32(value);
}

bool bus_object_exists(const char *path) {
        g_autoptr(GVariant) value = bus_property(path, strstr(path, "/processes/") ? "Pid" :
                                                       strstr(path, "/jobs/")      ? "State" :
                                                                                     "Id");

        return value;
}

void jobs_forget(void) {
        g_autoptr(GVariant) reply = NULL;

        if (!ended_jobs)
                return;
        /* What the old daemon has sent comes before this answer. */
        reply = g_dbus_connection_call_sync(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                            "org.freedesktop.DBus", "GetId", NULL, NULL,
                                            G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
        while (g_main_context_iteration(NULL, FALSE))
                ;
        g_hash_table_remove_all(ended_jobs);
}

GVariant *job_finish(const char *job, char **error_name) {
        gint64 end = g_get_monotonic_time() + 4 * HARNESS_PATIENCE_USEC;
        const char *result, *name, *message;
        g_autoptr(GVariant) ended = NULL, results = NULL;

        while (!(ended = g_hash_table_lookup(ended_jobs, job))) {
                if (g_get_monotonic_time() > end)
                        g_error("job %s never ends", job);
                if (!g_main_context_iteration(NULL, FALSE))
                        g_usleep(1000);
        }
        g_variant_ref(ended);
        g_hash_table_remove(ended_jobs, job);
        g_variant_get(ended, "(&o&s&s&s@a{sv})", NULL, &result, &name, &message, &results);
        if (g_str_equal(result, "done")) {
                check_text("a successful job's error", name, "");
                return g_steal_pointer(&results);
        }
        check_text("a failed job's message", message, "?*");
        g_test_message("%s %s: %s", job, result, message);
        if (error_name)
                *error_name = g_strdup(name);
        else
                test_fails("the job failed: %s", message);
        return NULL;
}

char *image_import(const char *file, const char *name, char **error_name) {
        g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
        g_autoptr(GVariant) reply = NULL, results = NULL;
        g_autoptr(GError) error = NULL;
        const char *job, *id;
        int fd;

        fd = open(file, O_RDONLY | O_CLOEXEC);
        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(g_unix_fd_list_append(fds, fd, NULL), ==, 0);
        close(fd);

        reply = bus_try(bus, fds, NULL, &error, NULL, "Import", "(%s, {'source': <handle 0>})",
                        name);
        if (!reply) {
                if (error_name)
                        *error_name = g_dbus_error_get_remote_error(error);
                else
                        test_fails("Import: %s", error->message);
                return NULL;
        }
        g_variant_get(reply, "(&o@a{sv})", &job, NULL);
        results = job_finish(job, error_name);
        if (!results)
                return NULL;
        g_assert_true(g_variant_lookup(results, "image", "&s", &id));
        return g_strconcat("/org/mydocker/images/", id, NULL);
}

char *image_find(const char *name) {
        g_autoptr(GVariant) reply = bus_try(bus, NULL, NULL, NULL, NULL, "GetImage", "(%s,)", name);
        char *path = NULL;

        if (reply)
                g_variant_get(reply, "(o)", &path);
        return path;
}

void image_remove(const char *name) {
        g_autofree char *path = image_find(name);
        g_autoptr(GVariant) reply = NULL;

        g_assert_nonnull(path);
        reply = bus_call(path, "Remove", "(@a{sv} {},)");
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What most tests do with a container, each as one call. */

#include "harness.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static char *make(const char *method, const char *options, const char *command) {
        g_autoptr(GVariant) reply = NULL;
        char *path;

        reply = bus_call(NULL, method, "('busybox', ['sh', '-c', %s], %@a{sv})", command,
                         g_variant_new_parsed(options ?: "@a{sv} {}"));
        g_variant_get(reply, "(o)", &path);
        return path;
}

char *container_run(const char *options, const char *command) {
        return make("Run", options, command);
}

char *container_create(const char *options, const char *command) {
        return make("Create", options, command);
}

char *container_exec(const char *path, const char *command) {
        g_autoptr(GVariant) reply = NULL, out = NULL, err = NULL;
        g_autofree char *err_text = NULL;
        int status;

        reply = bus_call(path, "ExecCollect", "(['sh', '-c', %s], @a{sv} {})", command);
        g_variant_get(reply, "(i@ay@ay)", &status, &out, &err);
        err_text = g_strndup(g_variant_get_data(err) ?: "", g_variant_get_size(err));
        if (status != 0)
                test_fails("“%s” in the container: status %d: %s", command, status, err_text);
        return g_strndup(g_variant_get_data(out) ?: "", g_variant_get_size(out));
}

void container_touch(const char *path, const char *file) {
        /* Its end may be that of the process that has made it, too, whatever its status is then. */
        g_variant_unref(bus_call(path, "ExecCollect", "(['touch', %s], @a{sv} {})", file));
}

void container_remove(const char *path) {
        g_autoptr(GVariant) reply = bus_call(path, "Remove", "({'force': <true>},)");
}

char *container_find(const char *name) {
        g_autoptr(GVariant) reply =
                bus_try(bus, NULL, NULL, NULL, NULL, "GetContainer", "(%s,)", name);
        char *path = NULL;

        if (reply)
                g_variant_get(reply, "(o)", &path);
        return path;
}

int container_wait(const char *path) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
                bus, MANAGER_NAME, path, "org.mydocker.Container", "Wait",
                g_variant_new_parsed("(@a{sv} {},)"), NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START,
                G_MAXINT, NULL, &error);
        int status;

        if (error)
                g_error("Wait: %s", error->message);
        g_variant_get(reply, "(i)", &status);
        return status;
}

char *container_output(const char *options, const char *command, int *status) {
        g_autofree char *path = container_run(options, command);
        int r = container_wait(path);
        char *output = container_log(path);

        if (status)
                *status = r;
        else if (r != 0)
                test_fails("“%s”: status %d: %s", command, r, output);
        container_remove(path);
        return output;
}

char *container_raw_log(const char *path, const char *options) {
        g_autoptr(GUnixFDList) fds = NULL;
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;
        int fd;

        reply = bus_try(bus, NULL, &fds, &error, path, "OpenLogs", "(%@a{sv},)",
                        g_variant_new_parsed(options ?: "@a{sv} {}"));
        if (error)
                g_error("OpenLogs: %s", error->message);
        fd = g_unix_fd_list_get(fds, 0, &error);
        g_assert_no_error(error);
        return read_fd(fd, NULL);
}

char *container_log(const char *path) {
        g_autofree char *raw = container_raw_log(path, NULL);
        g_auto(GStrv) lines = g_strsplit(raw, "\n", -1);
        GString *text = g_string_new(NULL);

        for (char **line = lines; *line && **line; line++) {
                g_auto(GStrv) fields = g_strsplit(*line, " ", 4);

                if (g_strv_length(fields) != 4) {
                        test_fails("not a line of a log: “%s”", *line);
                        continue;
                }
                g_string_append(text, fields[3]);
                if (g_str_equal(fields[2], "F"))
                        g_string_append_c(text, '\n');
        }
        return g_string_free(text, FALSE);
}

void container_wait_log(const char *path, const char *text) {
        g_autofree char *log = NULL;

        WAIT_UNTIL((g_free(log), log = container_log(path), strstr(log, text)));
}

char *read_fd(int fd, gsize *ret_size) {
        GString *text = g_string_new(NULL);
        char buffer[16384];
        ssize_t n;

        while ((n = read(fd, buffer, sizeof(buffer))) > 0 || (n < 0 && errno == EINTR))
                if (n > 0)
                        g_string_append_len(text, buffer, n);
        if (n < 0 && errno != EIO) /* EIO: the end of a terminal */
                test_fails("read: %s", g_strerror(errno));
        close(fd);
        if (ret_size)
                *ret_size = text->len;
        return g_string_free(text, FALSE);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A recorder of all messages in the order in which they arrive. It listens in GDBus's own thread, before replies
 * and signals are handed to different places. */

#include "harness.h"

struct Recorder {
        GDBusConnection *connection;
        guint filter;
        guint subscription;
        GMutex mutex;
        GCond cond;
        GPtrArray *lines;
};

static char *describe_changes(GDBusMessage *message, const char *path) {
        g_autoptr(GVariant) changed =
                g_variant_get_child_value(g_dbus_message_get_body(message), 1);
        GString *text = g_string_new(NULL);
        GVariantIter iter;
        const char *name;
        GVariant *value;

        g_string_printf(text, "PropertiesChanged %s", path);
        g_variant_iter_init(&iter, changed);
        while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
                g_autofree char *printed = g_variant_print(value, FALSE);

                g_string_append_printf(text, " %s=%s", name, printed);
                g_variant_unref(value);
        }
        return g_string_free(text, FALSE);
}

static char *describe_signal(GDBusMessage *message) {
        const char *member = g_dbus_message_get_member(message);
        const char *path = g_dbus_message_get_path(message);

        if (g_str_has_prefix(member, "Interfaces")) {
                const char *object;

                g_variant_get_child(g_dbus_message_get_body(message), 0, "&o", &object);
                return g_strdup_printf("%s %s", member, object);
        }
        if (g_str_equal(member, "PropertiesChanged"))
                return describe_changes(message, path);
        return g_strdup_printf("%s %s", member, path);
}

static GDBusMessage *on_message(GDBusConnection *connection, GDBusMessage *message,
                                gboolean incoming, gpointer data) {
        Recorder *recorder = data;
        char *line = NULL;

        if (!incoming)
                return message;
        switch (g_dbus_message_get_message_type(message)) {
        case G_DBUS_MESSAGE_TYPE_SIGNAL:
                line = describe_signal(message);
                break;
        case G_DBUS_MESSAGE_TYPE_METHOD_RETURN:
                line = g_strdup_printf("reply %u", g_dbus_message_get_reply_serial(message));
                break;
        case G_DBUS_MESSAGE_TYPE_ERROR:
                line = g_strdup_printf("error %u %s", g_dbus_message_get_reply_serial(message),
                                       g_dbus_message_get_error_name(message));
                break;
        default:
                return message;
        }

        g_mutex_lock(&recorder->mutex);
        g_ptr_array_add(recorder->lines, line);
        g_cond_broadcast(&recorder->cond);
        g_mutex_unlock(&recorder->mutex);
        return message;
}

static void ignore(GDBusConnection *connection, const char *sender, const char *path,
                   const char *interface, const char *signal, GVariant *parameters, gpointer data) {
}

/* Called when the filter, which runs in another thread, has surely ended. */
static void release(gpointer data) {
        Recorder *recorder = data;

        g_object_unref(recorder->connection);
        g_ptr_array_unref(recorder->lines);
        g_mutex_clear(&recorder->mutex);
        g_cond_clear(&recorder->cond);
        g_free(recorder);
}

Recorder *recorder_new(GDBusConnection *connection) {
        Recorder *recorder = g_new0(Recorder, 1);
        g_autoptr(GVariant) reply = NULL;

        recorder->connection = g_object_ref(connection);
        recorder->lines = g_ptr_array_new_with_free_func(g_free);
        g_mutex_init(&recorder->mutex);
        g_cond_init(&recorder->cond);
        /* So that the bus sends us all of its signals. */
        recorder->subscription =
                g_dbus_connection_signal_subscribe(connection, MANAGER_NAME, NULL, NULL, NULL, NULL,
                                                   G_DBUS_SIGNAL_FLAGS_NONE, ignore, NULL, NULL);
        /* Also of what is done at once over another connection. */
        reply = g_dbus_connection_call_sync(
                connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                "GetId", NULL, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
        recorder->filter = g_dbus_connection_add_filter(connection, on_message, recorder, release);
        return recorder;
}

void recorder_free(Recorder *recorder) {
        g_autoptr(GDBusConnection) connection = g_object_ref(recorder->connection);

        g_dbus_connection_signal_unsubscribe(connection, recorder->subscription);
        g_dbus_connection_remove_filter(connection, recorder->filter);
}

static int find(Recorder *recorder, guint start, const char *pattern) {
        for (guint i = start; i < recorder->lines->len; i++)
                if (g_pattern_match_simple(pattern, recorder->lines->pdata[i]))
                        return i;
        return -1;
}

int recorder_find(Recorder *recorder, guint start, const char *pattern) {
        int r;

        g_mutex_lock(&recorder->mutex);
        r = find(recorder, start, pattern);
        g_mutex_unlock(&recorder->mutex);
        return r;
}

int recorder_wait(Recorder *recorder, guint start, const char *pattern) {
        gint64 end = g_get_monotonic_time() + HARNESS_PATIENCE_USEC;
        int r;

        g_mutex_lock(&recorder->mutex);
        while ((r = find(recorder, start, pattern)) < 0)
                if (!g_cond_wait_until(&recorder->cond, &recorder->mutex, end))
                        break;
        g_mutex_unlock(&recorder->mutex);
        return r;
}

guint recorder_length(Recorder *recorder) {
        guint n;

        g_mutex_lock(&recorder->mutex);
        n = recorder->lines->len;
        g_mutex_unlock(&recorder->mutex);
        return n;
}

char *recorder_dump(Recorder *recorder) {
        GString *text = g_string_new(NULL);

        g_mutex_lock(&recorder->mutex);
        for (guint i = 0; i < recorder->lines->len; i++)
                g_string_append_printf(text, "%3u %s\n", i, (char *)recorder->lines->pdata[i]);
        g_mutex_unlock(&recorder->mutex);
        return g_string_free(text, FALSE);
}

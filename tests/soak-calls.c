/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One call of the soak test: it is sent, its answer is judged, and perhaps its job's end is waited for. */

#include "soak.h"

#include <string.h>

/* What users may beside their own containers; the same as the rules in test-soak.c. */
static bool may(const Client *client, const char *action) {
        static const char *const nobody[] = {
                "org.mydocker.container.run",    "org.mydocker.container.lifecycle",
                "org.mydocker.workspace.commit", "org.mydocker.image.import",
                "org.mydocker.image.export",     "org.mydocker.image.remove",
        };

        if (client->uid == 0 || g_str_equal(action, "org.mydocker.container.run"))
                return true;
        for (guint i = 0; client->uid == 65534 && i < G_N_ELEMENTS(nobody); i++)
                if (g_str_equal(nobody[i], action))
                        return true;
        return false;
}

static bool is_denied_to(const Op *op) {
        const Call *call = op->call;

        return call->action && !may(op->client, call->action) &&
               (call->always_asked || !op->container || op->container->owner != op->client->uid);
}

static void op_free(Op *op) {
        g_ptr_array_remove_fast(op->soak->running, op);
        g_strfreev(op->contents);
        g_free(op->text);
        g_free(op);
}

Op *op_new(Soak *s, Client *client, const Call *call, Container *container) {
        Op *op = g_new0(Op, 1);

        op->soak = s;
        op->client = client;
        op->call = call;
        op->container = container;
        return op;
}

void op_writes(Op *op, Register *of, const char *value) {
        op->of = of;
        op->write = register_write(of, value);
}

static bool is_one_of(const char *name, const char *names) {
        g_auto(GStrv) words = g_strsplit(names ?: "", " ", -1);

        return g_strv_contains((const char *const *)words, name);
}

static bool may_be_gone(const Op *op) {
        return (op->container && op->container->may_go) || (op->image && op->image->may_go);
}

/* Return: whether it has certainly not happened. */
static bool judge(Op *op, const char *name, const char *message) {
        Soak *s = op->soak;

        if (is_one_of(name, "NoReply Closed Disconnected")) {
                if (!s->daemon_died && op->client != s->waiter)
                        test_fails("%s: %s", op->call->method, message);
                s->n_lost++;
                return false;
        }
        s->n_refused++;
        if (is_one_of(name, "NameHasNoOwner ServiceUnknown") && s->daemon_died)
                return true;
        if (is_one_of(name, "AccessDenied InteractiveAuthorizationRequired") && is_denied_to(op))
                return true;
        if (is_one_of(name, "NoSuchContainer NoSuchImage UnknownObject UnknownMethod ImageInUse") &&
            may_be_gone(op))
                return true;
        if (is_one_of(name, op->call->allowed))
                return !op->call->half;
        /* With the container it is executed in. */
        if (g_str_equal(name, "RuntimeFailed") && strstr(message, "the new process was killed") &&
            op->container && op->container->disturbed)
                return false;
        if (is_one_of(name, "RuntimeFailed Cancelled") &&
            (s->supervisor_died || s->worker_died || s->daemon_died || s->scarce))
                return false;
        if (is_one_of(name, "RuntimeFailed QuotaExceeded LimitsExceeded NoMemory ImageCorrupt"
                            " NotSupported Failed") &&
            s->scarce)
                return false;
        if (g_str_equal(name, "LimitsExceeded") && op->client->uid != 0)
                return true;
        test_fails("%s of %s by %u: %s: %s", op->call->method,
                   op->container ? op->container->path :
                   op->image     ? op->image->path :
                                   "-",
                   op->client->uid, name, message);
        return false;
}

/* The last part of an error's name, or what GDBus itself says. */
static char *error_name(const GError *error) {
        g_autofree char *remote = g_dbus_error_get_remote_error(error);

        if (remote)
                return g_strdup(strrchr(remote, '.') + 1);
        return g_strdup(g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) ? "TimedOut" :
                                                                                   "Closed");
}

static void op_failed(Op *op, const char *name, const char *message) {
        bool is_sure = judge(op, name, message);

        if (op->call->half && op->container)
                register_write(&op->container->state, "down");
        if (is_sure) {
                if (op->write)
                        write_failed(op->of, op->write);
                if (op->meanwhile)
                        write_failed(op->of, op->meanwhile);
                if (op->creation)
                        g_ptr_array_remove(op->soak->creations, op->creation);
        }
}

static void op_succeeded(Op *op) {
        op->soak->n_answered++;
        if (is_denied_to(op))
                test_fails("%s of %s was allowed to %u", op->call->method,
                           op->container ? op->container->path : "-", op->client->uid);
        if (op->write)
                write_happened(op->write);
        if (op->meanwhile)
                write_failed(op->of, op->meanwhile);
        if (op->removal && op->container)
                op->container->is_gone = true;
        if (op->removal && op->image)
                op->image->is_gone = true;
}

/* The job's end; `arguments` NULL: nobody will ever hear of it. */
static void op_ended(Op *op, GVariant *arguments) {
        const char *result, *name, *message;
        g_autoptr(GVariant) results = NULL;

        if (arguments) {
                g_variant_get(arguments, "(&o&s&s&s@a{sv})", NULL, &result, &name, &message,
                              &results);
                if (!g_str_equal(result, "done")) {
                        op_failed(op, strrchr(name, '.') ? strrchr(name, '.') + 1 : name, message);
                } else {
                        op_succeeded(op);
                        if (op->ended)
                                op->ended(op, results);
                }
        } else {
                op->soak->n_lost++;
        }
        op_free(op);
}

static void job_begun(Op *op, const char *job) {
        Client *client = op->client;
        g_autoptr(GVariant) ended = g_hash_table_lookup(client->ended, job);

        if (ended)
                g_variant_ref(ended);
        if (op->life != client->life) {
                op_ended(op, NULL);
        } else if (ended) {
                g_hash_table_remove(client->ended, job);
                op_ended(op, ended);
        } else {
                g_hash_table_insert(client->jobs, g_strdup(job), op);
        }
}

/* A job's path is one of the reply's values. */
static char *find_job(GVariant *reply) {
        for (gsize i = 0; i < g_variant_n_children(reply); i++) {
                g_autoptr(GVariant) value = g_variant_get_child_value(reply, i);

                if (g_variant_is_of_type(value, G_VARIANT_TYPE_OBJECT_PATH))
                        return g_variant_dup_string(value, NULL);
        }
        return NULL;
}

static void on_answer(GObject *source, GAsyncResult *result, gpointer data) {
        Op *op = data;
        g_autoptr(GUnixFDList) fds = NULL;
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = g_dbus_connection_call_with_unix_fd_list_finish(
                G_DBUS_CONNECTION(source), &fds, result, &error);

        if (error) {
                g_autofree char *name = error_name(error);

                op_failed(op, name, error->message);
                op_free(op);
                return;
        }
        if (op->call->is_job) {
                g_autofree char *job = find_job(reply);

                if (op->answered)
                        op->answered(op, reply, fds);
                job_begun(op, job);
                return;
        }
        op_succeeded(op);
        if (op->answered)
                op->answered(op, reply, fds);
        op_free(op);
}

static const char *interface_of(const char *path) {
        return strstr(path, "/processes/")  ? "org.mydocker.Process" :
               strstr(path, "/containers/") ? "org.mydocker.Container" :
               strstr(path, "/images/")     ? "org.mydocker.Image" :
                                              "org.mydocker.Manager";
}

void op_issue(Op *op, const char *path, GVariant *arguments, GUnixFDList *fds) {
        Soak *s = op->soak;
        /* Longer than everything that can be in its way. */
        int timeout = op->client == s->waiter ? G_MAXINT : 4 * HARNESS_PATIENCE * 1000;

        s->n_ops++;
        op->begin = model_now();
        op->life = op->client->life;
        if (op->removal && op->container && !is_denied_to(op))
                op->container->may_go = true;
        if (op->removal && op->image && !is_denied_to(op))
                op->image->may_go = true;
        g_ptr_array_add(s->running, op);
        g_dbus_connection_call_with_unix_fd_list(
                op->client->connection, MANAGER_NAME, path ?: MANAGER_PATH,
                interface_of(path ?: MANAGER_PATH), op->call->method, arguments, NULL,
                G_DBUS_CALL_FLAGS_NO_AUTO_START, timeout, fds, NULL, on_answer, op);
}

void jobs_lose(Client *client) {
        g_autoptr(GList) ops = g_hash_table_get_values(client->jobs);

        g_hash_table_remove_all(client->jobs);
        g_hash_table_remove_all(client->ended);
        for (GList *op = ops; op; op = op->next)
                op_ended(op->data, NULL);
}

static void on_job_removed(GDBusConnection *connection, const char *sender, const char *path,
                           const char *interface, const char *signal, GVariant *parameters,
                           gpointer data) {
        Client *client = data;
        const char *job;
        Op *op;

        g_variant_get_child(parameters, 0, "&o", &job);
        op = g_hash_table_lookup(client->jobs, job);
        if (op) {
                g_hash_table_remove(client->jobs, job);
                op_ended(op, parameters);
        } else {
                g_hash_table_replace(client->ended, g_strdup(job), g_variant_ref(parameters));
        }
}

static void on_name(GDBusConnection *connection, const char *sender, const char *path,
                    const char *interface, const char *signal, GVariant *parameters,
                    gpointer data) {
        Client *client = data;
        const char *owner;

        g_variant_get_child(parameters, 2, "&s", &owner);
        if (*owner)
                return;
        client->life++;
        jobs_lose(client);
}

Client *client_new(uid_t uid) {
        Client *client = g_new0(Client, 1);

        client->uid = uid;
        client->connection = bus_connect_as(uid);
        client->jobs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        client->ended = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                              (GDestroyNotify)g_variant_unref);
        client->job_subscription = g_dbus_connection_signal_subscribe(
                client->connection, MANAGER_NAME, "org.mydocker.Manager", "JobRemoved", NULL, NULL,
                G_DBUS_SIGNAL_FLAGS_NONE, on_job_removed, client, NULL);
        client->name_watch = g_dbus_connection_signal_subscribe(
                client->connection, "org.freedesktop.DBus", "org.freedesktop.DBus",
                "NameOwnerChanged", NULL, MANAGER_NAME, G_DBUS_SIGNAL_FLAGS_NONE, on_name, client,
                NULL);
        return client;
}

Client *client_free(Client *client) {
        if (!client)
                return NULL;
        g_dbus_connection_signal_unsubscribe(client->connection, client->job_subscription);
        g_dbus_connection_signal_unsubscribe(client->connection, client->name_watch);
        g_dbus_connection_close_sync(client->connection, NULL, NULL);
        g_hash_table_unref(client->jobs);
        g_hash_table_unref(client->ended);
        g_object_unref(client->connection);
        g_free(client);
        return NULL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/report.h"

#include <pwd.h>
#include <stdarg.h>
#include <string.h>

#include "shared/strutil.h"

static bool coloured(void) {
        const char *term = getenv("TERM");

        return isatty(STDERR_FILENO) && !getenv("NO_COLOR") && !(term && streq(term, "dumb"));
}

static void begin(void) {
        fflush(stdout);
        fputs(coloured() ? "\033[1;31mError:\033[0m " : "Error: ", stderr);
}

int report(const Client *client, const char *format, ...) {
        va_list ap;

        begin();
        va_start(ap, format);
        vfprintf(stderr, format, ap);
        va_end(ap);
        fputc('\n', stderr);
        return client->verb->failure;
}

int report_errno(const Client *client, int number, const char *what) {
        return report(client, "%s: %s", what, strerror(abs(number)));
}

int report_usage(const Client *client, int status, const char *format, ...) {
        va_list ap;

        fflush(stdout);
        va_start(ap, format);
        vfprintf(stderr, format, ap);
        va_end(ap);
        fprintf(stderr,
                "\n\nUsage:  mydocker %s %s\n\nRun 'mydocker %s --help' for more information\n",
                client->title, client->verb->synopsis, client->title);
        return status;
}

int report_unreachable(const Client *client, int number) {
        int status;

        if (!client->host)
                return report_errno(client, number, "cannot reach the system bus");
        status = report(client, "cannot reach the system bus of %s: %s", client->host,
                        strerror(abs(number)));
        fputs("It takes ssh access, and systemd on the other machine.\n", stderr);
        return status;
}

/* Finds the name of one of our polkit actions in a text and copies it to `ret`. */
static bool find_action(const char *text, char *ret, size_t size) {
        static const char *const groups[] = {"container.", "workspace.", "image.", "cgroup.",
                                             "job."};
        const char *prefix = "org.mydocker.";

        for (const char *p = text; (p = strstr(p, prefix)); p++) {
                size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyz-.M");

                while (n > 0 && p[n - 1] == '.')
                        n--;
                for (size_t i = 0; i < ELEMENTSOF(groups); i++)
                        if (startswith(p + strlen(prefix), groups[i]) && n < size) {
                                memcpy(ret, p, n);
                                ret[n] = '\0';
                                return true;
                        }
        }
        return false;
}

static int report_denied(const Client *client, const sd_bus_error *error) {
        struct passwd *user = getpwuid(geteuid());
        char action[128];
        int status;

        if (!find_action(error->message ?: "", action, sizeof(action)))
                return report(client, "permission denied: %s", error->message ?: error->name);

        status = report(client, "permission denied: polkit does not allow the action %s", action);
        fprintf(stderr,
                "To allow it, an administrator can write /etc/polkit-1/rules.d/50-mydocker.rules:\n"
                "    polkit.addRule(function(action, subject) {\n"
                "        if (action.id == \"%s\" && subject.user == \"%s\")\n"
                "            return polkit.Result.YES;\n"
                "    });\n",
                action, user ? user->pw_name : "NAME");
        return status;
}

static int report_name_in_use(const Client *client, const char *name) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *path = "";

        if (sd_bus_call_method(client->bus, BUS_NAME, MANAGER_PATH, MANAGER_INTERFACE,
                               "GetContainer", &error, &reply, "s", name) >= 0)
                (void)sd_bus_message_read(reply, "o", &path);
        return report(
                client,
                "Conflict. The container name \"/%s\" is already in use by container \"%s\". You have to "
                "remove (or rename) that container to be able to reuse that name.",
                name, path_id(path));
}

/* It runs, or will again by its restart policy. */
static int report_running(const Client *client, const char *name) {
        _cleanup_message_ sd_bus_message *reply = NULL, *value = NULL;
        const char *path, *state = "running";

        if (sd_bus_call_method(client->bus, BUS_NAME, MANAGER_PATH, MANAGER_INTERFACE,
                               "GetContainer", NULL, &reply, "s", name) >= 0 &&
            sd_bus_message_read(reply, "o", &path) > 0 &&
            sd_bus_get_property(client->bus, BUS_NAME, path, CONTAINER_INTERFACE, "State", NULL,
                                &value, "s") >= 0)
                (void)sd_bus_message_read(value, "s", &state);
        return report(client,
                      "container %s is %s: stop the container before removing it or force remove",
                      name, state);
}

static bool daemon_is_absent(const sd_bus_error *error) {
        static const char *const names[] = {
                "org.freedesktop.DBus.Error.ServiceUnknown",
                "org.freedesktop.DBus.Error.NameHasNoOwner",
                "org.freedesktop.DBus.Error.TimedOut",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(error->name, names[i]))
                        return true;
        return startswith(error->name, "org.freedesktop.DBus.Error.Spawn.");
}

static int report_absent(const Client *client, const sd_bus_error *error) {
        int status = report(client, "the mydocker daemon is not running: %s",
                            error->message ?: error->name);

        fputs("To start it: systemctl start mydocker.service\n", stderr);
        return status;
}

/* Errors that are told by what the user typed alone. */
static const struct {
        const char *name;
        const char *before, *after;
} phrases[] = {
        {"NoSuchContainer", "No such container: ", ""},
        {"NoSuchImage", "No such image: ", ""},
        {"ContainerNotRunning", "container ", " is not running"},
        {"ContainerPaused", "Container ", " is paused, unpause it first"},
        {"ImageExists", "image ", " exists already; --replace moves the name to the new image"},
};

int report_bus_error(const Client *client, const sd_bus_error *error, int r, const char *subject) {
        const char *text = error->message ?: error->name;

        if (!error->name || sd_bus_error_has_name(error, SD_BUS_ERROR_DISCONNECTED) ||
            r == -ENOTCONN || r == -ECONNRESET)
                return report_unreachable(client, r);
        for (size_t i = 0; subject && i < ELEMENTSOF(phrases); i++)
                if (error_is(error, phrases[i].name))
                        return report(client, "%s%s%s", phrases[i].before, subject,
                                      phrases[i].after);
        if (subject && streq(error->name, "org.freedesktop.DBus.Error.UnknownObject"))
                return report(client, "No such container: %s", subject);
        if (subject && streq(error->name, "org.freedesktop.DBus.Error.FileNotFound"))
                return report(client, "No such container:path: %s", subject);
        if (subject && error_is(error, "ContainerRunning"))
                return report_running(client, subject);
        if (subject && error_is(error, "NameInUse"))
                return report_name_in_use(client, subject);
        if (streq(error->name, "org.freedesktop.DBus.Error.AccessDenied") ||
            streq(error->name, "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"))
                return report_denied(client, error);
        if (daemon_is_absent(error))
                return report_absent(client, error);
        if (sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY))
                return report(client, "the mydocker daemon did not answer: %s", text);

        r = report(client, "%s", text);
        if (client->verb->failure != EXIT_OUR_FAILURE)
                return r;
        if (error_is(error, "CommandNotFound"))
                return 127;
        return error_is(error, "NotExecutable") ? 126 : r;
}

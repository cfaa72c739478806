/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/run-log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cli/container-options.h"
#include "cli/containers.h"
#include "cli/log-reader.h"
#include "cli/report.h"
#include "cli/session.h"
#include "shared/strutil.h"

/* How long to wait between looks at the log: longer and longer, since each is a round trip. */
#define INTERVAL_MIN_MS 50L
#define INTERVAL_MAX_MS 1000L
#define INTERVAL_MAX_LOCAL_MS 200L

/* Ctrl-C on a terminal ends ssh, too. A new connection goes on where the old one was. */
static void reconnect(Client *client) {
        client->bus = sd_bus_flush_close_unref(client->bus);
}

/* Return: the number of a signal that came, else 0. */
static int await_signal(const sigset_t *signals, long ms) {
        const struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
        int number = sigtimedwait(signals, NULL, &ts);

        return number < 0 || number == SIGWINCH ? 0 : number;
}

/* What there is to see now. *running is false once the process has ended for good, with *status, and all of its output was
 * shown. */
static int look(LogReader *reader, bool *running, int *status) {
        Container c = {};
        /* First this, then the log: nothing of its last words is missed. */
        int r = container_get(reader->client, reader->path, reader->operand, &c);

        if (r == 0)
                r = log_reader_read(reader);
        *running = r == 0 && container_is_running(&c);
        *status = c.exit_code;
        container_done(&c);
        return r;
}

/* Shows the output until the end. A container that is started again by its policy goes on. */
static int follow(LogReader *reader, const sigset_t *signals, bool signal_proxy) {
        Client *client = reader->client;
        long interval = INTERVAL_MIN_MS;
        int n_interrupts = 0, status = 0;
        bool running = true;

        for (;;) {
                int number, r = look(reader, &running, &status);

                if (r != 0)
                        return r;
                if (!running)
                        break;
                number = await_signal(signals, interval);
                interval =
                        MIN(interval * 2, client->host ? INTERVAL_MAX_MS : INTERVAL_MAX_LOCAL_MS);
                if (number == 0)
                        continue;
                if (!signal_proxy || session_is_insisting(number, &n_interrupts))
                        return 128 + number;
                reconnect(client);
                /* It may have ended by now; then the next look tells. */
                r = client_connect(client);
                if (r != 0)
                        return r;
                (void)sd_bus_call_method(client->bus, BUS_NAME, reader->path, CONTAINER_INTERFACE,
                                         "Kill", NULL, NULL, "ia{sv}", number, 0);
                interval = INTERVAL_MIN_MS;
        }
        return status >= 0 ? status :
                             report(client, "the process ended while nobody could see how");
}

static int start_and_follow(Client *client, char **operands, bool signal_proxy, char **path) {
        _cleanup_message_ sd_bus_message *call = NULL;
        LogLines lines = {.fds = {STDOUT_FILENO, STDERR_FILENO}};
        _cleanup_log_reader_ LogReader reader = {
                .client = client, .operand = operands[0], .lines = &lines, .tail = LOG_READER_ALL};
        sigset_t signals;
        int r = container_options_call(client, "Run", operands, &call);

        if (r == 0)
                r = container_options_send(client, call, operands, path);
        if (r != 0)
                return r;
        r = session_block_signals(&signals);
        if (r < 0)
                return report_errno(client, r, "cannot block signals");
        reader.path = *path;
        r = follow(&reader, &signals, signal_proxy);
        log_lines_done(&lines);
        return r;
}

static bool has_log_file(void) {
        const char *driver = container_options.log_driver;

        return !driver || streq(driver, "file");
}

bool run_needs_log(const Client *client) {
        const ContainerOptions *o = &container_options;
        bool restarts = o->restart && !streq(o->restart, "no") && !o->remove;

        return client->host || (restarts && !o->interactive && !o->tty && has_log_file());
}

int run_from_log(Client *client, char **operands, bool signal_proxy) {
        _cleanup_free_ char *path = NULL;
        int r, removed;

        if (container_options.interactive || container_options.tty)
                return client_require_local(client, "running with -i or -t");
        if (!has_log_file())
                return client_require_local(client, "running in the foreground without a log file");
        /* Not before its log was read to the end. */
        container_options.keep = true;
        r = start_and_follow(client, operands, signal_proxy, &path);
        if (!container_options.remove || !path)
                return r;
        if (r != 0)
                reconnect(client); /* that may be why */
        removed = client_call(client, operands[0], path, CONTAINER_INTERFACE, "Remove", NULL,
                              "a{sv}", 1, "force", "b", true);
        return r != 0 ? r : removed;
}

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
#define INTERVAL_MAX_MS 200L

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
                interval = MIN(interval * 2, INTERVAL_MAX_MS);
                if (number == 0)
                        continue;
                if (!signal_proxy || session_is_insisting(number, &n_interrupts))
                        return 128 + number;
                /* It may have ended by now; then the next look tells. */
                (void)sd_bus_call_method(client->bus, BUS_NAME, reader->path, CONTAINER_INTERFACE,
                                         "Kill", NULL, NULL, "ia{sv}", number, 0);
                interval = INTERVAL_MIN_MS;
        }
        return status >= 0 ? status :
                             report(client, "the process ended while nobody could see how");
}

static bool has_log_file(void) {
        const char *driver = container_options.log_driver;

        return !driver || streq(driver, "file");
}

bool run_needs_log(void) {
        const ContainerOptions *o = &container_options;
        bool restarts = o->restart && !streq(o->restart, "no") && !o->remove;

        return restarts && !o->interactive && !o->tty && has_log_file();
}

int run_show_log(Client *client, const char *path, const char *operand, const sigset_t *signals,
                 bool signal_proxy) {
        LogLines lines = {.fds = {STDOUT_FILENO, STDERR_FILENO}};
        _cleanup_log_reader_ LogReader reader = {
                .client = client, .path = path, .operand = operand, .lines = &lines};
        int r = follow(&reader, signals, signal_proxy);

        log_lines_done(&lines);
        return r;
}

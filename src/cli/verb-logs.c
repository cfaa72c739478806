/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker logs */

#include <inttypes.h>

#include "cli/containers.h"
#include "cli/human.h"
#include "cli/log-lines.h"
#include "cli/log-reader.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "shared/error.h"
#include "shared/process.h"
#include "shared/strutil.h"

#define NONE LOG_READER_ALL
#define POLL_INTERVAL_US 1000000

static int parse_tail(const char *value, void *target);
static int parse_point(const char *value, void *target);

static bool follow, timestamps;
static uint64_t tail = NONE, since = NONE, until = NONE;

static const Option options[] = {
        {"f follow", NULL, "Follow log output", option_bool, &follow},
        {"since", "string", "Show logs since timestamp (2024-01-02T13:23:37Z) or relative (42m)",
         parse_point, &since},
        {"n tail", "string", "Number of lines to show from the end of the logs (default \"all\")",
         parse_tail, &tail},
        {"t timestamps", NULL, "Show timestamps", option_bool, &timestamps},
        {"until", "string", "Show logs before a timestamp or relative", parse_point, &until},
        {},
};

static int parse_tail(const char *value, void *target) {
        if (!streq(value, "all") && !streq(value, "-1"))
                return option_u64(value, target);
        *(uint64_t *)target = NONE;
        return 0;
}

static int parse_point(const char *value, void *target) {
        return parse_time(value, now_realtime(), target);
}

static int add_options(sd_bus_message *call) {
        TRY(options_open(call));
        if (follow)
                TRY(options_add(call, "follow", "b", true));
        if (tail != NONE)
                TRY(options_add(call, "tail", "t", tail));
        if (since != NONE)
                TRY(options_add(call, "since", "t", since));
        if (until != NONE)
                TRY(options_add(call, "until", "t", until));
        return options_close(call);
}

static int copy_log(int fd, LogLines *lines) {
        char buffer[65536];
        ssize_t n;

        for (;;) {
                n = read(fd, buffer, sizeof(buffer));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : 0;
                TRY(log_lines_feed(lines, buffer, (size_t)n));
        }
}

static int open_logs(Client *client, const char *path, const char *operand, LogLines *lines) {
        _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
        int fd, r = client_new_call(client, path, CONTAINER_INTERFACE, "OpenLogs", &call);

        if (r != 0)
                return r;
        r = add_options(call);
        if (r < 0)
                return report_errno(client, r, "cannot make a message");
        r = client_send(client, call, operand, &reply);
        if (r != 0)
                return r;
        r = sd_bus_message_read(reply, "h", &fd);
        if (r >= 0)
                r = copy_log(fd, lines);
        return r < 0 ? report_errno(client, r, "cannot read the log") : 0;
}

static int still_runs(Client *client, const char *path, const char *operand, bool *ret) {
        Container c = {};
        int r = container_get(client, path, operand, &c);

        *ret = r == 0 && container_is_running(&c);
        container_done(&c);
        return r;
}

/* For another machine, where no descriptor gets to. */
static int read_logs(Client *client, const char *path, const char *operand, LogLines *lines) {
        _cleanup_log_reader_ LogReader reader = {
                .client = client, .path = path, .operand = operand, .lines = lines, .tail = tail};
        _cleanup_free_ char *first = NULL, *last = NULL;
        bool running = true;
        int r;

        if ((since != NONE && !(first = human_rfc3339(since))) ||
            (until != NONE && until != 0 && !(last = human_rfc3339(until))))
                return report_errno(client, ENOMEM, "cannot go on");
        lines->since = first;
        lines->until = last;
        r = log_reader_read(&reader);
        while (r == 0 && follow && running && (!last || now_realtime() <= until)) {
                usleep(POLL_INTERVAL_US);
                /* First this, then what came before: nothing of its last words is missed. */
                r = still_runs(client, path, operand, &running);
                if (r == 0)
                        r = log_reader_read(&reader);
        }
        return r;
}

static int logs(Client *client, char **operands) {
        LogLines lines = {.timestamps = timestamps, .fds = {STDOUT_FILENO, STDERR_FILENO}};
        _cleanup_free_ char *path = NULL;
        int r = client_find_container(client, operands[0], &path);

        if (r != 0)
                return r;
        r = client->host ? read_logs(client, path, operands[0], &lines) :
                           open_logs(client, path, operands[0], &lines);
        log_lines_done(&lines);
        return r;
}

const Verb verb_logs = {
        .name = "logs",
        .synopsis = "[OPTIONS] CONTAINER",
        .summary = "Fetch the logs of a container",
        .options = options,
        .min_operands = 1,
        .max_operands = 1,
        .first = OPERAND_CONTAINER,
        .failure = 1,
        .run = logs,
};

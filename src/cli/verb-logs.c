/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker logs */

#include <inttypes.h>

#include "cli/containers.h"
#include "cli/human.h"
#include "cli/journal.h"
#include "cli/log-lines.h"
#include "cli/remote.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "shared/error.h"
#include "shared/json.h"
#include "shared/process.h"
#include "shared/strutil.h"

#define NONE JOURNAL_NONE
/* How long to wait for an entry until the container is looked at again, and after its end. */
#define INTERVAL_US 1000000

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

/* Whether more may come. The daemon may be away for a moment; what it does not know any more has ended. */
static bool still_runs(Client *client, const char *path) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        Container c = {};
        bool running;

        if (sd_bus_get_property_string(client->bus, BUS_NAME, path, CONTAINER_INTERFACE, "State",
                                       &error, &c.state) < 0)
                return sd_bus_error_has_name(&error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
                       sd_bus_error_has_name(&error, SD_BUS_ERROR_NAME_HAS_NO_OWNER) ||
                       sd_bus_error_has_name(&error, SD_BUS_ERROR_NO_REPLY);
        running = container_is_running(&c);
        free(c.state);
        return running;
}

/* All there is; with --follow until the container has ended, and a little longer: the journal may be behind. */
static int copy_journal(Client *client, JournalReader *reader, const char *path) {
        for (;;) {
                /* First this, then what came before: nothing of its last words is missed. */
                bool running = follow && still_runs(client, path);
                int r = journal_reader_read(reader);

                if (r == 0 && follow)
                        r = journal_reader_wait(reader, INTERVAL_US);
                if (r < 0)
                        return report_errno(client, r, "cannot read the journal");
                if (!follow || (r == 0 && !running) || (until != NONE && now_realtime() > until))
                        return 0;
        }
}

static int read_journal(Client *client, const char *path, LogLines *lines) {
        _cleanup_journal_reader_ JournalReader reader = {
                .lines = lines, .since = since, .until = until, .tail = tail};
        int r = journal_reader_open(&reader, path_id(path));

        return r < 0 ? report_errno(client, r, "cannot open the journal") :
                       copy_journal(client, &reader, path);
}

/* Whether it is logged to the journal. */
static int finds_in_journal(Client *client, const char *path, const char *operand, bool *ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ Json *config = NULL;
        const char *text, *driver = "";
        Json *spec = NULL, *log = NULL;
        int r = client_call(client, operand, path, CONTAINER_INTERFACE, "GetConfig", &reply,
                            "a{sv}", 0);

        if (r != 0)
                return r;
        r = sd_bus_message_read(reply, "s", &text);
        if (r >= 0)
                r = json_parse(text, strlen(text), &config);
        if (r >= 0)
                r = json_get_object(config, "spec", &spec);
        if (r > 0)
                r = json_get_object(spec, "log", &log);
        if (r > 0)
                r = json_peek_string(log, "driver", &driver);
        *ret = streq(driver, "journald");
        return r < 0 ? report_errno(client, r, "cannot read the daemon's answer") : 0;
}

static int read_elsewhere(Client *client, const char *path, const char *operand, LogLines *lines,
                          const sd_bus_error *error, int failure) {
        bool in_journal = false;
        int r;

        if (!sd_bus_error_has_name(error, SD_BUS_ERROR_NOT_SUPPORTED))
                return report_bus_error(client, error, failure, operand);
        r = finds_in_journal(client, path, operand, &in_journal);
        if (r != 0)
                return r;
        return in_journal ? read_journal(client, path, lines) :
                            report_bus_error(client, error, failure, operand);
}

/* A log that is followed ends with its container, or with the daemon that answered `reply`. */
static int check_end(Client *client, const char *path, const char *operand, sd_bus_message *reply) {
        _cleanup_message_ sd_bus_message *pong = NULL;
        int r = client_call(client, operand, path, "org.freedesktop.DBus.Peer", "Ping", &pong, "");

        if (r != 0)
                return r;
        return streq_ptr(sd_bus_message_get_sender(pong), sd_bus_message_get_sender(reply)) ?
                       0 :
                       report(client,
                              "the mydocker daemon was restarted, the log is not followed any more");
}

static int open_logs(Client *client, const char *path, const char *operand, LogLines *lines) {
        _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        int fd, r = client_new_call(client, path, CONTAINER_INTERFACE, "OpenLogs", &call);

        if (r != 0)
                return r;
        r = add_options(call);
        if (r < 0)
                return report_errno(client, r, "cannot make a message");
        r = client_exchange(client, call, &error, &reply);
        if (r < 0)
                return read_elsewhere(client, path, operand, lines, &error, r);
        r = sd_bus_message_read(reply, "h", &fd);
        if (r >= 0)
                r = copy_log(fd, lines);
        if (r < 0)
                return report_errno(client, r, "cannot read the log");
        return follow ? check_end(client, path, operand, reply) : 0;
}

static int add_point(char ***words, const char *name, uint64_t us) {
        return us == NONE ? 0 :
                            strv_consume(words, strf("%s=%" PRIu64 ".%06" PRIu64, name,
                                                     us / 1000000, us % 1000000));
}

static int logs_remotely(Client *client, const char *operand) {
        _cleanup_strv_free_ char **words = NULL;
        int r = remote_add(&words, "logs", NULL);

        if (r >= 0 && follow)
                r = remote_add(&words, "--follow", NULL);
        if (r >= 0 && timestamps)
                r = remote_add(&words, "--timestamps", NULL);
        if (r >= 0 && tail != NONE)
                r = strv_consume(&words, strf("--tail=%" PRIu64, tail));
        if (r >= 0)
                r = add_point(&words, "--since", since);
        if (r >= 0)
                r = add_point(&words, "--until", until);
        if (r >= 0)
                r = remote_add(&words, "--", operand, NULL);
        return r < 0 ? report_errno(client, r, "cannot go on") : remote_exec(client, words, false);
}

static int logs(Client *client, char **operands) {
        LogLines lines = {.timestamps = timestamps, .fds = {STDOUT_FILENO, STDERR_FILENO}};
        _cleanup_free_ char *path = NULL;
        int r;

        if (client->host)
                return logs_remotely(client, operands[0]);
        r = client_find_container(client, operands[0], &path);
        if (r != 0)
                return r;
        r = open_logs(client, path, operands[0], &lines);
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

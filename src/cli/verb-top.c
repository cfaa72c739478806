/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker top */

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>

#include "cli/properties.h"
#include "cli/report.h"
#include "cli/show.h"
#include "cli/verbs.h"
#include "shared/error.h"
#include "shared/strutil.h"

typedef struct Process {
        uint32_t pid, ppid, uid;
        uint64_t start_time, cpu_time, memory;
        char *command;
} Process;

static const PropertyMap process_map[] = {
        {"pid", "u", offsetof(Process, pid)},
        {"ppid", "u", offsetof(Process, ppid)},
        {"uid", "u", offsetof(Process, uid)},
        {"start-time", "t", offsetof(Process, start_time)},
        {"cpu-time", "t", offsetof(Process, cpu_time)},
        {"memory", "t", offsetof(Process, memory)},
        {"command", "s", offsetof(Process, command)},
        {},
};

static const Field fields[] = {
        {"UID", "UID"},     {"PID", "PID"},   {"PPID", "PPID"}, {"RSS", "RSS"},
        {"STIME", "STIME"}, {"TIME", "TIME"}, {"CMD", "CMD"},
};
#define COLUMNS "{{.UID}}\t{{.PID}}\t{{.PPID}}\t{{.RSS}}\t{{.STIME}}\t{{.TIME}}\t{{.CMD}}"

/* As ps(1): the hour, or for yesterday and before the day. */
static char *format_start(uint64_t us) {
        time_t start = (time_t)(us / 1000000), now = time(NULL);
        char text[32];
        struct tm tm;

        if (!localtime_r(&start, &tm) ||
            strftime(text, sizeof(text), now - start < 24 * 3600 ? "%H:%M" : "%b%d", &tm) == 0)
                return strdup("-");
        return strdup(text);
}

static char *format_cpu_time(uint64_t us) {
        uint64_t seconds = us / 1000000;

        return strf("%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600, seconds / 60 % 60,
                    seconds % 60);
}

static int add_row(Listing *listing, const Process *p) {
        char *cells[] = {
                strf("%" PRIu32, p->uid),    strf("%" PRIu32, p->pid),
                strf("%" PRIu32, p->ppid),   strf("%" PRIu64, p->memory / 1024),
                format_start(p->start_time), format_cpu_time(p->cpu_time),
                strdup(p->command ?: ""),
        };

        return listing_add(listing, cells);
}

static int read_processes(sd_bus_message *reply, Listing *listing) {
        int r;

        TRY(sd_bus_message_enter_container(reply, 'a', "a{sv}"));
        while ((r = sd_bus_message_at_end(reply, false)) == 0) {
                Process process = {};

                r = properties_read(reply, process_map, &process);
                if (r >= 0)
                        r = add_row(listing, &process);
                properties_done(process_map, &process);
                if (r < 0)
                        return r;
        }
        return r;
}

/* What ps(1) calls the columns. */
static const struct {
        const char *word, *key;
} words[] = {
        {"uid", "UID"},      {"user", "UID"},    {"pid", "PID"},     {"ppid", "PPID"},
        {"rss", "RSS"},      {"stime", "STIME"}, {"start", "STIME"}, {"time", "TIME"},
        {"cputime", "TIME"}, {"cmd", "CMD"},     {"args", "CMD"},    {"command", "CMD"},
};

static const char *find_column(const char *word) {
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq(words[i].word, word))
                        return words[i].key;
        return NULL;
}

/* Adds the columns of a list such as "pid,args". Return: 0, or the verb's exit status. */
static int add_columns(Client *client, const char *list, char **template) {
        _cleanup_strv_free_ char **names = strv_split(list, ',');

        if (!names)
                return report_errno(client, ENOMEM, "cannot go on");
        for (char **name = names; *name; name++) {
                const char *key = find_column(*name);
                char *longer;

                if (!key)
                        return report(client, "unknown column: %s", *name);
                longer = strf("%s%s{{.%s}}", *template ?: "", *template ? "\t" : "", key);
                if (!longer)
                        return report_errno(client, ENOMEM, "cannot go on");
                free(*template);
                *template = longer;
        }
        return 0;
}

/* As for ps(1): "-o LIST" and "o LIST" choose columns, also at the end of other letters ("-eo LIST"), which ask for what
 * is shown anyway. A word that is a column is one too. */
static int read_arguments(Client *client, char **arguments, char **template) {
        for (; *arguments; arguments++) {
                const char *word = *arguments, *letters = word + (*word == '-');
                size_t n = strspn(letters, "AaefFgjluwxo");
                int r = 0;

                if (find_column(word) || strchr(word, ','))
                        r = add_columns(client, word, template);
                else if (*letters && !letters[n] && letters[n - 1] == 'o' && arguments[1])
                        r = add_columns(client, *++arguments, template);
                else if (!*letters || letters[n] || letters[n - 1] == 'o')
                        return report(client, "unknown option of ps: %s", word);
                if (r != 0)
                        return r;
        }
        return 0;
}

static int top(Client *client, char **operands) {
        _cleanup_free_ char *template = NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL;
        _cleanup_listing_ Listing listing = {};
        int r = read_arguments(client, operands + 1, &template);

        if (r == 0)
                r = client_find_container(client, operands[0], &path);
        if (r == 0)
                r = client_call(client, operands[0], path, CONTAINER_INTERFACE, "GetProcesses",
                                &reply, "a{sv}", 0);
        if (r == 0)
                r = show_begin(client, &listing, fields, ELEMENTSOF(fields), NULL,
                               template ?: COLUMNS);
        if (r != 0)
                return r;
        r = read_processes(reply, &listing);
        return r < 0 ? report_errno(client, r, "cannot read the daemon's answer") :
                       show_end(client, &listing);
}

const Verb verb_top = {
        .name = "top",
        .synopsis = "CONTAINER [ps OPTIONS]",
        .summary = "Display the running processes of a container",
        .min_operands = 1,
        .max_operands = UINT_MAX,
        .command = true,
        .first = OPERAND_RUNNING_CONTAINER,
        .failure = 1,
        .run = top,
};

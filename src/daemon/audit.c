/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <systemd/sd-journal.h>

#include "daemon/audit.h"
#include "shared/log.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define FIELDS_MAX 24

static const struct {
        const char *verdict, *reason;
        int priority;
} reasons[_AUDIT_REASON_MAX] = {
        [AUDIT_ROOT] = {"allowed", "root", LOG_INFO},
        [AUDIT_OWNER] = {"allowed", "owner", LOG_INFO},
        [AUDIT_POLKIT] = {"allowed", "polkit", LOG_INFO},
        [AUDIT_REFUSED] = {"refused", "polkit", LOG_NOTICE},
        [AUDIT_NO_POLKIT] = {"refused", "no-polkit", LOG_WARNING},
};

/* Details as fields. Labels are not among them: they are many, and anybody's. */
static const struct {
        const char *detail, *field;
} detail_fields[] = {
        {"verb", "MYDOCKER_VERB"},
        {"container", "MYDOCKER_CONTAINER"},
        {"id", "MYDOCKER_ID"},
        {"image", "MYDOCKER_IMAGE"},
        {"image-id", "MYDOCKER_IMAGE_ID"},
        {"owner", "MYDOCKER_OWNER"},
        {"user", "MYDOCKER_USER"},
        {"volume", "MYDOCKER_VOLUME"},
        {"target", "MYDOCKER_TARGET"},
};

/* What is worth a place in the line for people. */
static const char *const line_details[] = {"verb", "container", "image", "volume", "target"};

static const char *detail(char *const *details, const char *key) {
        for (; details && *details; details += 2)
                if (streq(details[0], key))
                        return details[1];
        return NULL;
}

/* One line, whatever a caller has put into its arguments. Return: to be freed, NULL when out of memory. */
static char *format_line(const Caller *caller, const char *action, char *const *details,
                         AuditReason reason) {
        char *line;

        line = strf("%s %s (%s) to uid %u", action, reasons[reason].verdict, reasons[reason].reason,
                    caller->uid);
        for (size_t i = 0; line && i < ELEMENTSOF(line_details); i++) {
                const char *value = detail(details, line_details[i]);
                char *longer;

                if (isempty(value))
                        continue;
                longer = strf("%s, %s %.256s", line, line_details[i], value);
                free(line);
                line = longer;
        }
        for (char *c = line; c && *c; c++)
                if (iscntrl((unsigned char)*c))
                        *c = '?';
        return line;
}

/* Fields of one record. */
typedef struct Fields {
        struct iovec items[FIELDS_MAX];
        size_t n;
} Fields;

static void fields_done(Fields *fields) {
        for (size_t i = 0; i < fields->n; i++)
                free(fields->items[i].iov_base);
}

/* Something that is not known makes no field. */
static int add(Fields *fields, const char *name, const char *value) {
        char *text;

        if (isempty(value))
                return 0;
        text = strf("%s=%s", name, value);
        if (!text || fields->n >= FIELDS_MAX) {
                free(text);
                return -ENOMEM;
        }
        fields->items[fields->n++] = (struct iovec){text, strlen(text)};
        return 0;
}

static int add_number(Fields *fields, const char *name, long long value) {
        char text[32];

        snprintf(text, sizeof(text), "%lld", value);
        return add(fields, name, text);
}

static int add_caller(Fields *fields, const Caller *caller) {
        TRY(add_number(fields, "MYDOCKER_CALLER_UID", caller->uid));
        if (caller->pid > 0)
                TRY(add_number(fields, "MYDOCKER_CALLER_PID", caller->pid));
        if (caller->login_uid != UINT32_MAX)
                TRY(add_number(fields, "MYDOCKER_CALLER_LOGIN_UID", caller->login_uid));
        TRY(add(fields, "MYDOCKER_CALLER_UNIT", caller->unit));
        return add(fields, "MYDOCKER_CALLER_SESSION", caller->session);
}

static int send_record(const Caller *caller, sd_bus_message *message, const char *action,
                       char *const *details, AuditReason reason, const char *line) {
        _cleanup_(fields_done) Fields fields = {};

        TRY(add(&fields, "MESSAGE", line));
        TRY(add(&fields, "MESSAGE_ID", AUDIT_MESSAGE_ID));
        TRY(add_number(&fields, "PRIORITY", reasons[reason].priority));
        TRY(add(&fields, "SYSLOG_IDENTIFIER", "mydockerd"));
        TRY(add(&fields, "MYDOCKER_ACTION", action));
        TRY(add(&fields, "MYDOCKER_VERDICT", reasons[reason].verdict));
        TRY(add(&fields, "MYDOCKER_REASON", reasons[reason].reason));
        TRY(add(&fields, "MYDOCKER_METHOD", sd_bus_message_get_member(message)));
        TRY(add(&fields, "MYDOCKER_OBJECT", sd_bus_message_get_path(message)));
        TRY(add_caller(&fields, caller));
        for (size_t i = 0; i < ELEMENTSOF(detail_fields); i++)
                TRY(add(&fields, detail_fields[i].field, detail(details, detail_fields[i].detail)));
        return sd_journal_sendv(fields.items, (int)fields.n);
}

void audit(const Caller *caller, sd_bus_message *message, const char *action, char *const *details,
           AuditReason reason) {
        _cleanup_free_ char *line = format_line(caller, action, details, reason);
        int r = -ENOENT;

        /* Where the socket is missing sd_journal_sendv() says that all went well. */
        if (line && access(JOURNAL_SOCKET, F_OK) >= 0)
                r = send_record(caller, message, action, details, reason, line);
        if (r < 0)
                log_full(reasons[reason].priority, "%s", line ?: action);
}

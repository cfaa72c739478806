/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The messages that we send to polkit, and what its answer says. */

#include "daemon/authorize.h"
#include "daemon/errors.h"
#include "shared/log.h"

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"

/* A person reads, finds a password and types it. */
#define QUESTION_USEC (5ULL * 60 * 1000 * 1000)

/* polkit's flag AllowUserInteraction */
#define POLKIT_INTERACTIVE 1U

const char *const authorize_actions[] = {
        ACTION_RUN,          ACTION_RUN_PRIVILEGED, ACTION_LIFECYCLE,    ACTION_EXEC,
        ACTION_INSPECT,      ACTION_REMOVE,         ACTION_VOLUME,       ACTION_MOUNT,
        ACTION_COMMIT,       ACTION_LIMIT,          ACTION_IMAGE_IMPORT, ACTION_IMAGE_EXPORT,
        ACTION_IMAGE_REMOVE, ACTION_IMAGE_PRUNE,    ACTION_JOB_CANCEL,   NULL,
};

int polkit_check(Manager *m, sd_bus_slot **slot, const char *sender, const char *action,
                 char *const *details, bool interactive, const char *cancellation,
                 sd_bus_message_handler_t callback, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;

        TRY(sd_bus_message_new_method_call(m->bus, &call, POLKIT_NAME, POLKIT_PATH,
                                           POLKIT_INTERFACE, "CheckAuthorization"));
        /* The connection, not a process: a pid can be somebody else's by the time it is looked at
         * (the class of CVE-2013-4288). */
        TRY(sd_bus_message_append(call, "(sa{sv})s", "system-bus-name", 1, "name", "s", sender,
                                  action));
        TRY(sd_bus_message_open_container(call, 'a', "{ss}"));
        for (; details && *details; details += 2)
                TRY(sd_bus_message_append(call, "{ss}", details[0], details[1]));
        TRY(sd_bus_message_close_container(call));
        TRY(sd_bus_message_append(call, "us", interactive ? POLKIT_INTERACTIVE : 0, cancellation));
        return sd_bus_call_async(m->bus, slot, call, callback, userdata, QUESTION_USEC);
}

void polkit_cancel(Manager *m, const char *cancellation) {
        int r;

        r = sd_bus_call_method_async(m->bus, NULL, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE,
                                     "CancelCheckAuthorization", NULL, NULL, "s", cancellation);
        if (r < 0)
                log_errno(LOG_WARNING, r, "Cannot cancel a question to polkit");
}

Verdict polkit_verdict(sd_bus_message *reply, const char *action) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        int authorized, challenge;

        if (error) {
                log_warning("polkit did not decide about %s: %s", action,
                            error->message ?: error->name);
                return VERDICT_FAILED;
        }
        if (sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
            sd_bus_message_read(reply, "bb", &authorized, &challenge) < 0)
                return VERDICT_FAILED;
        return authorized ? VERDICT_YES : challenge ? VERDICT_CHALLENGE : VERDICT_NO;
}

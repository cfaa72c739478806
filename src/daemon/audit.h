/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The record of what somebody asked for and was allowed or refused: in the journal, with the fields that
 * mydockerd(8) lists, or where no journal listens as a line of the log. */

#include "daemon/caller.h"

/* Which records these are, among all of the journal. */
#define AUDIT_MESSAGE_ID "9c4a498edd824657a9782538c15b7d9d"

typedef enum AuditReason {
        AUDIT_ROOT,  /* allowed, since nobody asks root */
        AUDIT_OWNER, /* allowed, since it is the caller's own */
        AUDIT_POLKIT,
        AUDIT_REFUSED,
        AUDIT_NO_POLKIT, /* refused, since polkit did not answer */
        _AUDIT_REASON_MAX,
} AuditReason;

/* `details` are those for polkit's rules, pairs of key and value. */
void audit(const Caller *caller, sd_bus_message *message, const char *action, char *const *details,
           AuditReason reason);

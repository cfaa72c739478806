/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Whether a caller may: root may, for all others polkit is asked. A handler validates its arguments,
 * looks its objects up, and calls authorize(). If polkit has to be asked, the handler returns 1 without
 * a reply, and the same message is dispatched again, from the top, when the verdict is there: arguments
 * and objects are so validated and looked up again, and the verdict counts only for the same action
 * with the same details (the class of CVE-2020-1712). */

#include "daemon/caller.h"
#include "daemon/quota.h"

#define ACTION_RUN "org.mydocker.container.run"
#define ACTION_RUN_PRIVILEGED "org.mydocker.container.run-privileged"
#define ACTION_LIFECYCLE "org.mydocker.container.lifecycle"
#define ACTION_EXEC "org.mydocker.container.exec"
#define ACTION_INSPECT "org.mydocker.container.inspect"
#define ACTION_REMOVE "org.mydocker.container.remove"
#define ACTION_VOLUME "org.mydocker.workspace.volume"
#define ACTION_MOUNT "org.mydocker.workspace.mount"
#define ACTION_COMMIT "org.mydocker.workspace.commit"
#define ACTION_LIMIT "org.mydocker.cgroup.limit"
#define ACTION_IMAGE_IMPORT "org.mydocker.image.import"
#define ACTION_IMAGE_EXPORT "org.mydocker.image.export"
#define ACTION_IMAGE_REMOVE "org.mydocker.image.remove"
#define ACTION_IMAGE_PRUNE "org.mydocker.image.prune"
#define ACTION_JOB_CANCEL "org.mydocker.job.cancel"

/* All actions, for GetPermissions(); ends with NULL. */
extern const char *const authorize_actions[];

/* Details for polkit's rules: pairs of key and value. Return: 0 or -ENOMEM. */
int details_add(char ***details, const char *key, const char *value);

/* Return: 1 when the caller may; 0 when polkit was asked; or a negative errno with `error` set. */
int authorize(Manager *m, sd_bus_message *message, const char *action, char *const *details,
              sd_bus_error *error);

/* The same for what the owner of a thing may do unasked. */
int authorize_owner(Manager *m, sd_bus_message *message, uid_t owner, const char *action,
                    char *const *details, sd_bus_error *error);

/* Verdicts are forgotten when their message has been handled. A handler that puts its message aside, to
 * be dispatched once more later, keeps them by authorize_hold(), until authorize_release(). */
void authorize_hold(Manager *m, sd_bus_message *message);
void authorize_release(Manager *m, sd_bus_message *message);

/* Whether this call was dispatched before and comes again, perhaps minutes later. */
bool authorize_was_asked(Manager *m, sd_bus_message *message);

/* Whether the user may wait for one more answer of polkit, so that nobody keeps it busy for all others.
 * Return: 0 or a negative errno with `error` set. */
int authorize_check_quota(Manager *m, uid_t uid, sd_bus_error *error);

void checks_done(Manager *m);

/* Calls of GetPermissions (permissions.c): how many of the user wait, and their end. */
uint64_t permissions_pending(Manager *m, uid_t uid);
void permissions_done(Manager *m);

/* Asks polkit (polkit.c), which asks a person only if `interactive`. `callback` gets `userdata` and polkit's reply, which
 * polkit_verdict() understands.
 * Return: 0 or a negative errno. */
int polkit_check(Manager *m, sd_bus_slot **slot, const char *sender, const char *action,
                 char *const *details, bool interactive, const char *cancellation,
                 sd_bus_message_handler_t callback, void *userdata);

/* Takes a question back, and the dialog with it. */
void polkit_cancel(Manager *m, const char *cancellation);

typedef enum Verdict {
        VERDICT_PENDING,
        VERDICT_YES,
        VERDICT_NO,
        VERDICT_CHALLENGE, /* yes, after a password */
        VERDICT_FAILED,    /* polkit is not there, or does not know the action */
} Verdict;

Verdict polkit_verdict(sd_bus_message *reply, const char *action);

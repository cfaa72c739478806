/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/authorize.h"
#include "daemon/audit.h"
#include "daemon/errors.h"
#include "shared/log.h"

/* One question about a call, and its answer. */
typedef struct Question {
        const char *action;
        char **details;
        Verdict verdict;
} Question;

/* A call and what was found out about it. It lives until its message has been handled. */
struct Check {
        LIST_LINKS(Check) links;
        Manager *manager;
        sd_bus_message *message;
        Caller *caller;
        Question *questions; /* the last one may be pending */
        size_t n_questions;
        sd_bus_slot *slot;
        sd_bus_track *track;
        sd_event_source *defer;
        char cancellation[32];
        bool held;
};

static void check_free(Check *check) {
        LIST_REMOVE(check->manager->checks, check, links);
        for (size_t i = 0; i < check->n_questions; i++)
                strv_free(check->questions[i].details);
        free(check->questions);
        sd_bus_slot_unref(check->slot);
        sd_bus_track_unref(check->track);
        sd_event_source_disable_unref(check->defer);
        sd_bus_message_unref(check->message);
        caller_unref(check->caller);
        free(check);
}

void checks_done(Manager *m) {
        while (m->checks)
                check_free(m->checks);
}

static Check *find(Manager *m, sd_bus_message *message) {
        Check *check = m->checks;

        while (check && check->message != message)
                check = check->links.next;
        return check;
}

int details_add(char ***details, const char *key, const char *value) {
        TRY(strv_extend(details, key));
        return strv_extend(details, value ?: "");
}

static bool details_equal(char *const *a, char *const *b) {
        size_t n = strv_length(a);

        if (n != strv_length(b))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!streq(a[i], b[i]))
                        return false;
        return true;
}

static int refuse(const Question *question, sd_bus_message *message, sd_bus_error *error) {
        if (question->verdict == VERDICT_CHALLENGE &&
            sd_bus_message_get_allow_interactive_authorization(message) <= 0)
                return sd_bus_error_setf(error, ERROR_INTERACTIVE,
                                         "Interactive authentication is required for %s",
                                         question->action);
        return sd_bus_error_setf(error, ERROR_ACCESS_DENIED,
                                 question->verdict == VERDICT_FAILED ?
                                         "Not authorized for %s: polkit is not available" :
                                         "Not authorized for %s",
                                 question->action);
}

/* Runs after all that is more urgent, so after the message was dispatched again. */
static int on_defer(sd_event_source *source, void *userdata) {
        check_free(userdata);
        return 0;
}

static void forget_soon(Check *check) {
        if (check->held)
                return;
        if (check->defer) {
                sd_event_source_set_enabled(check->defer, SD_EVENT_ONESHOT);
                return;
        }
        if (sd_event_add_defer(check->manager->event, &check->defer, on_defer, check) >= 0)
                sd_event_source_set_priority(check->defer, SD_EVENT_PRIORITY_IDLE);
}

static int on_verdict(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Check *check = userdata;
        Question *question = &check->questions[check->n_questions - 1];
        int r;

        check->slot = sd_bus_slot_unref(check->slot);
        check->track = sd_bus_track_unref(check->track);
        question->verdict = polkit_verdict(reply, question->action);
        /* Nobody has answered for so long: the dialog goes away, too. Else nothing is left to cancel. */
        if (question->verdict == VERDICT_FAILED)
                polkit_cancel(check->manager, check->cancellation);
        audit(check->caller, check->message, question->action, question->details,
              question->verdict == VERDICT_YES    ? AUDIT_POLKIT :
              question->verdict == VERDICT_FAILED ? AUDIT_NO_POLKIT :
                                                    AUDIT_REFUSED);

        r = sd_bus_message_rewind(check->message, true);
        if (r >= 0)
                r = sd_bus_enqueue_for_read(check->manager->bus, check->message);
        if (r < 0)
                reply_error(check->message, ERROR_LIMITS_EXCEEDED, "Not enough memory");
        forget_soon(check);
        return 0;
}

/* The caller has gone: so does polkit's dialog, and the caller's place. */
static int on_vanished(sd_bus_track *track, void *userdata) {
        Check *check = userdata;

        polkit_cancel(check->manager, check->cancellation);
        check_free(check);
        return 0;
}

/* How many answers of polkit the user waits for. */
static uint64_t count_pending(Manager *m, uid_t uid) {
        uint64_t n = permissions_pending(m, uid);

        LIST_FOREACH(check, m->checks, links)
        n += check->slot && check->caller->uid == uid;
        return n;
}

int authorize_check_quota(Manager *m, uid_t uid, sd_bus_error *error) {
        return quota_check_count(uid, "user-checks-max", count_pending(m, uid),
                                 m->config.user_checks_max, error);
}

static Check *check_new(Manager *m, sd_bus_message *message, const Caller *caller) {
        static unsigned long long last;
        Check *check = calloc(1, sizeof(*check));

        if (!check)
                return NULL;
        check->manager = m;
        check->message = sd_bus_message_ref(message);
        check->caller = caller_ref(caller);
        snprintf(check->cancellation, sizeof(check->cancellation), "mydocker%llu", ++last);
        LIST_PREPEND(m->checks, check, links);
        return check;
}

static int add_question(Check *check, const char *action, char *const *details, Verdict verdict) {
        _cleanup_strv_free_ char **copy = strv_copy(details);
        Question *grown;

        if (!copy)
                return -ENOMEM;
        grown = reallocarray(check->questions, check->n_questions + 1, sizeof(Question));
        if (!grown)
                return -ENOMEM;
        check->questions = grown;
        grown[check->n_questions++] = (Question){action, TAKE_PTR(copy), verdict};
        return 0;
}

static int ask(Check *check, const char *action, char *const *details) {
        Manager *m = check->manager;

        TRY(add_question(check, action, details, VERDICT_PENDING));
        if (check->defer)
                sd_event_source_set_enabled(check->defer, SD_EVENT_OFF);
        TRY(sd_bus_track_new(m->bus, &check->track, on_vanished, check));
        TRY(sd_bus_track_add_sender(check->track, check->message));
        return polkit_check(m, &check->slot, sd_bus_message_get_sender(check->message), action,
                            details,
                            sd_bus_message_get_allow_interactive_authorization(check->message) > 0,
                            check->cancellation, on_verdict, check);
}

/* Root, or the owner of what this is about. */
static int allow(Check *check, const char *action, char *const *details) {
        TRY(add_question(check, action, details, VERDICT_YES));
        forget_soon(check);
        /* To look at one's own is no news. */
        if (!streq(action, ACTION_INSPECT))
                audit(check->caller, check->message, action, details,
                      check->caller->uid == 0 ? AUDIT_ROOT : AUDIT_OWNER);
        return 1;
}

int authorize(Manager *m, sd_bus_message *message, const char *action, char *const *details,
              sd_bus_error *error) {
        return authorize_owner(m, message, 0, action, details, error);
}

int authorize_owner(Manager *m, sd_bus_message *message, uid_t owner, const char *action,
                    char *const *details, sd_bus_error *error) {
        Check *check = find(m, message);
        const Caller *caller;
        bool asks;
        int r;

        for (size_t i = 0; check && i < check->n_questions; i++) {
                Question *question = &check->questions[i];

                if (!streq(question->action, action) || !details_equal(question->details, details))
                        continue;
                return question->verdict == VERDICT_YES ? 1 : refuse(question, message, error);
        }

        r = caller_get(m, message, &caller, error);
        if (r <= 0)
                return r;
        asks = caller->uid != 0 && caller->uid != owner;
        if (asks)
                TRY(authorize_check_quota(m, caller->uid, error));
        if (!check)
                check = check_new(m, message, caller);
        if (!check)
                return bus_failure(error, ENOMEM, "authorization");
        r = asks ? ask(check, action, details) : allow(check, action, details);
        if (r < 0) {
                check_free(check);
                return bus_failure(error, r, asks ? "cannot ask polkit" : "authorization");
        }
        return asks ? 0 : 1;
}

bool authorize_was_asked(Manager *m, sd_bus_message *message) {
        return find(m, message);
}

void authorize_hold(Manager *m, sd_bus_message *message) {
        Check *check = find(m, message);

        if (!check)
                return;
        check->held = true;
        if (check->defer)
                sd_event_source_set_enabled(check->defer, SD_EVENT_OFF);
}

void authorize_release(Manager *m, sd_bus_message *message) {
        Check *check = find(m, message);

        if (!check)
                return;
        check->held = false;
        forget_soon(check);
}

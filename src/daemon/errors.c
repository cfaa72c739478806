/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>

#include "daemon/errors.h"
#include "shared/log.h"
#include "shared/strutil.h"

/* The first line that fits counts. A NULL stage fits any, as does errno 0. */
static const struct {
        const char *stage;
        int number;
        const char *name;
} names[] = {
        {"exec", ENOENT, ERROR_COMMAND_NOT_FOUND},
        {"exec", 0, ERROR_NOT_EXECUTABLE},
        {"archive", 0, ERROR_IMAGE_CORRUPT},
        {"argument", 0, ERROR_INVALID_ARGS},
        {"limits", EPERM, ERROR_INVALID_ARGS},
        /* It has ended or been paused, and the daemon did not know yet. */
        {"container", ESRCH, ERROR_CONTAINER_NOT_RUNNING},
        {"process", ESRCH, ERROR_CONTAINER_NOT_RUNNING},
        {"container", EBUSY, ERROR_CONTAINER_PAUSED},
        {"path", ENOENT, ERROR_FILE_NOT_FOUND},
        {"path", 0, ERROR_INVALID_ARGS},
        {"changes", E2BIG, ERROR_LIMITS_EXCEEDED},
        {"exists", 0, ERROR_IMAGE_EXISTS},
        {"quota", 0, ERROR_LIMITS_EXCEEDED},
        {"streams", EUSERS, ERROR_LIMITS_EXCEEDED},
        {NULL, ECANCELED, ERROR_CANCELLED},
        /* A control group that cannot be made is no full disk. */
        {"cgroup", ENOSPC, ERROR_RUNTIME_FAILED},
        {NULL, ENOSPC, ERROR_QUOTA_EXCEEDED},
        {NULL, EDQUOT, ERROR_QUOTA_EXCEEDED},
        {NULL, EOPNOTSUPP, ERROR_NOT_SUPPORTED},
        {NULL, 0, ERROR_RUNTIME_FAILED},
};

const char *error_bus_name(const Error *e) {
        size_t i = 0;

        while ((names[i].stage && !streq(names[i].stage, e->stage)) ||
               (names[i].number != 0 && names[i].number != e->number))
                i++;
        return names[i].name;
}

bool error_is_ended(const Error *e) {
        return e->number == ESRCH && streq(e->stage, "container");
}

int error_to_bus(const Error *e, sd_bus_error *ret) {
        const char *name = error_bus_name(e);
        char text[640];

        error_format(e, text, sizeof(text));
        /* What these mean their names say; elsewhere the step helps. */
        if (streq(name, ERROR_RUNTIME_FAILED))
                sd_bus_error_setf(ret, name, "%s: %s", e->stage, text);
        else if (streq(name, ERROR_INVALID_ARGS) || streq(name, ERROR_IMAGE_EXISTS) ||
                 streq(name, ERROR_FILE_NOT_FOUND) || streq(name, ERROR_LIMITS_EXCEEDED) ||
                 e->number == EBADMSG || e->number == ECANCELED)
                sd_bus_error_set(ret, name, e->text);
        else
                sd_bus_error_set(ret, name, text);
        return -e->number;
}

int bus_error_setf(sd_bus_error *ret, const char *name, const char *format, ...) {
        char text[640];
        va_list ap;

        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        text_sanitize(text);
        return sd_bus_error_set(ret, name, text);
}

void reply_bus_error(sd_bus_message *message, const sd_bus_error *error) {
        int r;

        if (!message)
                return;
        r = sd_bus_reply_method_error(message, error);
        if (r < 0)
                log_errno(LOG_WARNING, r, "Cannot reply to %s", sd_bus_message_get_member(message));
}

void reply_failure(sd_bus_message *message, const Error *e) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        error_to_bus(e, &error);
        reply_bus_error(message, &error);
}

void reply_error(sd_bus_message *message, const char *name, const char *format, ...) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        va_list ap;

        va_start(ap, format);
        sd_bus_error_setfv(&error, name, format, ap);
        va_end(ap);
        reply_bus_error(message, &error);
}

int bus_failure(sd_bus_error *ret, int number, const char *what) {
        Error e = ERROR_INIT;

        error_set(&e, number, "daemon", "%s", what);
        return error_to_bus(&e, ret);
}

void reply_check(sd_bus_message *message, int r) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        if (r >= 0)
                return;
        log_errno(LOG_WARNING, r, "Cannot reply to %s", sd_bus_message_get_member(message));
        bus_failure(&error, r, "cannot reply");
        reply_bus_error(message, &error);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "shared/error.h"
#include "shared/strutil.h"

int error_set(Error *e, int number, const char *stage, const char *format, ...) {
        va_list ap;

        number = abs(number);
        if (number == 0)
                number =
                        EIO; /* an error without a cause is a bug, but must not look like success */
        if (!e)
                return -number;

        e->number = number;
        snprintf(e->stage, sizeof(e->stage), "%s", stage);
        va_start(ap, format);
        vsnprintf(e->text, sizeof(e->text), format, ap);
        va_end(ap);
        text_sanitize(e->text);
        return -number;
}

int error_oom(Error *e) {
        return error_set(e, ENOMEM, "memory", "not enough memory");
}

const char *error_format(const Error *e, char *buffer, size_t size) {
        snprintf(buffer, size, "%s: %s", e->text[0] ? e->text : e->stage, strerror(e->number));
        return buffer;
}

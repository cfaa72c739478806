/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <string.h>

#include "shared/log.h"

static int max_level = LOG_INFO;

void log_set_max_level(int level) {
        max_level = level;
}

static void log_line(int level, const char *format, va_list ap, const char *suffix) {
        char line[1024], prefix[8] = "";
        int n, k;

        if (level > max_level)
                return;
        if (!isatty(STDERR_FILENO))
                snprintf(prefix, sizeof(prefix), "<%d>", level);
        n = snprintf(line, sizeof(line), "%s", prefix);
        k = vsnprintf(line + n, sizeof(line) - n, format, ap);
        n = MIN(n + MAX(k, 0), (int)sizeof(line) - 2);
        if (suffix) {
                k = snprintf(line + n, sizeof(line) - n, ": %s", suffix);
                n = MIN(n + MAX(k, 0), (int)sizeof(line) - 2);
        }
        line[n++] = '\n';
        /* Nothing can be done when the log itself fails. */
        (void)!write(STDERR_FILENO, line, n);
}

void log_full(int level, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        log_line(level, format, ap, NULL);
        va_end(ap);
}

int log_error_object(int level, const Error *e, const char *format, ...) {
        char text[640];
        va_list ap;

        va_start(ap, format);
        log_line(level, format, ap, error_format(e, text, sizeof(text)));
        va_end(ap);
        return -e->number;
}

int log_errno(int level, int number, const char *format, ...) {
        va_list ap;

        number = abs(number);
        va_start(ap, format);
        log_line(level, format, ap, strerror(number));
        va_end(ap);
        return -number;
}

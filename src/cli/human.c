/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/human.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "shared/error.h"
#include "shared/strutil.h"

#define USEC_PER_SEC UINT64_C(1000000)

char *human_duration(uint64_t us) {
        uint64_t seconds = us / USEC_PER_SEC, minutes = seconds / 60, hours = (minutes + 30) / 60;

        if (seconds < 1)
                return strdup("Less than a second");
        if (seconds == 1)
                return strdup("1 second");
        if (seconds < 60)
                return strf("%" PRIu64 " seconds", seconds);
        if (minutes == 1)
                return strdup("About a minute");
        if (minutes < 60)
                return strf("%" PRIu64 " minutes", minutes);
        if (hours == 1)
                return strdup("About an hour");
        if (hours < 48)
                return strf("%" PRIu64 " hours", hours);
        if (hours < 24 * 7 * 2)
                return strf("%" PRIu64 " days", hours / 24);
        if (hours < 24 * 30 * 2)
                return strf("%" PRIu64 " weeks", hours / 24 / 7);
        if (hours < 24 * 365 * 2)
                return strf("%" PRIu64 " months", hours / 24 / 30);
        return strf("%" PRIu64 " years", minutes / 60 / 24 / 365);
}

char *human_ago(uint64_t now, uint64_t then) {
        _cleanup_free_ char *duration = human_duration(now > then ? now - then : 0);

        return duration ? strf("%s ago", duration) : NULL;
}

static char *scale(double value, double step, const char *const *units, size_t n_units,
                   int digits) {
        size_t unit = 0;

        while (value >= step && unit < n_units - 1) {
                value /= step;
                unit++;
        }
        return strf("%.*g%s", digits, value, units[unit]);
}

char *human_size(uint64_t bytes) {
        static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};

        return scale((double)bytes, 1000, units, ELEMENTSOF(units), 3);
}

char *human_binary_size(uint64_t bytes) {
        static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

        return scale((double)bytes, 1024, units, ELEMENTSOF(units), 4);
}

char *human_time(uint64_t us) {
        time_t seconds = (time_t)(us / USEC_PER_SEC);
        char text[64];
        struct tm tm;

        if (!localtime_r(&seconds, &tm) ||
            strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z %Z", &tm) == 0)
                return strdup("-");
        return strdup(text);
}

char *human_rfc3339(uint64_t us) {
        time_t seconds = (time_t)(us / USEC_PER_SEC);
        char text[64];
        struct tm tm;

        if (us == 0)
                return strdup("0001-01-01T00:00:00Z");
        if (!gmtime_r(&seconds, &tm) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
                return strdup("-");
        return strf("%s.%06" PRIu64 "000Z", text, us % USEC_PER_SEC);
}

static bool begins_character(char c) {
        return ((unsigned char)c & 0xc0) != 0x80;
}

size_t human_width(const char *s) {
        size_t n = 0;

        for (; *s; s++)
                n += begins_character(*s);
        return n;
}

char *human_ellipsize(const char *s, size_t max) {
        const char *p = s;

        if (human_width(s) <= max)
                return strdup(s);
        for (size_t n = 0; *p; p++)
                if (begins_character(*p) && ++n == max)
                        break;
        return strf("%.*s…", (int)(p - s), s);
}

char *human_command(char *const *argv, size_t max) {
        _cleanup_free_ char *text = strdup(""), *cut = NULL;

        for (; text && argv && *argv; argv++) {
                char *longer = strf("%s%s%s", text, *text ? " " : "", *argv);

                free(text);
                text = longer;
        }
        if (!text)
                return NULL;
        for (char *p = text; *p; p++)
                if ((unsigned char)*p < ' ' || *p == 127)
                        *p = ' ';
        cut = max > 0 ? human_ellipsize(text, max) : strdup(text);
        return cut ? strf("\"%s\"", cut) : NULL;
}

static int parse_date(const char *s, uint64_t *ret) {
        static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
                                              "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
        struct tm tm;
        const char *end = NULL;
        double fraction = 0;
        time_t seconds;

        for (size_t i = 0; i < ELEMENTSOF(formats) && !end; i++) {
                tm = (struct tm){.tm_isdst = -1};
                end = strptime(s, formats[i], &tm);
        }
        if (!end)
                return -EINVAL;
        if (*end == '.') {
                char *after;

                fraction = strtod(end, &after);
                end = after;
        }
        if (!*end)
                seconds = mktime(&tm);
        else {
                struct tm zone = {};
                const char *rest = strptime(end, "%z", &zone);

                if (!rest || *rest)
                        return -EINVAL;
                seconds = timegm(&tm) - zone.tm_gmtoff;
        }
        if (seconds < 0)
                return -EINVAL;
        /* Cut, not rounded, as the daemon does it with the log's own times; but 0.1 is 100000. */
        *ret = (uint64_t)seconds * USEC_PER_SEC + (uint64_t)(fraction * 1e6 + 1e-6);
        return 0;
}

int parse_time(const char *s, uint64_t now, uint64_t *ret) {
        size_t digits = strspn(s, "0123456789.");
        int64_t before;

        if (digits > 0 && !s[digits]) {
                char *end;
                double seconds = strtod(s, &end);

                if (*end || seconds > 9e12)
                        return -EINVAL;
                *ret = (uint64_t)(seconds * 1e6 + 0.5);
                return 0;
        }
        before = parse_duration(s);
        if (before >= 0) {
                *ret = now > (uint64_t)before ? now - (uint64_t)before : 0;
                return 0;
        }
        return parse_date(s, ret);
}

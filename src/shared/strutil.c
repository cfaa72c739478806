/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/random.h>

#include "shared/strutil.h"

size_t strv_length(char *const *v) {
        size_t n = 0;

        for (; v && v[n]; n++)
                ;
        return n;
}

void strv_free(char **v) {
        for (char **i = v; i && *i; i++)
                free(*i);
        free(v);
}

char **strv_copy(char *const *v) {
        size_t n = strv_length(v);
        _cleanup_strv_free_ char **copy = calloc(n + 1, sizeof(char *));

        if (!copy)
                return NULL;
        for (size_t i = 0; i < n; i++) {
                copy[i] = strdup(v[i]);
                if (!copy[i])
                        return NULL;
        }
        return TAKE_PTR(copy);
}

int strv_consume(char ***v, char *s) {
        size_t n = strv_length(*v);
        char **grown;

        if (!s)
                return -ENOMEM;
        grown = reallocarray(*v, n + 2, sizeof(char *));
        if (!grown) {
                free(s);
                return -ENOMEM;
        }
        grown[n] = s;
        grown[n + 1] = NULL;
        *v = grown;
        return 0;
}

int strv_extend(char ***v, const char *s) {
        return strv_consume(v, strdup(s));
}

bool strv_contains(char *const *v, const char *s) {
        for (; v && *v; v++)
                if (streq(*v, s))
                        return true;
        return false;
}

char **strv_split(const char *s, char separator) {
        _cleanup_strv_free_ char **v = NULL;

        for (;;) {
                const char *end = strchrnul(s, separator);

                if (strv_consume(&v, strndup(s, end - s)) < 0)
                        return NULL;
                if (!*end)
                        return TAKE_PTR(v);
                s = end + 1;
        }
}

int free_and_strdup(char **p, const char *s) {
        char *copy = NULL;

        if (s) {
                copy = strdup(s);
                if (!copy)
                        return -ENOMEM;
        }
        free(*p);
        *p = copy;
        return 0;
}

char *strf(const char *format, ...) {
        char *s;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&s, format, ap);
        va_end(ap);
        return n < 0 ? NULL : s;
}

int parse_u64(const char *s, uint64_t *ret) {
        uint64_t value = 0;

        if (!*s)
                return -EINVAL;
        for (; *s; s++) {
                if (*s < '0' || *s > '9')
                        return -EINVAL;
                if (__builtin_mul_overflow(value, 10, &value) ||
                    __builtin_add_overflow(value, *s - '0', &value))
                        return -ERANGE;
        }
        *ret = value;
        return 0;
}

int parse_u32(const char *s, uint32_t *ret) {
        uint64_t value;
        int r = parse_u64(s, &value);

        if (r < 0)
                return r;
        if (value > UINT32_MAX)
                return -ERANGE;
        *ret = (uint32_t)value;
        return 0;
}

int parse_size(const char *s, uint64_t *ret) {
        static const char units[] = "bkmgt";
        size_t digits = strspn(s, "0123456789.");
        const char *suffix = s + digits, *unit;
        char number[32], *end;
        double value;
        unsigned shift = 0;

        if (digits == 0 || digits >= sizeof(number) || !isdigit((unsigned char)s[0]) ||
            !isdigit((unsigned char)s[digits - 1]))
                return -EINVAL;
        memcpy(number, s, digits);
        number[digits] = '\0';

        if (*suffix) {
                unit = strchr(units, tolower((unsigned char)*suffix));
                if (!unit)
                        return -EINVAL;
                shift = (unsigned)(unit - units) * 10;
                suffix++;
                if (*suffix &&
                    !(shift > 0 && (strcasecmp(suffix, "b") == 0 || strcasecmp(suffix, "ib") == 0)))
                        return -EINVAL;
        }
        if (!strchr(number, '.')) {
                uint64_t whole;
                int r = parse_u64(number, &whole);

                if (r < 0)
                        return r;
                if (shift > 0 && whole > UINT64_MAX >> shift)
                        return -ERANGE;
                *ret = whole << shift;
                return 0;
        }
        value = strtod(number, &end);
        if (*end)
                return -EINVAL;
        value *= (double)(UINT64_C(1) << shift);
        if (value >= 0x1p63)
                return -ERANGE;
        *ret = (uint64_t)value;
        return 0;
}

int64_t parse_duration(const char *s) {
        static const struct {
                const char *name;
                double us;
        } units[] = {{"ms", 1e3}, {"h", 3600e6}, {"m", 60e6}, {"s", 1e6}};
        double total = 0;

        if (!*s)
                return -EINVAL;
        while (*s) {
                char *end;
                double value = strtod(s, &end);
                size_t i;

                if (end == s || !strchr("0123456789.", *s))
                        return -EINVAL;
                for (i = 0; i < ELEMENTSOF(units); i++)
                        if (startswith(end, units[i].name))
                                break;
                if (i == ELEMENTSOF(units))
                        return -EINVAL;
                total += value * units[i].us;
                s = end + strlen(units[i].name);
        }
        return total < 9e18 ? (int64_t)total : -EINVAL;
}

bool container_name_is_valid(const char *s) {
        size_t n = strlen(s);

        if (n < 1 || n > 128 || !isascii(s[0]) || !isalnum((unsigned char)s[0]))
                return false;
        for (; *s; s++)
                if (!isascii(*s) || !(isalnum((unsigned char)*s) || strchr("_.-", *s)))
                        return false;
        return true;
}

bool hostname_is_valid(const char *s) {
        size_t n = strlen(s);

        if (n < 1 || n > 64)
                return false;
        for (size_t i = 0; i < n; i++) {
                bool edge = i == 0 || i == n - 1 || s[i - 1] == '.' || s[i + 1] == '.';

                if (isascii(s[i]) && isalnum((unsigned char)s[i]))
                        continue;
                if (s[i] == '-' && !edge)
                        continue;
                if (s[i] == '.' && i > 0 && i < n - 1 && s[i - 1] != '.')
                        continue;
                return false;
        }
        return true;
}

bool id_prefix_is_valid(const char *s) {
        size_t n = strlen(s);

        return n >= 1 && n <= ID_LENGTH && strspn(s, "0123456789abcdef") == n;
}

bool id_is_valid(const char *s) {
        return strlen(s) == ID_LENGTH && id_prefix_is_valid(s);
}

int id_make(char ret[static ID_LENGTH + 1]) {
        unsigned char bytes[ID_LENGTH / 2];

        if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
                return -errno;
        for (size_t i = 0; i < sizeof(bytes); i++) {
                ret[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
                ret[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
        }
        ret[ID_LENGTH] = '\0';
        return 0;
}

/* Words of [a-z0-9]+ with one '.', one or two '_' or any number of '-' between two of them. */
static bool reference_component_is_valid(const char *s, size_t n) {
        size_t separators = 1; /* none may come first */

        for (size_t i = 0; i < n; i++) {
                if ((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9')) {
                        separators = 0;
                        continue;
                }
                if (!s[i] || !strchr("._-", s[i]) ||
                    (separators > 0 && (i == 0 || s[i] != s[i - 1])))
                        return false;
                separators++;
                if ((s[i] == '.' && separators > 1) || (s[i] == '_' && separators > 2))
                        return false;
        }
        return separators == 0;
}

static bool reference_host_is_valid(const char *s, size_t n) {
        const char *colon = memchr(s, ':', n);

        if (!colon)
                return reference_component_is_valid(s, n);
        return reference_component_is_valid(s, colon - s) && colon + 1 < s + n &&
               strspn(colon + 1, "0123456789") == (size_t)(s + n - colon - 1);
}

static bool reference_tag_is_valid(const char *s) {
        size_t n = strlen(s);

        if (n < 1 || n > 128 || s[0] == '.' || s[0] == '-')
                return false;
        for (; *s; s++)
                if (!isascii(*s) || !(isalnum((unsigned char)*s) || strchr("_.-", *s)))
                        return false;
        return true;
}

/* As docker, without its own registry's name and the part of it that holds the official images. */
static const char *familiar_name(const char *s) {
        const char *rest = startswith(s, "docker.io/"), *slash;

        if (rest) {
                slash = strchr(rest, '/');
                /* What would then be taken for another registry stays. */
                if (!slash ||
                    (!memchr(rest, '.', (size_t)(slash - rest)) && !startswith(rest, "localhost/")))
                        s = rest;
        }
        rest = startswith(s, "library/");
        return rest && !strchr(rest, '/') ? rest : s;
}

int image_reference_normalize(const char *s, char **ret) {
        const char *slash = strrchr(s, '/'), *colon = strchr(slash ? slash : s, ':');
        const char *name_end = colon ? colon : s + strlen(s);
        char *normal;

        if (strlen(s) + (colon ? 0 : strlen(":latest")) > 255 ||
            (colon && !reference_tag_is_valid(colon + 1)))
                return -EINVAL;
        for (const char *p = s;; p++) {
                const char *end = memchr(p, '/', name_end - p);
                size_t n = (end ? end : name_end) - p;
                bool host = p == s && end;

                if (!(host ? reference_host_is_valid(p, n) : reference_component_is_valid(p, n)))
                        return -EINVAL;
                if (!end)
                        break;
                p = end;
        }
        normal = strf("%s%s", familiar_name(s), colon ? "" : ":latest");
        if (!normal)
                return -ENOMEM;
        *ret = normal;
        return 0;
}

int path_normalize(const char *s, char **ret) {
        _cleanup_free_ char *normal = NULL;
        size_t n = 0;

        if (s[0] != '/' || strlen(s) >= PATH_MAX)
                return -EINVAL;
        normal = malloc(strlen(s) + 2);
        if (!normal)
                return -ENOMEM;
        while (*s) {
                size_t length;

                s += strspn(s, "/");
                length = strcspn(s, "/");
                if (length == 2 && s[0] == '.' && s[1] == '.') {
                        while (n > 0 && normal[--n] != '/')
                                ;
                } else if (length > 0 && !(length == 1 && s[0] == '.')) {
                        normal[n++] = '/';
                        memcpy(normal + n, s, length);
                        n += length;
                }
                s += length;
        }
        if (n == 0)
                normal[n++] = '/';
        normal[n] = '\0';
        *ret = TAKE_PTR(normal);
        return 0;
}

bool path_is_normalized(const char *s) {
        _cleanup_free_ char *normal = NULL;

        return path_normalize(s, &normal) >= 0 && streq(s, normal);
}

/* Return: the bytes of the character that begins here, 0 if none does. */
static size_t utf8_length(const char *s) {
        const unsigned char *p = (const unsigned char *)s;
        unsigned n = *p < 0x80                ? 0 :
                     *p >= 0xc2 && *p <= 0xdf ? 1 :
                     (*p & 0xf0) == 0xe0      ? 2 :
                     *p >= 0xf0 && *p <= 0xf4 ? 3 :
                                                4;
        uint32_t code = n == 0 ? *p : *p & (0x3f >> n);

        if (n == 4)
                return 0;
        for (unsigned i = 1; i <= n; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                code = code << 6 | (p[i] & 0x3f);
        }
        if ((n == 2 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff))) ||
            (n == 3 && (code < 0x10000 || code > 0x10ffff)) || (code >= 0xfdd0 && code <= 0xfdef) ||
            (code & 0xfffe) == 0xfffe)
                return 0;
        return n + 1;
}

bool utf8_is_valid(const char *s) {
        while (*s) {
                size_t n = utf8_length(s);

                if (n == 0)
                        return false;
                s += n;
        }
        return true;
}

void text_sanitize(char *s) {
        while (*s) {
                size_t n = utf8_length(s);

                if (n == 0 || (unsigned char)*s < 0x20 || *s == 0x7f)
                        *s = '?';
                s += n ?: 1;
        }
}

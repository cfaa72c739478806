/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "shared/strutil.h"
#include "worker/tar.h"

typedef struct Header {
        char name[100];
        char mode[8];
        char uid[8];
        char gid[8];
        char size[12];
        char mtime[12];
        char checksum[8];
        char type;
        char link[100];
        char magic[6];
        char version[2];
        char user[32];
        char group[32];
        char major[8];
        char minor[8];
        char prefix[155];
        char padding[12];
} Header;

_Static_assert(sizeof(Header) == TAR_BLOCK, "a header is one block");

/* What the octal fields hold at most. */
#define ID_MAX 07777777ULL
#define SIZE_MAX_OCTAL 077777777777ULL

/* The text of an extended header. */
typedef struct Records {
        char *text;
        size_t size;
        size_t allocated;
} Records;

static void records_done(Records *records) {
        free(records->text);
}

static size_t digits(size_t n) {
        size_t count = 1;

        while (n >= 10) {
                n /= 10;
                count++;
        }
        return count;
}

/* Adds "LENGTH KEY=VALUE\n", where LENGTH counts itself. */
static int add_record(Records *records, const char *prefix, const char *key, const void *value,
                      size_t value_size) {
        size_t rest = 1 + strlen(prefix) + strlen(key) + 1 + value_size + 1;
        size_t length = rest + digits(rest);
        char *p;

        if (digits(length) > digits(rest))
                length = rest + digits(length);
        if (!records->text || records->allocated - records->size < length + 1) {
                size_t larger = MAX(records->allocated * 2, records->size + length + 1);
                char *grown = realloc(records->text, larger);

                if (!grown)
                        return -ENOMEM;
                records->text = grown;
                records->allocated = larger;
        }
        p = records->text + records->size;
        p += sprintf(p, "%zu %s%s=", length, prefix, key);
        if (value_size > 0)
                memcpy(p, value, value_size);
        p[value_size] = '\n';
        records->size += length;
        return 0;
}

static int add_text(Records *records, const char *key, const char *value) {
        return add_record(records, "", key, value, strlen(value));
}

static int add_number(Records *records, const char *key, uint64_t value) {
        char text[24];

        snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
        return add_text(records, key, text);
}

static int add_time(Records *records, const struct timespec *time) {
        char text[40];
        int n;

        n = snprintf(text, sizeof(text), "%lld", (long long)time->tv_sec);
        /* Readers don't agree on fractions before the epoch. */
        if (time->tv_nsec > 0 && time->tv_sec >= 0)
                snprintf(text + n, sizeof(text) - (size_t)n, ".%09ld", time->tv_nsec);
        return add_text(records, "mtime", text);
}

/* GNU's sparse format 1.0, which libarchive, Go and all tars know: the entry itself goes by another
 * name, its contents begin with the map. */
static int add_sparse(Records *records, const TarEntry *entry) {
        TRY(add_text(records, "GNU.sparse.major", "1"));
        TRY(add_text(records, "GNU.sparse.minor", "0"));
        TRY(add_text(records, "GNU.sparse.name", entry->path));
        return add_number(records, "GNU.sparse.realsize", entry->size);
}

/* The map as text, decimal numbers in lines. Return: 0 or -ENOMEM. */
static int make_map(const TarMap *map, Records *ret, uint64_t *ret_data) {
        char *text = malloc((2 * map->n + 1) * sizeof("18446744073709551615"));
        size_t size;

        if (!text)
                return -ENOMEM;
        size = (size_t)sprintf(text, "%zu\n", map->n);
        *ret_data = 0;
        for (size_t i = 0; i < map->n; i++) {
                size += (size_t)sprintf(text + size, "%llu\n%llu\n",
                                        (unsigned long long)map->ranges[i].offset,
                                        (unsigned long long)map->ranges[i].size);
                *ret_data += map->ranges[i].size;
        }
        *ret = (Records){.text = text, .size = size};
        return 0;
}

static int collect(Records *records, const TarEntry *entry, uint64_t packed_size) {
        const struct timespec *mtime = &entry->mtime;

        /* Readers take the names of extended headers as UTF-8 unless told otherwise. */
        if (!utf8_is_valid(entry->path) || (entry->link && !utf8_is_valid(entry->link)))
                TRY(add_text(records, "hdrcharset", "BINARY"));
        if (entry->map)
                TRY(add_sparse(records, entry));
        else if (strlen(entry->path) > sizeof(((Header *)0)->name))
                TRY(add_text(records, "path", entry->path));
        if (entry->link && strlen(entry->link) > sizeof(((Header *)0)->link))
                TRY(add_text(records, "linkpath", entry->link));
        if (packed_size > SIZE_MAX_OCTAL)
                TRY(add_number(records, "size", packed_size));
        if (entry->uid > ID_MAX)
                TRY(add_number(records, "uid", entry->uid));
        if (entry->gid > ID_MAX)
                TRY(add_number(records, "gid", entry->gid));
        if (mtime->tv_nsec != 0 || mtime->tv_sec < 0 || (uint64_t)mtime->tv_sec > SIZE_MAX_OCTAL)
                TRY(add_time(records, mtime));
        for (size_t i = 0; entry->xattrs && i < entry->xattrs->n; i++) {
                const Xattr *xattr = &entry->xattrs->items[i];

                /* A '=' would end the key too early. */
                if (!strchr(xattr->name, '='))
                        TRY(add_record(records, "SCHILY.xattr.", xattr->name, xattr->value,
                                       xattr->size));
        }
        return 0;
}

/* Octal digits and a NUL; a value that does not fit stands in the extended header, then here is
 * 0. */
static void octal(char *field, size_t size, uint64_t value) {
        field[--size] = '\0';
        if (value >> (3 * size))
                value = 0;
        while (size-- > 0) {
                field[size] = (char)('0' + (value & 7));
                value >>= 3;
        }
}

/* A field of text need not end in NUL. */
static void text_field(char *field, size_t size, const char *text) {
        memcpy(field, text, strnlen(text, size));
}

static int put_header(Sink *sink, const TarEntry *entry, char type, const char *name, uint64_t size,
                      Error *e) {
        Header header = {};
        unsigned sum = 0;

        text_field(header.name, sizeof(header.name), name);
        octal(header.mode, sizeof(header.mode), entry->mode & 07777);
        octal(header.uid, sizeof(header.uid), entry->uid);
        octal(header.gid, sizeof(header.gid), entry->gid);
        octal(header.size, sizeof(header.size), size);
        octal(header.mtime, sizeof(header.mtime),
              entry->mtime.tv_sec > 0 ? (uint64_t)entry->mtime.tv_sec : 0);
        header.type = type;
        if (entry->link)
                text_field(header.link, sizeof(header.link), entry->link);
        memcpy(header.magic, "ustar", 6);
        memcpy(header.version, "00", 2);
        octal(header.major, sizeof(header.major), major(entry->device));
        octal(header.minor, sizeof(header.minor), minor(entry->device));
        /* The checksum is made with blanks in its own place. */
        memset(header.checksum, ' ', sizeof(header.checksum));
        for (size_t i = 0; i < sizeof(header); i++)
                sum += ((const unsigned char *)&header)[i];
        octal(header.checksum, sizeof(header.checksum) - 1, sum);
        return sink_put(sink, &header, sizeof(header), e);
}

int tar_header(Sink *sink, const TarEntry *entry, Error *e) {
        _cleanup_(records_done) Records records = {}, map = {};
        char name[sizeof(((Header *)0)->name) + 1];
        const char *path = entry->path;
        uint64_t size = entry->size;

        if (entry->map) {
                if (make_map(entry->map, &map, &size) < 0)
                        return error_oom(e);
                size += map.size + (-map.size & (TAR_BLOCK - 1));
        }
        if (collect(&records, entry, size) < 0)
                return error_oom(e);
        if (records.size > 0) {
                const TarEntry extended = {.mode = 0644, .mtime.tv_sec = entry->mtime.tv_sec};

                snprintf(name, sizeof(name), "PaxHeaders/%.80s", entry->path);
                TRY(put_header(sink, &extended, 'x', name, records.size, e));
                TRY(sink_put(sink, records.text, records.size, e));
                TRY(tar_pad(sink, records.size, e));
        }
        if (entry->map) {
                snprintf(name, sizeof(name), "GNUSparseFile.0/%.80s", entry->path);
                path = name;
        }
        TRY(put_header(sink, entry, (char)entry->type, path, size, e));
        TRY(sink_put(sink, map.text, map.size, e));
        return tar_pad(sink, map.size, e);
}

int tar_pad(Sink *sink, uint64_t size, Error *e) {
        return sink_zeros(sink, -size & (TAR_BLOCK - 1), e);
}

int tar_end(Sink *sink, Error *e) {
        return sink_zeros(sink, 2 * TAR_BLOCK, e);
}

int tar_put_file(Sink *sink, const char *path, struct timespec mtime, const void *data, size_t size,
                 Error *e) {
        const TarEntry entry = {
                .type = TAR_FILE,
                .path = path,
                .mode = 0644,
                .size = size,
                .mtime = mtime,
        };

        TRY(tar_header(sink, &entry, e));
        TRY(sink_put(sink, data, size, e));
        return tar_pad(sink, size, e);
}

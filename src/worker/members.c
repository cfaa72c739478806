/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "shared/strutil.h"
#include "worker/members.h"

#define MEMBERS_MAX 100000
#define TEXT_MAX (4 * 1024 * 1024)

void members_done(Members *members) {
        for (size_t i = 0; i < members->n; i++) {
                free(members->items[i].name);
                free(members->items[i].link);
        }
        free(members->items);
        *members = MEMBERS_INIT;
}

/* What a link in the directory of `name` leads to, by text alone. Return: NULL when out of
 * memory. */
static char *link_target(const char *name, const char *target) {
        const char *slash = strrchr(name, '/');
        _cleanup_free_ char *joined = NULL;
        char *normal = NULL;

        joined = strf("/%.*s/%s", slash ? (int)(slash - name) : 0, name, target);
        if (!joined || path_normalize(joined, &normal) < 0)
                return NULL;
        memmove(normal, normal + 1, strlen(normal));
        return normal;
}

static int add(Members *members, const Reader *reader, struct archive_entry *entry, off_t start,
               Error *e) {
        const char *name = archive_entry_pathname(entry);
        const char *symlink = archive_entry_symlink(entry);
        const char *hardlink = archive_entry_hardlink(entry);
        int64_t size = archive_entry_size(entry);
        Member member = {
                .position = start + archive_read_header_position(reader->archive),
                .size = size > 0 ? (uint64_t)size : 0,
        };

        if (!name || (!symlink && !hardlink && archive_entry_filetype(entry) != AE_IFREG))
                return 0;
        if (members->n == MEMBERS_MAX)
                return error_set(e, EBADMSG, "archive", "the archive has too many members");
        if (members->n == members->allocated) {
                size_t larger = MAX(members->allocated * 2, (size_t)256);
                Member *items = reallocarray(members->items, larger, sizeof(*items));

                if (!items)
                        return error_oom(e);
                members->items = items;
                members->allocated = larger;
        }
        member.name = link_target("", name);
        if (symlink || hardlink) {
                member.link = hardlink ? link_target("", hardlink) : link_target(name, symlink);
                if (!member.link)
                        return error_set(e, EBADMSG, "archive", "%s: a link to nowhere", name);
        }
        members->items[members->n++] = member;
        return member.name ? 0 : error_set(e, EBADMSG, "archive", "a member's name is too long");
}

int members_read(int fd, off_t start, Members *ret, Error *e) {
        _cleanup_(reader_done) Reader reader = READER_INIT;
        _cleanup_(input_done) Input input = {};
        struct archive_entry *entry;
        int r;

        *ret = (Members){.fd = fd};
        TRY(input_init_at(&input, fd, start, e));
        TRY(reader_open(&reader, READER_TAR, input_source(&input), "the archive", e));
        while ((r = reader_next(&reader, &entry, e)) > 0)
                TRY(add(ret, &reader, entry, start, e));
        return r;
}

static const Member *find(const Members *members, const char *name) {
        /* The last one of a name counts, as when unpacking. */
        for (size_t i = members->n; i-- > 0;)
                if (members->items[i].name && streq(members->items[i].name, name))
                        return &members->items[i];
        return NULL;
}

const Member *members_find(const Members *members, const char *name) {
        const Member *member = find(members, name);

        if (member && member->link)
                member = find(members, member->link);
        return member && !member->link ? member : NULL;
}

int members_open(const Members *members, const Member *member, Input *input, Reader *reader,
                 Error *e) {
        struct archive_entry *entry;
        int r;

        TRY(input_init_at(input, members->fd, member->position, e));
        TRY(reader_open(reader, READER_TAR, input_source(input), member->name, e));
        r = reader_next(reader, &entry, e);
        if (r == 0)
                r = error_set(e, EBADMSG, "archive", "%s is gone", member->name);
        return MIN(r, 0);
}

int members_read_text(const Members *members, const char *name, char **ret, size_t *ret_size,
                      Error *e) {
        const Member *member = members_find(members, name);
        _cleanup_(reader_done) Reader reader = READER_INIT;
        _cleanup_(input_done) Input input = {};
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        const void *data;
        ssize_t n;

        if (!member)
                return error_set(e, EBADMSG, "archive", "%s is missing", name);
        if (member->size > TEXT_MAX)
                return error_set(e, EBADMSG, "archive", "%s is too large", name);
        text = malloc(member->size + 1);
        if (!text)
                return error_oom(e);
        TRY(members_open(members, member, &input, &reader, e));
        while ((n = reader_read(&reader, &data, e)) > 0) {
                if ((uint64_t)n > member->size - size)
                        return error_set(e, EBADMSG, "archive", "%s is too large", name);
                memcpy(text + size, data, (size_t)n);
                size += (size_t)n;
        }
        if (n < 0)
                return (int)n;
        text[size] = '\0';
        *ret = TAKE_PTR(text);
        *ret_size = size;
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/stat.h>

#include "runtime/user.h"
#include "shared/fd.h"
#include "shared/strutil.h"

#define FILE_SIZE_MAX (4 * 1024 * 1024)
#define NAME_LENGTH_MAX 256

/* The end of the fields of a line in passwd(5) and group(5). */
#define FIELDS_MAX 8

typedef struct Line {
        char *fields[FIELDS_MAX];
        size_t n;
} Line;

void user_done(User *user) {
        free(user->groups);
        free(user->home);
        *user = (User){};
}

/* (uid_t)-1 means "no change" to the kernel. */
static int parse_id(const char *s, uint32_t *ret) {
        uint32_t id;
        int r = parse_u32(s, &id);

        if (r < 0)
                return r;
        if (id == UINT32_MAX)
                return -ERANGE;
        *ret = id;
        return 0;
}

static bool is_number(const char *s) {
        return *s && s[strspn(s, "0123456789")] == '\0';
}

static bool name_is_valid(const char *s, size_t length) {
        if (length == 0 || length > NAME_LENGTH_MAX || *s == '-')
                return false;
        for (size_t i = 0; i < length; i++)
                if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || s[i] == ':' || s[i] == '/' ||
                    s[i] == ',')
                        return false;
        return true;
}

bool user_spec_is_valid(const char *spec) {
        const char *colon = strchrnul(spec, ':');

        return name_is_valid(spec, colon - spec) &&
               (!*colon || name_is_valid(colon + 1, strlen(colon + 1)));
}

/* Reads a file of the container; whatever is no plain, readable text of a sane size is as good as
 * none. Return: 0 with *ret NULL when there is none, or a negative errno. */
static int read_file(int root, const char *path, char **ret, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        size_t size;
        struct stat st;
        int r;

        /* O_NONBLOCK: a FIFO in its place must not hang us (CVE-2024-9676). */
        fd = fd_open_in_root(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
        if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP || fd == -ENXIO)
                return 0;
        if (fd < 0)
                return error_set(e, fd, "user", "opening %s", path);
        if (fstat(fd, &st) < 0)
                return error_set(e, errno, "user", "reading %s", path);
        if (!S_ISREG(st.st_mode))
                return 0;
        r = fd_read_all(fd, FILE_SIZE_MAX, ret, &size);
        if (r == -EFBIG)
                return 0;
        if (r < 0)
                return error_set(e, r, "user", "reading %s", path);
        if (memchr(*ret, '\0', size)) {
                free(*ret);
                *ret = NULL;
        }
        return 0;
}

/* Cuts the next line off *text and into fields. A line with too many fields has n > FIELDS_MAX.
 * Return: false at the end. */
static bool next_line(char **text, Line *line) {
        char *p = strsep(text, "\n"), *field;

        if (!p)
                return false;
        line->n = 0;
        while ((field = strsep(&p, ":"))) {
                if (line->n < FIELDS_MAX)
                        line->fields[line->n] = field;
                line->n++;
        }
        return true;
}

/* Whether the entry with this name and this number is the one that is looked for. */
static bool is_entry(const char *name, const char *id, const char *wanted, uint32_t *ret) {
        uint32_t number, wanted_number;

        if (isempty(name) || parse_id(id, &number) < 0)
                return false;
        *ret = number;
        if (!is_number(wanted))
                return streq(name, wanted);
        return parse_id(wanted, &wanted_number) >= 0 && number == wanted_number;
}

/* Looks `wanted` up in the text of /etc/passwd, the first entry counts. *ret_name is the user's
 * name, or NULL when it isn't there; it and `home` point into the text. */
static void find_user(char *text, const char *wanted, User *user, const char **ret_name,
                      const char **home) {
        Line line;

        *ret_name = NULL;
        while (next_line(&text, &line)) {
                uint32_t uid, gid;

                if (line.n != 7 || !is_entry(line.fields[0], line.fields[2], wanted, &uid) ||
                    parse_id(line.fields[3], &gid) < 0)
                        continue;
                user->uid = uid;
                user->gid = gid;
                *ret_name = line.fields[0];
                *home = line.fields[5];
                return;
        }
}

static bool find_group(char *text, const char *wanted, gid_t *ret) {
        Line line;

        while (next_line(&text, &line))
                if (line.n == 4 && is_entry(line.fields[0], line.fields[2], wanted, ret))
                        return true;
        return false;
}

static int add_group(User *user, gid_t gid, Error *e) {
        gid_t *grown;

        for (size_t i = 0; i < user->n_groups; i++)
                if (user->groups[i] == gid)
                        return 0;
        /* Leaving some out could give rights: files may deny a group what they allow others. */
        if (user->n_groups >= NGROUPS_MAX)
                return error_set(e, E2BIG, "user", "the user is in too many groups");
        grown = reallocarray(user->groups, user->n_groups + 1, sizeof(gid_t));
        if (!grown)
                return error_oom(e);
        grown[user->n_groups++] = gid;
        user->groups = grown;
        return 0;
}

static bool is_member(char *members, const char *name) {
        char *member;

        while ((member = strsep(&members, ",")))
                if (streq(member, name))
                        return true;
        return false;
}

static int add_memberships(User *user, char *text, const char *name, Error *e) {
        Line line;

        while (next_line(&text, &line)) {
                uint32_t gid;

                if (line.n != 4 || isempty(line.fields[0]) || parse_id(line.fields[2], &gid) < 0 ||
                    !is_member(line.fields[3], name))
                        continue;
                TRY(add_group(user, gid, e));
        }
        return 0;
}

/* A hostile home could bring anything into the environment; what isn't a path is "/". */
static int set_home(User *user, const char *home, Error *e) {
        if (!home || home[0] != '/' || strlen(home) >= PATH_MAX || !utf8_is_valid(home))
                home = "/";
        user->home = strdup(home);
        return user->home ? 0 : error_oom(e);
}

static int lookup_user(int root, const char *name, User *user, char **text, const char **ret_name,
                       Error *e) {
        const char *home = NULL;
        uint32_t uid;

        TRY(read_file(root, "/etc/passwd", text, e));
        *ret_name = NULL;
        if (*text)
                find_user(*text, name, user, ret_name, &home);
        if (!*ret_name) {
                if (!is_number(name))
                        return error_set(e, ENOENT, "user", "no user \"%s\" in /etc/passwd", name);
                if (parse_id(name, &uid) < 0)
                        return error_set(e, EINVAL, "user", "\"%s\" is no user id", name);
                user->uid = uid;
                user->gid = 0;
        }
        return set_home(user, home, e);
}

static int lookup_groups(int root, const char *group, const char *name, User *user, Error *e) {
        _cleanup_free_ char *text = NULL;

        if (group && is_number(group)) {
                if (parse_id(group, &user->gid) < 0)
                        return error_set(e, EINVAL, "user", "\"%s\" is no group id", group);
                return add_group(user, user->gid, e);
        }
        TRY(read_file(root, "/etc/group", &text, e));
        if (group && (!text || !find_group(text, group, &user->gid)))
                return error_set(e, ENOENT, "user", "no group \"%s\" in /etc/group", group);
        TRY(add_group(user, user->gid, e));
        if (!group && name && text)
                return add_memberships(user, text, name, e);
        return 0;
}

int user_lookup(int root, const char *spec, User *ret, Error *e) {
        _cleanup_free_ char *name = NULL, *text = NULL;
        _cleanup_(user_done) User user = {};
        const char *passwd_name;
        char *group;

        if (!spec)
                spec = "0";
        if (!user_spec_is_valid(spec))
                return error_set(e, EINVAL, "user", "\"%s\" is not USER or USER:GROUP", spec);
        name = strdup(spec);
        if (!name)
                return error_oom(e);
        group = strchr(name, ':');
        if (group)
                *group++ = '\0';
        TRY(lookup_user(root, name, &user, &text, &passwd_name, e));
        TRY(lookup_groups(root, group, passwd_name, &user, e));
        *ret = user;
        user = (User){};
        return 0;
}

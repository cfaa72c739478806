/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "shared/fd.h"
#include "shared/strutil.h"
#include "worker/target.h"

#define LINKS_MAX 40

/* Cuts the last component off. */
static void go_up(char *real) {
        char *slash = strrchr(real, '/');

        *(slash ? slash : real) = '\0';
}

static int open_in_view(int view, const char *real, int flags) {
        return fd_open_in_root(view, *real ? real : ".", flags | O_NOFOLLOW, 0);
}

/* What stands in for the link `real` + rest: its target and the rest. Return: NULL when it can't
 * be read. */
static char *replace_link(int link, const char *rest) {
        char target[PATH_MAX];
        ssize_t n;

        n = readlinkat(link, "", target, sizeof(target) - 1);
        if (n < 0)
                return NULL;
        target[n] = '\0';
        return strf("%s/%s", target, rest);
}

/* Appends a component to the real path and looks at what is there; a link gives a new `*left`.
 * Return: 0 or a negative errno. */
static int resolve_step(int view, char real[PATH_MAX], const char *name, char **left,
                        const char *rest, unsigned *links) {
        size_t length = strlen(real);
        _cleanup_close_ int fd = -EBADF;
        char *replaced;
        struct stat st;

        if (length + 1 + strlen(name) >= PATH_MAX)
                return -ENAMETOOLONG;
        sprintf(real + length, "%s%s", length > 0 ? "/" : "", name);
        fd = open_in_view(view, real, O_PATH);
        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        replaced = strdup(rest);
        if (S_ISLNK(st.st_mode)) {
                free(replaced);
                if (++*links > LINKS_MAX)
                        return -ELOOP;
                replaced = replace_link(fd, rest);
                real[length] = '\0';
                if (replaced && replaced[0] == '/')
                        real[0] = '\0';
        }
        if (!replaced)
                return -ENOMEM;
        free(*left);
        *left = replaced;
        return 0;
}

int path_resolve(int view, const char *target, char **ret) {
        _cleanup_free_ char *left = strdup(target);
        char real[PATH_MAX] = "";
        unsigned links = 0;

        if (!left)
                return -ENOMEM;
        while (left[0]) {
                char *name = left + strspn(left, "/"), *end = strchrnul(name, '/');
                const char *rest = *end ? end + 1 : end;
                _cleanup_free_ char *copy = strdup(rest);

                if (!copy)
                        return -ENOMEM;
                *end = '\0';
                if (*name == '\0' || streq(name, ".") || streq(name, "..")) {
                        if (streq(name, ".."))
                                go_up(real);
                        free(left);
                        left = TAKE_PTR(copy);
                        continue;
                }
                TRY(resolve_step(view, real, name, &left, copy, &links));
        }
        *ret = strdup(real);
        return *ret ? 0 : -ENOMEM;
}

void target_done(Target *target) {
        free(target->directory);
        free(target->name);
        safe_close(target->fd);
        *target = TARGET_INIT;
}

/* Where the last component begins and how long it is, trailing slashes left out. */
static const char *find_last(const char *path, size_t *length) {
        size_t end = strlen(path), start;

        while (end > 0 && path[end - 1] == '/')
                end--;
        for (start = end; start > 0 && path[start - 1] != '/';)
                start--;
        *length = end - start;
        return path + start;
}

static bool is_itself(const char *name, size_t length) {
        return length == 0 || (length == 1 && name[0] == '.') ||
               (length == 2 && name[0] == '.' && name[1] == '.');
}

int path_last(const char *path, char **ret) {
        size_t length;
        const char *last = find_last(path, &length);

        *ret = NULL;
        if (is_itself(last, length))
                return 0;
        *ret = strndup(last, length);
        return *ret ? 0 : -ENOMEM;
}

static int split(const char *path, Target *target) {
        size_t length;
        const char *last = find_last(path, &length);

        target->slash = last[length] == '/';
        TRY(path_last(path, &target->name));
        target->directory = target->name ? strndup(path, (size_t)(last - path)) : strdup(path);
        return target->directory ? 0 : -ENOMEM;
}

/* Opens the directory and looks at the target. */
static int look(int view, const char *path, Target *target, Error *e) {
        char *real = NULL;
        int r;

        r = path_resolve(view, target->directory, &real);
        if (r >= 0) {
                free(target->directory);
                target->directory = real;
                r = target->fd = open_in_view(view, real, O_RDONLY | O_DIRECTORY);
        }
        if (r < 0)
                return error_set(e, r, "path", "Could not find the file %s in the container", path);
        if (fstatat(target->fd, target->name ?: ".", &target->st, AT_SYMLINK_NOFOLLOW) >= 0)
                target->exists = true;
        else if (errno != ENOENT)
                return error_set(e, errno, "path", "examining %s in the container", path);
        return 0;
}

/* Replaces the target, a link, by what it leads to. */
static int follow_link(int view, const char *path, Target *target, Error *e) {
        _cleanup_(target_done) Target link = *target;
        _cleanup_free_ char *next = NULL;
        char text[PATH_MAX];
        ssize_t n;

        *target = TARGET_INIT;
        n = readlinkat(link.fd, link.name, text, sizeof(text) - 1);
        if (n < 0)
                return error_set(e, errno, "path", "reading the link %s in the container", path);
        text[n] = '\0';
        next = text[0] == '/' ? strdup(text) : strf("%s/%s", link.directory, text);
        if (!next || split(next, target) < 0)
                return error_oom(e);
        target->slash = target->slash || link.slash;
        return look(view, path, target, e);
}

int target_find(int view, const char *path, bool follow, Target *ret, Error *e) {
        unsigned links = 0;

        *ret = TARGET_INIT;
        if (strlen(path) >= PATH_MAX)
                return error_set(e, ENAMETOOLONG, "path", "the path is too long");
        if (split(path, ret) < 0)
                return error_oom(e);
        TRY(look(view, path, ret, e));
        while (ret->exists && S_ISLNK(ret->st.st_mode) && (follow || ret->slash)) {
                if (++links > LINKS_MAX)
                        return error_set(e, ELOOP, "path", "%s in the container leads in a circle",
                                         path);
                TRY(follow_link(view, path, ret, e));
        }
        if (ret->exists && ret->slash && !S_ISDIR(ret->st.st_mode))
                return error_set(e, ENOTDIR, "path", "%s in the container is not a directory",
                                 path);
        return 0;
}

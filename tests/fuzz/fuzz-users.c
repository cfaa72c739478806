/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fuzzes whom a process runs as: USER[:GROUP] and the container's own /etc/passwd and /etc/group. The input is the
 * user's line, then the text of the one file, a line "--", and the text of the other. */

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/user.h"
#include "shared/fd.h"
#include "shared/strutil.h"
#include "shared/test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[] = "/tmp/mydocker-fuzz-users.XXXXXX";
static int root = -EBADF, passwd = -EBADF, group = -EBADF;

static void clean_up(void) {
        (void)unlinkat(root, "etc/passwd", 0);
        (void)unlinkat(root, "etc/group", 0);
        (void)unlinkat(root, "etc", AT_REMOVEDIR);
        (void)rmdir(directory);
}

static void set_up(void) {
        CHECK(mkdtemp(directory));
        root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        CHECK(root >= 0);
        CHECK_INT(mkdirat(root, "etc", 0700), 0);
        passwd = openat(root, "etc/passwd", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        group = openat(root, "etc/group", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        CHECK(passwd >= 0 && group >= 0);
        CHECK_INT(atexit(clean_up), 0);
}

static void replace(int fd, const char *text, size_t size) {
        CHECK_INT(ftruncate(fd, 0), 0);
        CHECK(pwrite(fd, text, size, 0) == (ssize_t)size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *text = (const char *)data, *end = text + size, *users, *groups;
        _cleanup_free_ char *spec = NULL;
        Error e = ERROR_INIT;
        User user = {};
        int r;

        if (root < 0)
                set_up();
        users = memchr(text, '\n', size);
        users = users ? users + 1 : end;
        spec = strndup(text, (size_t)(users - text) - (users > text && users[-1] == '\n'));
        CHECK(spec);
        groups = memmem(users, (size_t)(end - users), "--\n", 3);
        replace(passwd, users, (size_t)((groups ?: end) - users));
        replace(group, groups ? groups + 3 : end, groups ? (size_t)(end - groups - 3) : 0);

        r = user_lookup(root, spec, &user, &e);
        if (r < 0) {
                CHECK(e.number == -r && streq(e.stage, "user") && utf8_is_valid(e.text));
                return 0;
        }
        CHECK(user_spec_is_valid(spec));
        CHECK(user.uid != (uid_t)-1 && user.gid != (gid_t)-1);
        CHECK(user.n_groups >= 1 && user.n_groups <= NGROUPS_MAX && user.groups[0] == user.gid);
        CHECK(user.home && user.home[0] == '/' && utf8_is_valid(user.home));
        user_done(&user);
        return 0;
}

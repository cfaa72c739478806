/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "daemon/volume-source.h"
#include "shared/fd.h"

#define PASSWD_SIZE_MAX (1024 * 1024)

/* The groups that the user database gives a user now. What they were when the container was made does not count: who
 * has left a group since has lost what it gave. Return: 0 or a negative errno, -ENOENT when there is no such user. */
static int find_groups(uid_t uid, gid_t *ret_primary, gid_t **ret, int *ret_n) {
        _cleanup_free_ char *buffer = malloc(PASSWD_SIZE_MAX);
        _cleanup_free_ gid_t *groups = NULL;
        struct passwd passwd, *found;
        int n = 64, r;

        if (!buffer)
                return -ENOMEM;
        r = getpwuid_r(uid, &passwd, buffer, PASSWD_SIZE_MAX, &found);
        if (r != 0 || !found)
                return r != 0 ? -r : -ENOENT;
        for (;;) {
                gid_t *grown = reallocarray(groups, n, sizeof(gid_t));
                int size = n;

                if (!grown)
                        return -ENOMEM;
                groups = grown;
                if (getgrouplist(passwd.pw_name, passwd.pw_gid, groups, &n) >= 0)
                        break;
                if (n <= size)
                        return -EINVAL;
        }
        *ret_primary = passwd.pw_gid;
        *ret = TAKE_PTR(groups);
        *ret_n = n;
        return 0;
}

/* File permissions are those of this user until rights_return(). By system calls, since the C library's setgroups()
 * changes all threads. */
static int rights_take(uid_t uid, Error *e) {
        _cleanup_free_ gid_t *groups = NULL;
        gid_t primary = 0;
        int n = 0, r;

        r = find_groups(uid, &primary, &groups, &n);
        if (r < 0)
                return error_set(e, r, "volume", "looking up the groups of user %u", uid);
        if (syscall(SYS_setgroups, n, groups) < 0)
                return error_set(e, errno, "volume", "taking the groups of user %u", uid);
        setfsgid(primary);
        setfsuid(uid);
        /* They do not tell failure; a call that changes nothing tells what counts. */
        if (setfsgid((gid_t)-1) != (int)primary || setfsuid((uid_t)-1) != (int)uid)
                return error_set(e, EPERM, "volume", "taking the rights of user %u", uid);
        return 0;
}

/* The groups stay: root needs none, and the thread ends soon. */
static void rights_return(void) {
        setfsuid(0);
        setfsgid(0);
}

/* A path that leads elsewhere by now must not show what nobody gave. */
static int check_same(const Volume *volume, int fd, Error *e) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return error_set(e, errno, "volume", "%s", volume->source);
        if (st.st_dev != volume->device || st.st_ino != volume->inode)
                return error_set(e, ESTALE, "volume", "%s is not the directory that was given",
                                 volume->source);
        return 0;
}

/* The path is only as good as the user's own: what the user may not reach any more, or reached by a way of its own
 * (another mount namespace, a descriptor that somebody handed over), root must not reach for it. */
static int open_again(const Volume *volume, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        int r = 0;

        if (volume->uid != 0)
                r = rights_take(volume->uid, e);
        if (r >= 0) {
                fd = open(volume->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (fd < 0)
                        r = volume->uid == 0 ? error_set(e, errno, "volume", "cannot open %s",
                                                         volume->source) :
                                               error_set(e, errno, "volume",
                                                         "user %u cannot open %s (any more)",
                                                         volume->uid, volume->source);
        }
        rights_return();
        if (r < 0)
                return r;
        TRY(check_same(volume, fd, e));
        return TAKE_FD(fd);
}

/* `links`: whether they are followed. */
static int open_path(const Volume *volume, bool links, bool make, Error *e) {
        _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int fd;

        if (root < 0)
                return error_set(e, errno, "volume", "cannot open /");
        fd = links ? fd_open_in_root(root, volume->source, O_PATH, 0) :
                     fd_open_without_links(root, volume->source, O_PATH);
        if (fd >= 0)
                return fd;
        if (fd == -ELOOP && !links)
                return error_set(e, fd, "volume", "%s leads through a symbolic link",
                                 volume->source);
        if (fd != -ENOENT || !make)
                return error_set(e, fd, "volume", "cannot open %s", volume->source);
        fd = links ? fd_mkdir_in_root(root, volume->source, 0, 0) :
                     fd_mkdir_without_links(root, volume->source, 0, 0);
        return fd >= 0 ? fd : error_set(e, fd, "volume", "cannot make %s", volume->source);
}

int volume_source_open(const Volume *volume, uid_t owner, bool make, Error *e) {
        return volume->device != 0 ? open_again(volume, e) : open_path(volume, owner == 0, make, e);
}

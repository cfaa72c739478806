/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fnmatch.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "shared/fault.h"
#include "shared/fd.h"
#include "shared/strutil.h"
#include "shared/syscalls.h"

/* Links lead to where the root's owner means them, or nowhere. */
#define FOLLOW_LINKS (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
#define REFUSE_LINKS (RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS)

/* How often a lock is tried. */
#define LOCK_POLL_MSEC 20

/* systemd-system.conf(5), DefaultLimitNOFILE=; without systemd the kernel's 4096 may be all there is. */
#define DESCRIPTORS_MAX 524288

static int open_resolved(int root_fd, const char *path, int flags, mode_t mode, uint64_t resolve) {
        for (unsigned attempt = 0;; attempt++) {
                int fd = sys_openat2(root_fd, path, flags, flags & (O_CREAT | O_TMPFILE) ? mode : 0,
                                     resolve);

                if (fd >= 0)
                        return fd;
                /* EAGAIN: a rename raced with the resolution of ".."; openat2(2) asks to try
                 * again. */
                if ((errno != EAGAIN && errno != EINTR) || attempt >= 128)
                        return -errno;
        }
}

int fd_open_in_root(int root_fd, const char *path, int flags, mode_t mode) {
        return open_resolved(root_fd, path, flags, mode, FOLLOW_LINKS);
}

int fd_open_without_links(int root_fd, const char *path, int flags) {
        return open_resolved(root_fd, path, flags, 0, REFUSE_LINKS);
}

/* One directory below `parent`, which is inside the root. */
static int make_component(int root_fd, int parent, const char *name, const char *path_so_far,
                          uid_t uid, gid_t gid, uint64_t resolve) {
        if (mkdirat(parent, name, 0755) < 0) {
                if (errno != EEXIST)
                        return -errno;
        } else if (fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        return open_resolved(root_fd, path_so_far, O_PATH | O_DIRECTORY, 0, resolve);
}

static int make_path(int root_fd, const char *path, uid_t uid, gid_t gid, uint64_t resolve) {
        _cleanup_free_ char *normal = NULL;
        _cleanup_close_ int parent = -EBADF;
        int r;

        r = path_normalize(path, &normal);
        if (r < 0)
                return r;
        parent = open_resolved(root_fd, "/", O_PATH | O_DIRECTORY, 0, resolve);
        if (parent < 0)
                return parent;
        /* The path is opened anew from the root for each component, so that a link on the way is
         * followed inside the root and the new directory is made by name in a directory that is
         * held. */
        for (char *p = normal + 1; *p;) {
                char *end = strchrnul(p, '/'), saved = *end;
                int fd;

                *end = '\0';
                fd = open_resolved(root_fd, normal, O_PATH | O_DIRECTORY, 0, resolve);
                if (fd == -ENOENT)
                        fd = make_component(root_fd, parent, p, normal, uid, gid, resolve);
                *end = saved;
                if (fd < 0)
                        return fd;
                safe_close(parent);
                parent = fd;
                p = *end ? end + 1 : end;
        }
        return TAKE_FD(parent);
}

int fd_mkdir_in_root(int root_fd, const char *path, uid_t uid, gid_t gid) {
        return make_path(root_fd, path, uid, gid, FOLLOW_LINKS);
}

int fd_mkdir_without_links(int root_fd, const char *path, uid_t uid, gid_t gid) {
        return make_path(root_fd, path, uid, gid, REFUSE_LINKS);
}

int fd_open_or_make_dir(int dir_fd, const char *name, mode_t mode) {
        int fd;

        if (mkdirat(dir_fd, name, mode) < 0 && errno != EEXIST)
                return -errno;
        fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

const char *fd_path(int fd, char buffer[static FD_PATH_MAX]) {
        snprintf(buffer, FD_PATH_MAX, "/proc/self/fd/%d", fd);
        return buffer;
}

int fd_reopen(int fd, int flags) {
        char path[FD_PATH_MAX];
        int copy = open(fd_path(fd, path), flags | O_CLOEXEC);

        return copy < 0 ? -errno : copy;
}

int fd_check_pipe(int fd, int access) {
        int flags = fcntl(fd, F_GETFL);
        struct statx st;

        if (flags < 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) < 0)
                return -errno;
        if (!S_ISFIFO(st.stx_mode))
                return -EINVAL;
        /* Anybody can have one that may not be written to, or not be opened at all. */
        return (flags & O_PATH) ||
                               ((flags & O_ACCMODE) != access && (flags & O_ACCMODE) != O_RDWR) ?
                       -EBADF :
                       0;
}

int fd_open_pipe(int fd, int flags) {
        int r = fd_check_pipe(fd, flags & O_ACCMODE);

        return r < 0 ? r : fd_reopen(fd, flags);
}

int fd_set_nonblock(int fd, bool nonblock) {
        int flags = fcntl(fd, F_GETFL);

        if (flags < 0)
                return -errno;
        flags = nonblock ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
        return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

int fd_write_all(int fd, const void *data, size_t size) {
        const char *p = data;

        while (size > 0) {
                ssize_t n = write(fd, p, size);

                if (n >= 0) {
                        p += n;
                        size -= n;
                } else if (errno == EAGAIN) {
                        struct pollfd pollfd = {.fd = fd, .events = POLLOUT};

                        if (poll(&pollfd, 1, -1) < 0 && errno != EINTR)
                                return -errno;
                } else if (errno != EINTR)
                        return -errno;
        }
        return 0;
}

int fd_read_all(int fd, size_t max, char **ret, size_t *ret_size) {
        _cleanup_free_ char *data = NULL;
        size_t size = 0, allocated = 0;

        for (;;) {
                ssize_t n;

                if (allocated - size < 2) {
                        char *grown;

                        allocated = allocated ? allocated * 2 : 4096;
                        grown = realloc(data, allocated);
                        if (!grown)
                                return -ENOMEM;
                        data = grown;
                }
                n = read(fd, data + size, allocated - size - 1);
                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (n == 0)
                        break;
                size += n;
                if (size > max)
                        return -EFBIG;
        }
        data[size] = '\0';
        *ret = TAKE_PTR(data);
        if (ret_size)
                *ret_size = size;
        return 0;
}

int fd_read_file_at(int dir_fd, const char *name, size_t max, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        /* O_NONBLOCK: opening a FIFO that somebody put here must not hang (CVE-2024-9676). */
        fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        return fd_read_all(fd, max, ret, ret_size);
}

int fd_write_attribute_at(int dir_fd, const char *name, const char *value) {
        _cleanup_close_ int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
        size_t size = strlen(value);
        ssize_t n;

        if (fd < 0)
                return -errno;
        do
                n = write(fd, value, size);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        return (size_t)n == size ? 0 : -EIO;
}

int fd_replace_file_at(int dir_fd, const char *name, const char *data, size_t size) {
        _cleanup_close_ int fd = -EBADF;
        char temporary[NAME_MAX + 1];
        int r;

        if ((size_t)snprintf(temporary, sizeof(temporary), ".%s.new", name) >= sizeof(temporary))
                return -ENAMETOOLONG;
        fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        r = FAULT("file.write") < 0 ? -errno : fd_write_all(fd, data, size);
        if (r >= 0 && (FAULT("file.rename") < 0 || renameat(dir_fd, temporary, dir_fd, name) < 0))
                r = -errno;
        if (r < 0)
                unlinkat(dir_fd, temporary, 0);
        return r;
}

int fd_remove_temporary_files(int dir_fd) {
        _cleanup_close_ int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_closedir_ DIR *dir = NULL;
        struct dirent *entry;

        if (fd < 0)
                return -errno;
        dir = fdopendir(fd);
        if (!dir)
                return -errno;
        (void)TAKE_FD(fd);
        while ((errno = 0, entry = readdir(dir)))
                if (fnmatch(".*.new", entry->d_name, FNM_PERIOD) == 0 &&
                    unlinkat(dir_fd, entry->d_name, 0) < 0 && errno != ENOENT)
                        return -errno;
        return -errno;
}

int fd_send_message(int socket, const void *data, size_t size, const int *fds, size_t n_fds) {
        union {
                char buffer[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
                struct cmsghdr align;
        } control = {};
        struct iovec iov = {.iov_base = (void *)data, .iov_len = size};
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
        ssize_t n;

        if (n_fds > FD_PASS_MAX)
                return -E2BIG;
        if (n_fds > 0) {
                struct cmsghdr *c;

                msg.msg_control = control.buffer;
                msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
                c = CMSG_FIRSTHDR(&msg);
                c->cmsg_level = SOL_SOCKET;
                c->cmsg_type = SCM_RIGHTS;
                c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
                memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
        }
        do
                n = sendmsg(socket, &msg, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : 0;
}

/* Moves the descriptors of a received message into `fds`. */
static int take_descriptors(struct msghdr *msg, int fds[static FD_PASS_MAX], size_t *n_fds) {
        *n_fds = 0;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
                size_t n;

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < n && *n_fds < FD_PASS_MAX; i++)
                        memcpy(&fds[(*n_fds)++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
        }
        if (!(msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
                return 0;
        fd_close_many(fds, *n_fds);
        *n_fds = 0;
        return -EMSGSIZE;
}

int fd_receive_message(int socket, size_t max, char **ret, size_t *ret_size,
                       int fds[static FD_PASS_MAX], size_t *n_fds) {
        union {
                char buffer[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
                struct cmsghdr align;
        } control;
        _cleanup_free_ char *data = NULL;
        struct iovec iov;
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
        ssize_t n;
        int r;

        *ret = NULL;
        *n_fds = 0;
        do
                n = recv(socket, NULL, 0, MSG_PEEK | MSG_TRUNC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;

        n = MIN(n, (ssize_t)max);
        data = malloc(n + 1);
        if (!data)
                return -ENOMEM;
        iov = (struct iovec){.iov_base = data, .iov_len = n};
        msg.msg_control = control.buffer;
        msg.msg_controllen = sizeof(control.buffer);
        do
                n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        r = take_descriptors(&msg, fds, n_fds);
        if (r < 0)
                return r;
        if (n == 0)
                return 0; /* our messages are never empty: this is the end of the connection */
        data[n] = '\0';
        *ret = TAKE_PTR(data);
        if (ret_size)
                *ret_size = n;
        return 0;
}

int fd_lock(int fd, unsigned msec) {
        for (unsigned waited = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; waited += LOCK_POLL_MSEC) {
                if (errno != EWOULDBLOCK)
                        return -errno;
                if (waited >= msec)
                        return -EBUSY;
                usleep(LOCK_POLL_MSEC * 1000);
        }
        return 0;
}

int fd_raise_limit(void) {
        struct rlimit limit, more = {DESCRIPTORS_MAX, DESCRIPTORS_MAX};

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return -errno;
        if (limit.rlim_max < DESCRIPTORS_MAX && setrlimit(RLIMIT_NOFILE, &more) >= 0)
                return 0;
        limit.rlim_cur = limit.rlim_max;
        return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

void fd_close_many(int *fds, size_t n) {
        for (size_t i = 0; i < n; i++)
                fds[i] = safe_close(fds[i]);
}

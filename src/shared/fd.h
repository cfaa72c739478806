/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files by descriptor: reading, writing whole files atomically, and walking into a directory that
 * somebody else controls without ever being led out of it (openat2(2), RESOLVE_IN_ROOT). Every
 * descriptor returned has CLOEXEC set and belongs to the caller. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "shared/cleanup.h"

/* Opens `path` below the directory `root_fd`, which is its root: absolute links and ".." stay
 * inside, magic links are refused. `flags` as open(2) plus O_CLOEXEC; `mode` only with O_CREAT.
 * Return: a descriptor or a negative errno. */
int fd_open_in_root(int root_fd, const char *path, int flags, mode_t mode);

/* Makes directory `path` and what is missing above it below `root_fd` as fd_open_in_root() sees
 * it, with owner `uid`:`gid` and mode 0755, and opens it O_PATH|O_DIRECTORY. An existing path is
 * only opened.
 * Return: a descriptor or a negative errno (ENOTDIR when a component is no directory). */
int fd_mkdir_in_root(int root_fd, const char *path, uid_t uid, gid_t gid);

/* The same two for a path that was vouched for as it is written: a link anywhere in it, which could lead
 * elsewhere, is refused with ELOOP. */
int fd_open_without_links(int root_fd, const char *path, int flags);
int fd_mkdir_without_links(int root_fd, const char *path, uid_t uid, gid_t gid);

/* Opens (O_DIRECTORY|O_RDONLY|O_NOFOLLOW) the directory `name` in `dir_fd`, made with `mode` when
 * missing. Return: a descriptor or a negative errno. */
int fd_open_or_make_dir(int dir_fd, const char *name, mode_t mode);

/* A path for this descriptor below /proc/self/fd, for calls that know only paths. */
#define FD_PATH_MAX 32
const char *fd_path(int fd, char buffer[static FD_PATH_MAX]);

/* A second descriptor for the same object with other access rights (through /proc/self/fd).
 * Return: a descriptor or a negative errno. */
int fd_reopen(int fd, int flags);

/* Whether this is a pipe (or another FIFO) that was opened for `access`, O_RDONLY or O_WRONLY. Asks no file system
 * that somebody else may stand behind. Return: 0, -EINVAL for no pipe, -EBADF for no such access, or a negative errno. */
int fd_check_pipe(int fd, int access);

/* The same as fd_reopen() for a pipe, with the access that it was opened for. Errors as fd_check_pipe(), too. */
int fd_open_pipe(int fd, int flags);

int fd_set_nonblock(int fd, bool nonblock);

/* Lets this process have as many descriptors as systemd lets a service, or if it may not what its hard limit allows.
 * Return: 0 or a negative errno. */
int fd_raise_limit(void);

/* Writes all of it, through short writes and EINTR; waits with poll(2) on a non-blocking
 * descriptor.
 * Return: 0 or a negative errno. */
int fd_write_all(int fd, const void *data, size_t size);

/* Reads a regular file of at most `max` bytes; no link is followed in the last component, a FIFO or
 * device is refused with EINVAL, a larger file with EFBIG. The text is NUL-terminated.
 * Return: 0 or a negative errno; *ret is to be freed. */
int fd_read_file_at(int dir_fd, const char *name, size_t max, char **ret, size_t *ret_size);

/* The same from a descriptor's current offset to its end, of any file type. */
int fd_read_all(int fd, size_t max, char **ret, size_t *ret_size);

/* Writes into an existing file such as a cgroup or /proc attribute, in one write(2).
 * Return: 0 or a negative errno. */
int fd_write_attribute_at(int dir_fd, const char *name, const char *value);

/* Replaces `name` by a new file (mode 0600) with these contents, by a temporary file and rename(2);
 * readers see the old or the new file. It is on disk when the file system has been synced.
 * Return: 0 or a negative errno. */
int fd_replace_file_at(int dir_fd, const char *name, const char *data, size_t size);

/* Deletes the temporary files that an fd_replace_file_at() in this directory left when its process was
 * killed in the middle. Nobody may be writing into the directory.
 * Return: 0 or a negative errno. */
int fd_remove_temporary_files(int dir_fd);

/* Takes the exclusive lock of flock(2). Who was killed may still have it for a while, and that is waited for, `msec` at most:
 * until one of its threads has come back from the disk (nothing ends a sync(2) that has begun), or until a process that it
 * was just making has closed its copy of the descriptor.
 * Return: 0, -EBUSY when somebody keeps it, or another negative errno. */
int fd_lock(int fd, unsigned msec);

/* Sends one message with descriptors by SCM_RIGHTS (at most FD_PASS_MAX). MSG_NOSIGNAL.
 * Return: 0 or a negative errno (EAGAIN on a full non-blocking socket). */
#define FD_PASS_MAX 128
int fd_send_message(int socket, const void *data, size_t size, const int *fds, size_t n_fds);

/* Receives one packet of a SOCK_SEQPACKET socket, at most `max` bytes, NUL-terminated beyond its
 * end; EMSGSIZE when it is longer or has too many descriptors. At the peer's end: 0 with *ret ==
 * NULL.
 * Return: 0 or a negative errno; *ret is to be freed, the *n_fds first of `fds` closed, by the
 * caller. */
int fd_receive_message(int socket, size_t max, char **ret, size_t *ret_size,
                       int fds[static FD_PASS_MAX], size_t *n_fds);

/* Closes the valid ones of `fds` and sets each to -EBADF. */
void fd_close_many(int *fds, size_t n);

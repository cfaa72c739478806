/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <ftw.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "shared/fd.h"
#include "shared/strutil.h"
#include "shared/test.h"

static char directory[] = "/tmp/mydocker-test-fd-XXXXXX";

static void write_file(int dir_fd, const char *name, const char *text) {
        _cleanup_close_ int fd =
                openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        CHECK(fd >= 0);
        CHECK_INT(fd_write_all(fd, text, strlen(text)), 0);
}

/* A link that leads out of a root as the host sees it leads somewhere inside it as we open it. */
static void test_open_in_root(int dir_fd) {
        _cleanup_close_ int root = fd_open_or_make_dir(dir_fd, "root", 0755), fd = -EBADF,
                            made = -EBADF;
        _cleanup_free_ char *text = NULL;

        write_file(dir_fd, "secret", "outside");
        CHECK(root >= 0);
        CHECK_INT(symlinkat("../secret", root, "relative"), 0);
        CHECK_INT(symlinkat("/secret", root, "absolute"), 0);
        CHECK_INT(symlinkat("/proc/self/root", root, "magic"), 0);
        CHECK_INT(fd_open_in_root(root, "relative", O_RDONLY, 0), -ENOENT);
        CHECK_INT(fd_open_in_root(root, "../secret", O_RDONLY, 0), -ENOENT);
        CHECK_INT(fd_open_in_root(root, "magic", O_RDONLY, 0), -ENOENT);

        write_file(root, "secret", "inside");
        fd = fd_open_in_root(root, "absolute", O_RDONLY, 0);
        CHECK(fd >= 0);
        CHECK_INT(fd_read_all(fd, 100, &text, NULL), 0);
        CHECK_STR(text, "inside");

        /* Directories are made through a link as the root's owner would see it, not outside. */
        CHECK_INT(symlinkat("/real", root, "link"), 0);
        CHECK_INT(mkdirat(root, "real", 0755), 0);
        made = fd_mkdir_in_root(root, "/link/../link/a/b", getuid(), getgid());
        CHECK(made >= 0);
        CHECK_INT(faccessat(root, "real/a/b", F_OK, 0), 0);
        CHECK_INT(fd_mkdir_in_root(root, "/secret/x", getuid(), getgid()), -ENOTDIR);
}

/* Where links are not wanted, none is followed, be it the last component or on the way. */
static void test_without_links(int dir_fd) {
        _cleanup_close_ int root = openat(dir_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC),
                            fd = fd_open_without_links(root, "/real/a", O_PATH | O_DIRECTORY),
                            made = -EBADF;

        CHECK(fd >= 0);
        CHECK_INT(fd_open_without_links(root, "/link", O_PATH), -ELOOP);
        CHECK_INT(fd_open_without_links(root, "/link/a", O_PATH), -ELOOP);
        CHECK_INT(fd_open_without_links(root, "/none", O_PATH), -ENOENT);
        CHECK_INT(fd_mkdir_without_links(root, "/link/c", getuid(), getgid()), -ELOOP);
        CHECK_INT(faccessat(root, "real/c", F_OK, 0), -1);
        made = fd_mkdir_without_links(root, "/real/d/e", getuid(), getgid());
        CHECK(made >= 0);
        CHECK_INT(faccessat(root, "real/d/e", F_OK, 0), 0);
}

static void test_read_file(int dir_fd) {
        _cleanup_free_ char *text = NULL;

        write_file(dir_fd, "file", "0123456789");
        CHECK_INT(fd_read_file_at(dir_fd, "file", 10, &text, NULL), 0);
        CHECK_STR(text, "0123456789");
        CHECK_INT(fd_read_file_at(dir_fd, "file", 9, &(char *){NULL}, NULL), -EFBIG);
        CHECK_INT(symlinkat("file", dir_fd, "link"), 0);
        CHECK_INT(fd_read_file_at(dir_fd, "link", 10, &(char *){NULL}, NULL), -ELOOP);
        CHECK_INT(mkfifoat(dir_fd, "fifo", 0600), 0);
        CHECK_INT(fd_read_file_at(dir_fd, "fifo", 10, &(char *){NULL}, NULL), -EINVAL);
}

static void test_replace_file(int dir_fd) {
        _cleanup_free_ char *text = NULL;
        struct stat st;

        CHECK_INT(fd_replace_file_at(dir_fd, "record", "one", 3), 0);
        CHECK_INT(fd_replace_file_at(dir_fd, "record", "second", 6), 0);
        CHECK_INT(fd_read_file_at(dir_fd, "record", 100, &text, NULL), 0);
        CHECK_STR(text, "second");
        CHECK_INT(fstatat(dir_fd, "record", &st, 0), 0);
        CHECK_INT(st.st_mode & 07777, 0600);
        CHECK_INT(faccessat(dir_fd, ".record.new", F_OK, 0), -1);
        CHECK_INT(fd_replace_file_at(dir_fd, "no/such", "x", 1), -ENOENT);

        write_file(dir_fd, ".record.new", "torn");
        write_file(dir_fd, "kept.new", "not ours");
        CHECK_INT(fd_remove_temporary_files(dir_fd), 0);
        CHECK_INT(faccessat(dir_fd, ".record.new", F_OK, 0), -1);
        CHECK_INT(faccessat(dir_fd, "kept.new", F_OK, 0), 0);
        CHECK_INT(faccessat(dir_fd, "record", F_OK, 0), 0);
}

static void test_messages(void) {
        int pair[2], fds[FD_PASS_MAX], many[FD_PASS_MAX];
        _cleanup_free_ char *data = NULL;
        size_t size, n;

        CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        for (size_t i = 0; i < FD_PASS_MAX; i++)
                many[i] = STDERR_FILENO;
        CHECK_INT(fd_send_message(pair[0], "hello", 5, many, FD_PASS_MAX), 0);
        CHECK_INT(fd_receive_message(pair[1], 5, &data, &size, fds, &n), 0);
        CHECK_STR(data, "hello");
        CHECK_INT(n, FD_PASS_MAX);
        CHECK_INT(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
        fd_close_many(fds, n);
        CHECK_INT(fds[0], -EBADF);
        free(TAKE_PTR(data));

        CHECK_INT(fd_send_message(pair[0], "too long", 8, many, 1), 0);
        CHECK_INT(fd_receive_message(pair[1], 5, &data, &size, fds, &n), -EMSGSIZE);
        CHECK_INT(n, 0);

        close(pair[0]);
        CHECK_INT(fd_receive_message(pair[1], 5, &data, &size, fds, &n), 0);
        CHECK(!data);
        close(pair[1]);
}

/* A child that has a copy of the descriptor for a moment. */
static void test_lock(int dir_fd) {
        int held = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd, status;
        pid_t pid;

        CHECK_INT(fd_lock(held, 0), 0);
        fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK_INT(fd_lock(fd, 100), -EBUSY);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                usleep(200000);
                _exit(0);
        }
        close(held);
        CHECK_INT(fd_lock(fd, 60000), 0);
        CHECK_INT(waitpid(pid, &status, 0), pid);
        close(fd);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

int main(void) {
        _cleanup_close_ int dir_fd = -EBADF;

        CHECK(mkdtemp(directory));
        dir_fd = open(directory, O_DIRECTORY | O_CLOEXEC);
        test_open_in_root(dir_fd);
        test_without_links(dir_fd);
        test_read_file(dir_fd);
        test_replace_file(dir_fd);
        test_messages();
        test_lock(dir_fd);
        CHECK_INT(nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
        return 0;
}

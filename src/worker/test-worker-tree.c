/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Deleting, measuring and copying trees. */

#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "shared/strutil.h"
#include "worker/test-worker.h"

#define DEPTH 3000

/* A chain of directories that no path is long enough for, with a file at its end. */
static void make_deep(const char *name) {
        int old = open_dir(".");

        CHECK(mkdir(name, 0755) >= 0 && chdir(name) >= 0);
        for (unsigned i = 0; i < DEPTH; i++)
                CHECK(mkdir("deep", 0755) >= 0 && chdir("deep") >= 0);
        write_file("file", "1234567");
        CHECK(fchdir(old) >= 0);
        close(old);
}

static uint64_t size_of(const char *path) {
        const Work work = {.type = WORK_SIZE, .tail = -1};
        int dir = open_dir(path);
        _cleanup_json_ Json *done = succeed(&work, &dir, 1);
        uint64_t size = 0;

        CHECK_INT(json_get_u64(done, "size", &size), 1);
        close(dir);
        return size;
}

static void test_size(void) {
        Error error = {};
        int fd;

        CHECK(mkdir("size", 0755) >= 0);
        CHECK_INT(size_of("size"), 0);
        write_file("size/a", "12345");
        CHECK(link("size/a", "size/b") >= 0);
        CHECK(symlink("a", "size/c") >= 0);
        CHECK_INT(size_of("size"), 5);
        fd = open("size/hole", O_WRONLY | O_CREAT, 0644);
        CHECK(fd >= 0 && ftruncate(fd, 1 << 30) >= 0);
        close(fd);
        CHECK_INT(size_of("size"), 5);
        make_deep("size/d");
        CHECK_INT(size_of("size"), 12);
        CHECK_INT(tree_remove(AT_FDCWD, "size", &error), 0);
}

static void test_remove(void) {
        const Work work = {.type = WORK_REMOVE, .tail = -1};
        int flags = FS_IMMUTABLE_FL, dir, fd;

        dir = make_dir("remove");
        make_deep("remove/deep");
        CHECK(mkdir("remove/.deep-0", 0) >= 0);
        CHECK(mkfifo("remove/fifo", 0600) >= 0 && symlink("../victim", "remove/link") >= 0);
        CHECK(symlink("..", "remove/up") >= 0);
        CHECK(mknod("remove/whiteout", S_IFCHR, makedev(0, 0)) >= 0);
        CHECK(mkdir("remove/locked", 0) >= 0);
        write_file("remove/immutable", "x");
        fd = open("remove/immutable", O_RDONLY);
        /* Not every file system has these flags, nor every root the right to them. */
        (void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
        close(fd);
        json_object_put(succeed(&work, &dir, 1));
        CHECK(rmdir("remove") >= 0);
        check_file("victim", "untouched");
        close(dir);
}

/* What is mounted below is never deleted. */
static void test_remove_mount(void) {
        const Work work = {.type = WORK_REMOVE, .tail = -1};
        Error error = {};
        int dir;

        CHECK(unshare(CLONE_NEWNS) >= 0);
        CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) >= 0);
        dir = make_dir("mounted");
        CHECK(mkdir("volume", 0755) >= 0 && mkdir("mounted/to", 0755) >= 0);
        write_file("volume/data", "precious");
        CHECK(mount("volume", "mounted/to", NULL, MS_BIND, NULL) >= 0);
        CHECK(!do_work(&work, &dir, 1, &error));
        check_file("volume/data", "precious");
        CHECK(umount("mounted/to") >= 0);
        CHECK_INT(tree_remove(AT_FDCWD, "mounted", &error), 0);
        CHECK_INT(tree_remove(AT_FDCWD, "volume", &error), 0);
        close(dir);
}

static void make_upper(void) {
        struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "upper/socket"};
        const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {1000000000, 5}};
        int fd;

        CHECK(mkdir("upper", 0750) >= 0 && mkdir("upper/dir", 0755) >= 0);
        CHECK(chown("upper/dir", 5, 6) >= 0 && chmod("upper/dir", 02711) >= 0);
        write_file("upper/dir/file", "contents");
        CHECK(link("upper/dir/file", "upper/another") >= 0);
        CHECK(symlink("/etc/passwd", "upper/link") >= 0);
        CHECK(mknod("upper/gone", S_IFCHR, makedev(0, 0)) >= 0);
        CHECK(mknod("upper/null", S_IFCHR | 0666, makedev(1, 3)) >= 0);
        CHECK(setxattr("upper/dir", "trusted.overlay.opaque", "y", 1, 0) >= 0);
        CHECK(setxattr("upper/dir", "trusted.overlay.impure", "y", 1, 0) >= 0);
        CHECK(setxattr("upper/dir/file", "user.note", "kept", 4, 0) >= 0);
        fd = open("upper/holes", O_WRONLY | O_CREAT, 04755);
        CHECK(fd >= 0 && ftruncate(fd, 10 << 20) >= 0);
        CHECK_INT(pwrite(fd, "middle", 6, 5 << 20), 6);
        CHECK(fchmod(fd, 04755) >= 0);
        close(fd);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) >= 0);
        close(fd);
        CHECK(utimensat(AT_FDCWD, "upper/dir", times, 0) >= 0);
        CHECK(utimensat(AT_FDCWD, "upper", times, 0) >= 0);
}

static void test_copy(void) {
        const Work work = {.type = WORK_COPY, .tail = -1};
        _cleanup_json_ Json *done = NULL;
        int fds[2], fd;
        Error error = {};
        struct stat st, other;
        char value[16];
        uint64_t size = 0;

        make_upper();
        fds[0] = open_dir("upper");
        fds[1] = make_dir("staging");
        done = succeed(&work, fds, 2);
        CHECK_INT(json_get_u64(done, "size", &size), 1);
        CHECK(size >= 14 && size < 1 << 20);

        CHECK(stat("staging/0", &st) >= 0);
        CHECK_INT(st.st_mode, S_IFDIR | 0750);
        CHECK_INT(st.st_mtim.tv_nsec, 5);
        CHECK(stat("staging/0/dir", &st) >= 0);
        CHECK_INT(st.st_mode, S_IFDIR | 02711);
        CHECK_INT(st.st_uid, 5);
        CHECK_INT(st.st_gid, 6);
        CHECK_INT(st.st_mtim.tv_sec, 1000000000);
        CHECK_INT(getxattr("staging/0/dir", "trusted.overlay.opaque", value, sizeof(value)), 1);
        CHECK_INT(getxattr("staging/0/dir", "trusted.overlay.impure", value, sizeof(value)), -1);
        check_file("staging/0/another", "contents");
        CHECK_INT(getxattr("staging/0/another", "user.note", value, sizeof(value)), 4);
        CHECK(stat("staging/0/another", &st) >= 0 && stat("staging/0/dir/file", &other) >= 0);
        CHECK_INT(st.st_ino, other.st_ino);
        CHECK(lstat("staging/0/link", &st) >= 0 && S_ISLNK(st.st_mode));
        CHECK(lstat("staging/0/gone", &st) >= 0 && S_ISCHR(st.st_mode));
        CHECK_INT(st.st_rdev, makedev(0, 0));
        CHECK(lstat("staging/0/null", &st) < 0);
        CHECK(lstat("staging/0/socket", &st) < 0);
        CHECK(stat("staging/0/holes", &st) >= 0);
        CHECK_INT(st.st_mode, S_IFREG | 04755);
        CHECK_INT(st.st_size, 10 << 20);
        CHECK(st.st_blocks * 512 < 1 << 20);
        fd = open("staging/0/holes", O_RDONLY);
        CHECK_INT(pread(fd, value, 6, 5 << 20), 6);
        CHECK(memcmp(value, "middle", 6) == 0);
        close(fd);
        fd_close_many(fds, 2);
        CHECK_INT(tree_remove(AT_FDCWD, "upper", &error), 0);
        CHECK_INT(tree_remove(AT_FDCWD, "staging", &error), 0);
}

static void make_whiteout(const char *path) {
        CHECK(mknod(path, S_IFCHR, makedev(0, 0)) >= 0);
}

/* Layers that become one, compared with what the kernel shows of them. */
static void test_flatten(void) {
        const Work work = {.type = WORK_FLATTEN, .tail = -1};
        static const char list[] =
                "find . -printf '%P %y %m %U:%G %T@ %l ' \\( -type d -printf '\\n' -o -printf '%n %s\\n' \\) | sort";
        _cleanup_free_ char *command =
                strf("(cd view && %s) > a; (cd staging/0 && %s) > b; diff a b", list, list);
        Error error = {};
        char value[8];
        int fds[4];

        CHECK_INT(
                system("mkdir staging view; for n in 1 2 3; do mkdir -p l$n/dir l$n/opaque l$n/kind; done;"
                       "mkdir l1/swap l1/gone l1/dir/sub l2/filedir; echo 1 > l1/file; echo 1 > l1/dir/one; echo 1 > l1/opaque/one;"
                       "echo 1 > l1/swap/x; echo 1 > l1/gone/x; echo 1 > l1/filedir; echo 1 > l1/kind/file; mkdir l1/kind/dir;"
                       "echo 22 > l2/file; chmod 600 l2/file; ln l2/file l2/hard; echo 2 > l2/dir/two; echo 2 > l2/opaque/two; echo 2 > l2/swap;"
                       "ln -s nowhere l2/dir/sub; echo 2 > l2/filedir/x; mkdir l2/kind/file; echo 2 > l2/kind/file/x; echo 2 > l2/kind/dir;"
                       "mkdir l3/swap; echo 3 > l3/swap/y; chmod 1777 l3; chown 5:6 l3/dir; chmod 2755 l3/dir; mkfifo l3/fifo;"
                       "for n in 1 2 3; do touch -d 2001-01-0$n l$n/dir l$n/opaque l$n/kind l$n; done"),
                0);
        make_whiteout("l2/gone");
        make_whiteout("l3/dir/one");
        make_whiteout("l3/never");
        CHECK(setxattr("l2/opaque", "trusted.overlay.opaque", "y", 1, 0) >= 0);
        CHECK(setxattr("l1/dir", "user.old", "1", 1, 0) >= 0);
        CHECK(setxattr("l3/dir", "user.new", "1", 1, 0) >= 0);
        CHECK_INT(system("for n in 1 2 3; do touch -d 2001-01-0$n l$n/dir l$n/opaque l$n; done"),
                  0);

        fds[0] = open_dir("staging");
        fds[1] = open_dir("l1");
        fds[2] = open_dir("l2");
        fds[3] = open_dir("l3");
        json_object_put(succeed(&work, fds, 4));
        fd_close_many(fds, 4);
        CHECK(mount("view", "view", "overlay", 0, "lowerdir=l3:l2:l1,xino=auto") >= 0);
        CHECK_INT(system(command), 0);
        CHECK_INT(system("diff -r --no-dereference -x fifo view staging/0"), 0);
        CHECK(umount("view") >= 0);
        CHECK_INT(getxattr("staging/0/dir", "user.old", value, sizeof(value)), -1);
        CHECK_INT(getxattr("staging/0/dir", "user.new", value, sizeof(value)), 1);
        CHECK_INT(getxattr("staging/0/opaque", "trusted.overlay.opaque", value, sizeof(value)), -1);
        CHECK_INT(size_of("staging/0") > 0, 1);
        CHECK_INT(tree_remove(AT_FDCWD, "staging", &error), 0);
        CHECK_INT(system("rm -r l1 l2 l3 view a b"), 0);
}

/* The one thing that is wrong is what is said: the disk is full. */
static void test_copy_full_disk(void) {
        const Work work = {.type = WORK_COPY, .tail = -1};
        _cleanup_free_ char *data = calloc(1, 3 << 20);
        int fds[2], fd;
        Error error = {};

        CHECK(data && mkdir("large", 0755) >= 0 && mkdir("small", 0755) >= 0);
        memset(data, 'x', 3 << 20);
        fd = open("large/data", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        CHECK(fd >= 0);
        CHECK_INT(fd_write_all(fd, data, 3 << 20), 0);
        close(fd);
        CHECK(mount("small", "small", "tmpfs", 0, "size=1m") >= 0);
        fds[0] = open_dir("large");
        fds[1] = open_dir("small");
        CHECK(!do_work(&work, fds, 2, &error));
        CHECK_INT(error.number, ENOSPC);
        CHECK(strstr(error.text, "/data"));
        close(fds[0]);
        close(fds[1]);
        CHECK(umount("small") >= 0);
}

static void test_volumes(void) {
        char *targets[] = {(char *)"/var/run/volume",      (char *)"/data-file",
                           (char *)"/data/inner",          (char *)"/data",
                           (char *)"/up/../../data/other", NULL};
        Work work = {.type = WORK_VOLUMES, .targets = targets, .id_base = 200000, .tail = -1};
        Error error = {};
        struct stat st;
        char value;
        int fds[2];

        /* The view of a running container, whose ids begin at 200000. */
        fds[1] = make_dir("view");
        CHECK(mkdir("view/var", 0711) >= 0 && mkdir("view/run", 0750) >= 0);
        CHECK(mkdir("view/run/volume", 0700) >= 0 && mkdir("view/run/secret", 0755) >= 0);
        CHECK(symlink("../../../run", "view/var/run") >= 0);
        CHECK(symlink("/", "view/up") >= 0);
        CHECK(mkdir("view/data", 0755) >= 0 && mkdir("view/data/inner", 0755) >= 0);
        CHECK(mkdir("view/data/other", 0755) >= 0);
        write_file("view/data/inner/a", "a");
        write_file("view/data-file", "file");
        write_file("view/run/volume/b", "b");
        write_file("view/run/other", "not in a volume");
        CHECK(chown("view/run", 200001, 200002) >= 0);
        CHECK(chown("view/run/volume/b", 200003, 12) >= 0);
        fds[0] = make_dir("staging");
        json_object_put(succeed(&work, fds, 2));

        check_file("staging/0/data/inner/a", "a");
        check_file("staging/0/data-file", "file");
        check_file("staging/0/run/volume/b", "b");
        CHECK(access("staging/0/run/other", F_OK) < 0);
        CHECK(access("staging/0/run/secret", F_OK) < 0);
        CHECK(access("staging/0/var", F_OK) < 0);
        CHECK(stat("staging/0/run", &st) >= 0);
        CHECK_INT(st.st_mode, S_IFDIR | 0750);
        CHECK_INT(st.st_uid, 1);
        CHECK_INT(st.st_gid, 2);
        CHECK(stat("staging/0/run/volume/b", &st) >= 0);
        CHECK_INT(st.st_uid, 3);
        CHECK_INT(st.st_gid, 65534);
        CHECK_INT(getxattr("staging/0/run/volume", "trusted.overlay.opaque", &value, 1), 1);
        CHECK_INT(getxattr("staging/0/data", "trusted.overlay.opaque", &value, 1), 1);
        CHECK_INT(getxattr("staging/0/run", "trusted.overlay.opaque", &value, 1), -1);
        CHECK(access("staging/1", F_OK) < 0);
        fd_close_many(fds, 2);
        CHECK_INT(tree_remove(AT_FDCWD, "view", &error), 0);
        CHECK_INT(tree_remove(AT_FDCWD, "staging", &error), 0);
}

/* A worker whose daemon has gone ends at once, in the middle of its work. */
static void test_daemon_gone(void) {
        const Work work = {.type = WORK_IMPORT, .tail = -1};
        int staging = make_dir("staging"), ends[2], socket, status;
        Error error = {};
        pid_t pid;

        /* It waits for an archive that never comes. */
        CHECK(pipe2(ends, O_CLOEXEC) >= 0);
        pid = start_work(&work, (int[]){ends[0], staging}, 2, &socket);
        CHECK_INT(fd_write_all(ends[1], "x", 1), 0);
        usleep(50000);
        CHECK_INT(waitpid(pid, &status, WNOHANG), 0);
        alarm(60);
        close(socket);
        CHECK_INT(waitpid(pid, &status, 0), pid);
        alarm(0);
        CHECK(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
        fd_close_many(ends, 2);
        close(staging);
        CHECK_INT(tree_remove(AT_FDCWD, "staging", &error), 0);
}

/* Each job is that of one program. */
static void test_programs(void) {
        for (WorkType type = 0; type < _WORK_MAX; type++) {
                CHECK(jobs_of(type)->functions[type]);
                CHECK(!archive_jobs.functions[type] || !tree_jobs.functions[type]);
        }
}

int main(void) {
        char path[64];
        int scratch;

        need_root();
        scratch = enter_scratch(path);
        write_file("victim", "untouched");
        test_programs();
        test_size();
        test_remove();
        test_copy();
        test_flatten();
        test_copy_full_disk();
        test_volumes();
        test_daemon_gone();
        test_remove_mount();
        leave_scratch(scratch, path);
        return 0;
}

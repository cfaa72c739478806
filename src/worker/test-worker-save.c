/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Round trips: a tree that is saved and imported again is the same tree, and so are an image's
 * layers. */

#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "shared/strutil.h"
#include "worker/test-worker.h"

#define LONG_DIR "directory-with-a-name-of-more-than-fifty-characters-in-it"

static void set_time(const char *path, time_t seconds, long nsec) {
        const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {seconds, nsec}};

        CHECK(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) >= 0);
}

/* Everything that an archive can hold, with ids from `base` on. */
static void make_tree(uid_t base) {
        static const char capability[20] = {1, 0, 0, 2, 0, 0x20};
        int fd;

        CHECK(mkdir("tree", 0755) >= 0 && mkdir("tree/dir", 0755) >= 0);
        CHECK(mkdir("tree/" LONG_DIR, 0755) >= 0);
        CHECK(mkdir("tree/" LONG_DIR "/" LONG_DIR, 0755) >= 0);
        write_file("tree/" LONG_DIR "/" LONG_DIR "/" LONG_DIR, "long");
        write_file("tree/dir/\xff\xfe not UTF-8", "raw");
        write_file("tree/e\xcc\x81", "decomposed");
        write_file("tree/\xc3\xa9", "composed");
        write_file("tree/new\nline", "");
        write_file("tree/dir/file", "contents");
        write_file("tree/program", "#!");
        CHECK(link("tree/dir/file", "tree/another") >= 0);
        CHECK(symlink("/dir/../dir", "tree/link") >= 0);
        CHECK(symlink("\xff" LONG_DIR LONG_DIR, "tree/long-link") >= 0);
        CHECK(mkfifo("tree/fifo", 0622) >= 0);
        fd = open("tree/sparse", O_WRONLY | O_CREAT, 0600);
        CHECK(fd >= 0);
        CHECK_INT(pwrite(fd, "end", 3, 1 << 20), 3);
        CHECK(fsetxattr(fd, "user.equal", "a=b", 3, 0) >= 0);
        close(fd);

        CHECK(lchown("tree/link", base + 33, base + 44) >= 0);
        CHECK(chown("tree/program", base + 65535, base) >= 0);
        CHECK(chmod("tree/program", 06711) >= 0);
        CHECK(setxattr("tree/program", "security.capability", capability, sizeof(capability), 0) >=
              0);
        CHECK(setxattr("tree/dir", "user.directory", "", 0, 0) >= 0);
        CHECK(chown("tree/dir", base + 1000, base + 1000) >= 0);
        CHECK(chmod("tree/dir", 03770) >= 0);
        set_time("tree/dir/file", 1234567890, 987654321);
        set_time("tree/program", -1000, 0);
        set_time("tree/link", 20000000000, 0);
        set_time("tree/dir", 1000000, 1);
        set_time("tree", 1000001, 0);
}

/* The trees are the same, ids shifted by `base`. */
static void check_same(const char *a, const char *b, uid_t base) {
        static const char *const names[] = {
                "",          "dir",
                "dir/file",  "dir/\xff\xfe not UTF-8",
                "e\xcc\x81", "\xc3\xa9",
                "new\nline", "program",
                "another",   "link",
                "long-link", "fifo",
                "sparse",    LONG_DIR "/" LONG_DIR "/" LONG_DIR,
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                char first[512], second[512], target_a[512], target_b[512];
                struct stat x, y;

                snprintf(first, sizeof(first), "%s/%s", a, names[i]);
                snprintf(second, sizeof(second), "%s/%s", b, names[i]);
                CHECK(lstat(first, &x) >= 0);
                CHECK(lstat(second, &y) >= 0);
                CHECK_INT(y.st_mode, x.st_mode);
                CHECK_INT(y.st_uid, x.st_uid < base ? 65534 : x.st_uid - base);
                CHECK_INT(y.st_gid, x.st_gid < base ? 65534 : x.st_gid - base);
                CHECK_INT(y.st_mtim.tv_sec, x.st_mtim.tv_sec);
                CHECK_INT(y.st_mtim.tv_nsec, x.st_mtim.tv_nsec);
                CHECK_INT(y.st_nlink, x.st_nlink);
                if (S_ISREG(x.st_mode)) {
                        CHECK_INT(y.st_size, x.st_size);
                        CHECK_INT(y.st_blocks < 100, x.st_blocks < 100);
                }
                if (S_ISLNK(x.st_mode)) {
                        ssize_t n = readlink(first, target_a, sizeof(target_a));

                        CHECK_INT(readlink(second, target_b, sizeof(target_b)), n);
                        CHECK(memcmp(target_a, target_b, (size_t)n) == 0);
                }
        }
}

static void check_contents(const char *root) {
        int dir = open_dir(root), old = open_dir(".");
        char value[32];
        struct stat a, b;
        int fd;

        CHECK(fchdir(dir) >= 0);
        check_file("dir/file", "contents");
        check_file("e\xcc\x81", "decomposed");
        check_file("\xc3\xa9", "composed");
        check_file(LONG_DIR "/" LONG_DIR "/" LONG_DIR, "long");
        CHECK(stat("dir/file", &a) >= 0 && stat("another", &b) >= 0);
        CHECK_INT(a.st_ino, b.st_ino);
        CHECK_INT(getxattr("sparse", "user.equal", value, sizeof(value)), 3);
        CHECK_INT(getxattr("dir", "user.directory", value, sizeof(value)), 0);
        CHECK_INT(getxattr("program", "security.capability", value, sizeof(value)), 20);
        fd = open("sparse", O_RDONLY);
        CHECK_INT(pread(fd, value, 3, 1 << 20), 3);
        CHECK(memcmp(value, "end", 3) == 0);
        close(fd);
        CHECK(fchdir(old) >= 0);
        close(old);
        close(dir);
}

/* Return: a file in memory with what the worker saved. */
static int save(const char *format, uint32_t id_base, const int *trees, size_t n) {
        char *names[] = {(char *)"foo/bar:v1", NULL};
        /* As the daemon knows it, without the layers. */
        static const char config_text[] =
                "{\"created\":\"2023-11-14T23:13:20.000001+01:00\",\"architecture\":\"amd64\",\"os\":\"linux\","
                "\"config\":{\"User\":\"someone\"},\"history\":[{\"created_by\":\"first\"},"
                "{\"created\":\"2023-11-14T22:13:20Z\",\"created_by\":\"second\",\"comment\":\"c\","
                "\"author\":\"a\",\"empty_layer\":true},{\"created_by\":\"third\"}]}";
        Json *config = NULL;
        Work work = {
                .type = WORK_SAVE,
                .format = (char *)format,
                .id_base = id_base,
                .names = names,
                .created = 1700000000000000,
                .tail = -1,
        };
        int fds[8] = {memfd_create("archive", MFD_CLOEXEC)};
        _cleanup_json_ Json *done = NULL;
        uint64_t size = 0;

        CHECK_INT(json_parse(config_text, sizeof(config_text) - 1, &config), 0);
        work.config = config;
        memcpy(fds + 1, trees, n * sizeof(int));
        done = succeed(&work, fds, 1 + n);
        CHECK_INT(json_get_u64(done, "size", &size), 1);
        CHECK_INT(lseek(fds[0], 0, SEEK_END), size);
        CHECK(lseek(fds[0], 0, SEEK_SET) == 0);
        json_object_put(config);
        return fds[0];
}

/* Unpacks into `staging`; through a pipe when `pipe_it`. */
static Json *import(int archive, const char *staging_name, bool pipe_it, Error *error) {
        const Work work = {.type = WORK_IMPORT, .tail = -1};
        int staging = make_dir(staging_name), ends[2], status;
        Json *done;
        pid_t pid = 0;

        if (pipe_it) {
                CHECK(pipe2(ends, O_CLOEXEC) >= 0);
                pid = fork();
                CHECK(pid >= 0);
                if (pid == 0) {
                        char buffer[4096];
                        ssize_t n;

                        close(ends[0]);
                        CHECK(lseek(archive, 0, SEEK_SET) == 0);
                        while ((n = read(archive, buffer, sizeof(buffer))) > 0)
                                if (fd_write_all(ends[1], buffer, (size_t)n) < 0)
                                        _exit(1);
                        _exit(0);
                }
                close(ends[1]);
        }
        done = do_work(&work, (int[]){pipe_it ? ends[0] : archive, staging}, 2, error);
        if (pipe_it) {
                close(ends[0]);
                CHECK_INT(waitpid(pid, &status, 0), pid);
        }
        close(staging);
        return done;
}

static void test_rootfs(uid_t base) {
        Error error = {};
        int tree, archive, again;
        _cleanup_json_ Json *done = NULL;

        make_tree(base);
        tree = open_dir("tree");
        archive = save("rootfs", base, &tree, 1);
        done = import(archive, "copy", true, &error);
        CHECK(done);
        check_same("tree", "copy/0", base);
        check_contents("copy/0");
        close(tree);
        /* What came out says the same about itself. */
        tree = open_dir("copy/0");
        again = save("rootfs", 0, &tree, 1);
        CHECK_INT(lseek(again, 0, SEEK_END), lseek(archive, 0, SEEK_END));
        close(again);
        close(tree);
        close(archive);
        CHECK_INT(tree_remove(AT_FDCWD, "tree", &error), 0);
        CHECK_INT(tree_remove(AT_FDCWD, "copy", &error), 0);
}

static void check_opaque(const char *path, bool expected) {
        char value;

        CHECK((getxattr(path, "trusted.overlay.opaque", &value, 1) == 1) == expected);
}

static void check_whiteout(const char *path) {
        struct stat st;

        CHECK(lstat(path, &st) >= 0);
        CHECK(S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0));
}

static void make_layers(int fds[2]) {
        CHECK(mkdir("lower", 0755) >= 0 && mkdir("lower/dir", 0700) >= 0);
        CHECK(mkdir("upper", 0750) >= 0 && mkdir("upper/dir", 0755) >= 0);
        write_file("lower/gone", "");
        write_file("lower/dir/old", "");
        write_file("upper/dir/new", "new");
        CHECK(mknod("upper/gone", S_IFCHR, makedev(0, 0)) >= 0);
        CHECK(setxattr("upper/dir", "trusted.overlay.opaque", "y", 1, 0) >= 0);
        CHECK(setxattr("upper/dir", "trusted.overlay.origin", "x", 1, 0) >= 0);
        fds[0] = open_dir("lower");
        fds[1] = open_dir("upper");
}

static void check_layers(const char *staging) {
        int dir = open_dir(staging), old = open_dir(".");
        struct stat st;

        CHECK(fchdir(dir) >= 0);
        check_whiteout("1/gone");
        check_file("1/dir/new", "new");
        check_opaque("1/dir", true);
        check_opaque("0/dir", false);
        CHECK_INT(getxattr("1/dir", "trusted.overlay.origin", NULL, 0), -1);
        CHECK(access("0/dir/old", F_OK) >= 0 && access("0/gone", F_OK) >= 0);
        CHECK(stat("1", &st) >= 0);
        CHECK_INT(st.st_mode, S_IFDIR | 0750);
        CHECK(access("2", F_OK) < 0);
        CHECK(fchdir(old) >= 0);
        close(old);
        close(dir);
}

static void check_history(Json *done) {
        static const char *const made_by[] = {"first", "second", "third"};
        uint64_t created = 0;
        Json *steps = NULL;

        CHECK_INT(json_get_u64(done, "created", &created), 1);
        CHECK_INT(created, 1700000000000001);
        CHECK_INT(json_get_array(done, "history", &steps), 1);
        CHECK_INT(json_object_array_length(steps), ELEMENTSOF(made_by));
        for (size_t i = 0; i < ELEMENTSOF(made_by); i++) {
                Json *step = json_object_array_get_idx(steps, i);
                const char *s = NULL;
                bool empty;

                CHECK_INT(json_peek_string(step, "created-by", &s), 1);
                CHECK_STR(s, made_by[i]);
                CHECK_INT(json_get_bool(step, "empty", &empty), 1);
                CHECK_INT(empty, i == 1);
                if (i == 1) {
                        CHECK_INT(json_get_u64(step, "created", &created), 1);
                        CHECK_INT(created, 1700000000000000);
                        CHECK_INT(json_peek_string(step, "comment", &s), 1);
                        CHECK_STR(s, "c");
                        CHECK_INT(json_peek_string(step, "author", &s), 1);
                        CHECK_STR(s, "a");
                }
        }
}

static void check_outcome(Json *outcome, const char *format) {
        _cleanup_strv_free_ char **names = NULL;
        Json *layers = NULL, *config = NULL, *images = NULL, *done;
        const char *s = NULL;

        CHECK_INT(json_peek_string(outcome, "format", &s), 1);
        CHECK_STR(s, format);
        CHECK_INT(json_get_array(outcome, "images", &images), 1);
        CHECK_INT(json_object_array_length(images), 1);
        done = json_object_array_get_idx(images, 0);
        CHECK_INT(json_get_strv(done, "names", &names), 1);
        CHECK_STR(names[0], "foo/bar:v1");
        CHECK_INT(json_get_array(done, "layers", &layers), 1);
        CHECK_INT(json_object_array_length(layers), 2);
        CHECK_INT(json_get_object(done, "config", &config), 1);
        CHECK_INT(json_peek_string(config, "User", &s), 1);
        CHECK_STR(s, "someone");
        check_history(done);
        CHECK_INT(json_peek_string(done, "digest", &s), 1);
        CHECK(id_is_valid(s));
}

/* Finds `text` in the archive and spoils it. */
static void spoil(int archive, const char *text) {
        off_t size = lseek(archive, 0, SEEK_END);
        char *map = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, archive, 0);
        char *found;

        CHECK(map != MAP_FAILED);
        found = memmem(map, (size_t)size, text, strlen(text));
        CHECK(found);
        *found ^= 1;
        CHECK(munmap(map, (size_t)size) >= 0);
        CHECK(lseek(archive, 0, SEEK_SET) == 0);
}

static void test_image(const char *format) {
        _cleanup_json_ Json *first = NULL, *second = NULL, *third = NULL;
        Error error = {};
        int layers[2], archive;

        make_layers(layers);
        archive = save(format, 0, layers, 2);
        first = import(archive, "one", false, &error);
        CHECK(first);
        check_outcome(first, format);
        check_layers("one");
        second = import(archive, "two", true, &error);
        CHECK(second);
        check_outcome(second, format);
        check_layers("two");

        /* The contents of a file, which no header's checksum covers. */
        spoil(archive, "new\0\0\0\0");
        third = import(archive, "three", false, &error);
        CHECK(!third);
        CHECK_STR(error.stage, "archive");

        close(archive);
        fd_close_many(layers, 2);
        CHECK_INT(tree_remove(AT_FDCWD, "lower", &error), 0);
        CHECK_INT(tree_remove(AT_FDCWD, "upper", &error), 0);
        CHECK_INT(tree_remove(AT_FDCWD, "one", &error), 0);
        CHECK_INT(tree_remove(AT_FDCWD, "two", &error), 0);
        CHECK_INT(tree_remove(AT_FDCWD, "three", &error), 0);
}

/* A tree that looks like an image's archive and is none. */
static void test_no_image(void) {
        _cleanup_json_ Json *done = NULL, *piped = NULL;
        const char *format = NULL;
        Error error = {};
        int tree = make_dir("tree"), archive;

        CHECK(mkdir("tree/blobs", 0711) >= 0);
        write_file("tree/blobs/a", "a");
        archive = save("rootfs", 0, &tree, 1);
        done = import(archive, "one", false, &error);
        CHECK(done);
        CHECK_INT(json_peek_string(done, "format", &format), 1);
        CHECK_STR(format, "rootfs");
        check_file("one/0/blobs/a", "a");
        piped = import(archive, "two", true, &error);
        CHECK(piped);
        check_file("two/0/blobs/a", "a");
        close(archive);
        close(tree);
        CHECK_INT(tree_remove(AT_FDCWD, "tree", &error), 0);
        CHECK_INT(tree_remove(AT_FDCWD, "one", &error), 0);
        CHECK_INT(tree_remove(AT_FDCWD, "two", &error), 0);
}

/* A reader that goes away is a plain error. */
static void test_reader_gone(void) {
        const Work work = {.type = WORK_SAVE, .format = (char *)"rootfs", .tail = -1};
        Error error = {};
        int tree, ends[2];

        make_tree(0);
        tree = open_dir("tree");
        CHECK(pipe2(ends, O_CLOEXEC) >= 0);
        close(ends[0]);
        CHECK(!do_work(&work, (int[]){ends[1], tree}, 2, &error));
        CHECK_INT(error.number, EPIPE);
        CHECK_STR(error.stage, "output");
        close(ends[1]);
        close(tree);
        CHECK_INT(tree_remove(AT_FDCWD, "tree", &error), 0);
}

int main(void) {
        char path[64];
        int scratch;

        need_root();
        scratch = enter_scratch(path);
        test_rootfs(0);
        test_rootfs(100000);
        test_image("oci-archive");
        test_image("docker-archive");
        test_no_image();
        test_reader_gone();
        leave_scratch(scratch, path);
        return 0;
}

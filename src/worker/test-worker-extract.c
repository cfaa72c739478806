/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Hostile archives: made with libarchive's writer, given to a whole worker. */

#include <archive.h>
#include <archive_entry.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "shared/strutil.h"
#include "worker/test-worker.h"

typedef struct Item {
        const char *name;
        mode_t type; /* 0: a hard link to `text` */
        mode_t mode;
        const char *text; /* contents, or a link's target */
        const char *xattr, *value;
        size_t value_size;
        const char *acl_user; /* who may read it, by name only */
} Item;

#define END ((Item){})

static void add_item(struct archive *a, const Item *item) {
        struct archive_entry *entry = archive_entry_new();
        bool file = item->type == S_IFREG;

        archive_entry_set_pathname(entry, item->name);
        archive_entry_set_filetype(entry, item->type ? item->type : S_IFREG);
        archive_entry_set_perm(entry, item->mode);
        archive_entry_set_mtime(entry, 1000000000, 123456789);
        archive_entry_set_size(entry, file ? (la_int64_t)strlen(item->text) : 0);
        if (item->type == 0)
                archive_entry_set_hardlink(entry, item->text);
        else if (item->type == S_IFLNK)
                archive_entry_set_symlink(entry, item->text);
        else if (!file)
                archive_entry_set_rdev(entry, makedev(1, 3));
        if (item->xattr)
                archive_entry_xattr_add_entry(entry, item->xattr, item->value,
                                              item->value_size ? item->value_size :
                                                                 strlen(item->value));
        if (item->acl_user) {
                const int type = ARCHIVE_ENTRY_ACL_TYPE_ACCESS, read = ARCHIVE_ENTRY_ACL_READ;

                archive_entry_acl_add_entry(entry, type, read, ARCHIVE_ENTRY_ACL_USER, -1,
                                            item->acl_user);
                archive_entry_acl_add_entry(entry, type, read, ARCHIVE_ENTRY_ACL_MASK, -1, NULL);
        }
        CHECK(archive_write_header(a, entry) >= ARCHIVE_WARN);
        if (file)
                CHECK(archive_write_data(a, item->text, strlen(item->text)) >= 0);
        archive_entry_free(entry);
}

/* Return: a file in memory with the archive. */
static int make_archive(const Item *items, int filter) {
        struct archive *a = archive_write_new();
        int fd = memfd_create("archive", MFD_CLOEXEC);

        CHECK(fd >= 0);
        CHECK_INT(archive_write_set_format_pax(a), ARCHIVE_OK);
        if (filter)
                CHECK_INT(archive_write_add_filter(a, filter), ARCHIVE_OK);
        CHECK_INT(archive_write_open_fd(a, fd), ARCHIVE_OK);
        for (; items->name; items++)
                add_item(a, items);
        CHECK_INT(archive_write_close(a), ARCHIVE_OK);
        archive_write_free(a);
        CHECK(lseek(fd, 0, SEEK_SET) == 0);
        return fd;
}

static Json *import_fd(int archive, Error *error) {
        const Work work = {.type = WORK_IMPORT, .tail = -1};
        int staging = make_dir("staging");
        Json *done = do_work(&work, (int[]){archive, staging}, 2, error);

        close(staging);
        return done;
}

static void clear_staging(void) {
        Error error = {};

        CHECK_INT(tree_remove(AT_FDCWD, "staging", &error), 0);
}

/* Unpacks into staging/0. Return: whether it was accepted; else *error is the refusal. */
static bool import_items(const Item *items, Error *error) {
        int fd = make_archive(items, 0);
        _cleanup_json_ Json *done = import_fd(fd, error);

        close(fd);
        return done != NULL;
}

static void check_refused(const Item *items) {
        Error error;

        CHECK(!import_items(items, &error));
        CHECK_STR(error.stage, "archive");
        clear_staging();
}

static void check_accepted(const Item *items) {
        Error error;

        if (!import_items(items, &error)) {
                fprintf(stderr, "%s: %s (%d)\n", error.stage, error.text, error.number);
                exit(1);
        }
}

/* What lies outside is never touched. */
static void check_outside(void) {
        struct stat st;

        check_file("victim", "untouched");
        CHECK(lstat("victim", &st) >= 0);
        CHECK_INT(st.st_nlink, 1);
        CHECK(access("pwned", F_OK) < 0);
        CHECK(access("/pwned", F_OK) < 0);
}

static void test_names(void) {
        char deep[1300], component[300];
        struct stat st;

        check_refused((Item[]){{"../pwned", S_IFREG, 0644, "x"}, END});
        check_refused((Item[]){{"a/../../pwned", S_IFREG, 0644, "x"}, END});
        check_refused((Item[]){{"a/..", S_IFDIR, 0755}, END});
        memset(component, 'n', sizeof(component));
        component[256] = '\0';
        check_refused((Item[]){{component, S_IFREG, 0644, "x"}, END});
        for (size_t i = 0; i < sizeof(deep) - 1; i++)
                deep[i] = i % 2 ? '/' : 'd';
        deep[sizeof(deep) - 2] = 'd';
        deep[sizeof(deep) - 1] = '\0';
        check_refused((Item[]){{deep, S_IFREG, 0644, "x"}, END});
        check_refused(
                (Item[]){{"file", S_IFREG, 0644, "x"}, {"file/below", S_IFREG, 0644, "x"}, END});

        /* Absolute ones lie inside, doubled slashes and dots don't matter. */
        check_accepted(
                (Item[]){{"/pwned", S_IFREG, 0644, "x"}, {".//a/./b//c", S_IFREG, 0600, "y"}, END});
        check_file("staging/0/pwned", "x");
        check_file("staging/0/a/b/c", "y");
        CHECK(stat("staging/0/a/b", &st) >= 0);
        CHECK_INT(st.st_mode, S_IFDIR | 0755);
        clear_staging();
        check_outside();
}

static void test_links(void) {
        struct stat st, other;

        /* Written through a link: what the link means inside. */
        check_accepted((Item[]){{"l", S_IFLNK, 0777, "/"}, {"l/pwned", S_IFREG, 0644, "x"}, END});
        check_file("staging/0/pwned", "x");
        clear_staging();
        check_accepted(
                (Item[]){{"l", S_IFLNK, 0777, "../../.."}, {"l/pwned", S_IFREG, 0644, "x"}, END});
        check_file("staging/0/pwned", "x");
        clear_staging();
        check_refused(
                (Item[]){{"l", S_IFLNK, 0777, "/nowhere"}, {"l/pwned", S_IFREG, 0644, "x"}, END});
        check_outside();

        /* An entry under a link's name replaces the link. */
        check_accepted(
                (Item[]){{"l", S_IFLNK, 0777, "../../victim"}, {"l", S_IFREG, 0644, "x"}, END});
        check_file("staging/0/l", "x");
        clear_staging();
        check_outside();

        check_refused((Item[]){{"h", 0, 0644, "../../victim"}, END});
        check_refused((Item[]){{"h", 0, 0644, "/etc/passwd"}, END});
        check_refused((Item[]){{"d", S_IFDIR, 0755}, {"h", 0, 0644, "d"}, END});
        /* A hard link to a link is one of the link, not of what it leads to. */
        check_accepted((Item[]){{"l", S_IFLNK, 0777, "../../victim"}, {"h", 0, 0644, "l"}, END});
        CHECK(lstat("staging/0/h", &st) >= 0);
        CHECK(S_ISLNK(st.st_mode));
        clear_staging();
        check_outside();

        check_accepted((Item[]){{"d/f", S_IFREG, 0644, "x"},
                                {"d/h", 0, 0644, "./d/f"},
                                {"h", 0, 0644, "/d/f"},
                                {"h", 0, 0644, "h"},
                                END});
        CHECK(stat("staging/0/d/f", &st) >= 0 && stat("staging/0/h", &other) >= 0);
        CHECK_INT(st.st_ino, other.st_ino);
        CHECK_INT(st.st_nlink, 3);
        clear_staging();
}

static void test_replacing(void) {
        struct stat st;

        check_accepted((Item[]){{"a", S_IFDIR, 0755},
                                {"a/b/c", S_IFREG, 0644, "old"},
                                {"a", S_IFREG, 0644, "file now"},
                                {"b", S_IFREG, 0644, "old"},
                                {"b", S_IFDIR, 0700},
                                {"b/c", S_IFREG, 0644, "new"},
                                {"c", S_IFLNK, 0777, "/b"},
                                {"c", S_IFDIR, 0755},
                                {"c/d", S_IFREG, 0644, "own"},
                                {"d", S_IFREG, 0644, "a long text"},
                                {"d", S_IFREG, 0644, "short"},
                                {"e", S_IFREG, 0644, "x"},
                                {"e", S_IFIFO, 0640},
                                END});
        check_file("staging/0/a", "file now");
        check_file("staging/0/b/c", "new");
        check_file("staging/0/c/d", "own");
        CHECK(access("staging/0/b/d", F_OK) < 0);
        check_file("staging/0/d", "short");
        CHECK(lstat("staging/0/e", &st) >= 0);
        CHECK_INT(st.st_mode, S_IFIFO | 0640);
        clear_staging();

        /* A directory that is replaced through a link, while it is on the way to the entry. */
        check_accepted((Item[]){{"a/up", S_IFLNK, 0777, ".."},
                                {"a/up/a", S_IFREG, 0644, "gone"},
                                {"a2/x", S_IFREG, 0644, "x"},
                                END});
        check_file("staging/0/a", "gone");
        clear_staging();
}

static void test_types(void) {
        static const char capability[20] = {1, 0, 0, 2, 0, 0x20};
        char value[64];
        struct stat st;

        check_accepted(
                (Item[]){{"dir", S_IFDIR, 02755, .xattr = "trusted.overlay.opaque", .value = "y"},
                         {"dir/null", S_IFCHR, 0666},
                         {"dir/disk", S_IFBLK, 0666},
                         {"dir/suid", S_IFREG, 04755, "x", "security.capability", capability,
                          sizeof(capability)},
                         {"overlay", S_IFREG, 0644, "x", "user.overlay.redirect", "/"},
                         {"trusted", S_IFREG, 0644, "x", "trusted.anything", "1"},
                         {"user", S_IFREG, 0644, "x", "user.note", "kept"},
                         END});
        CHECK(access("staging/0/dir/null", F_OK) < 0);
        CHECK(access("staging/0/dir/disk", F_OK) < 0);
        CHECK(stat("staging/0/dir/suid", &st) >= 0);
        CHECK_INT(st.st_mode, S_IFREG | 04755);
        CHECK_INT(st.st_mtim.tv_sec, 1000000000);
        CHECK_INT(st.st_mtim.tv_nsec, 123456789);
        CHECK_INT(getxattr("staging/0/dir/suid", "security.capability", value, sizeof(value)), 20);
        CHECK(memcmp(value, capability, 20) == 0);
        CHECK(stat("staging/0/dir", &st) >= 0);
        CHECK_INT(st.st_mode, S_IFDIR | 02755);
        CHECK_INT(st.st_mtim.tv_nsec, 123456789);
        CHECK_INT(listxattr("staging/0/dir", NULL, 0), 0);
        CHECK_INT(listxattr("staging/0/overlay", NULL, 0), 0);
        CHECK_INT(listxattr("staging/0/trusted", NULL, 0), 0);
        CHECK_INT(getxattr("staging/0/user", "user.note", value, sizeof(value)), 4);
        clear_staging();
}

/* user::rw-,user:1000:r--,group::r--,mask::r--,other::---, as the kernel stores it */
#define ACL                                                                                        \
        "\2\0\0\0"                                                                                 \
        "\1\0\6\0\377\377\377\377\2\0\4\0\350\3\0\0\4\0\4\0\377\377\377\377"                       \
        "\20\0\4\0\377\377\377\377\40\0\0\0\377\377\377\377"

/* A default ACL is the directory's, and nobody inherits it on the way in; not when it is entered again
 * later, either. */
static void test_acls(void) {
        static const char acl[] = ACL;
        char value[64];
        struct stat st;

        check_accepted((Item[]){
                {"d", S_IFDIR, 0755, NULL, "system.posix_acl_default", acl, sizeof(acl) - 1},
                {"d/file", S_IFREG, 0644, "x"},
                {"d/sub", S_IFDIR, 0755},
                {"d/own", S_IFREG, 0640, "x", "system.posix_acl_access", acl, sizeof(acl) - 1},
                {"other", S_IFREG, 0644, "x"},
                {"d/later", S_IFREG, 0644, "x"},
                {"d/implied/file", S_IFREG, 0666, "x"},
                END});
        CHECK_INT(getxattr("staging/0/d", "system.posix_acl_default", value, sizeof(value)),
                  sizeof(acl) - 1);
        CHECK(memcmp(value, acl, sizeof(acl) - 1) == 0);
        CHECK_INT(getxattr("staging/0/d/own", "system.posix_acl_access", value, sizeof(value)),
                  sizeof(acl) - 1);
        CHECK_INT(listxattr("staging/0/d/file", NULL, 0), 0);
        CHECK_INT(listxattr("staging/0/d/sub", NULL, 0), 0);
        CHECK_INT(listxattr("staging/0/d/later", NULL, 0), 0);
        CHECK_INT(listxattr("staging/0/d/implied", NULL, 0), 0);
        CHECK_INT(listxattr("staging/0/d/implied/file", NULL, 0), 0);
        CHECK(stat("staging/0/d/implied/file", &st) >= 0);
        CHECK_INT(st.st_mode, S_IFREG | 0666);
        clear_staging();

        check_refused((Item[]){
                {"file", S_IFREG, 0644, "x", "system.posix_acl_access", "nonsense", 8}, END});
}

#define PASSWD(name)                                                                               \
        { "etc/passwd", S_IFREG, 0644, name ":x:1000:1000::/:/bin/sh\n" }

/* The names in an ACL that is text are those of the archive itself, wherever they come in it. */
static void test_named_acls(void) {
        static const char acl[] = ACL;
        char value[64];
        struct stat st;

        check_accepted((Item[]){{"file", S_IFREG, 0640, "x", .acl_user = "alice"},
                                {"nobody", S_IFREG, 0640, "x", .acl_user = "bob"},
                                {"replaced", S_IFREG, 0640, "x", .acl_user = "alice"},
                                {"moved/file", S_IFREG, 0640, "x", .acl_user = "alice"},
                                {"replaced", S_IFREG, 0640, "y"},
                                {"else/file", S_IFREG, 0640, "x"},
                                {"moved", S_IFLNK, 0777, "else"},
                                PASSWD("alice"),
                                END});
        CHECK_INT(getxattr("staging/0/file", "system.posix_acl_access", value, sizeof(value)),
                  sizeof(acl) - 1);
        CHECK(memcmp(value, acl, sizeof(acl) - 1) == 0);
        CHECK(stat("staging/0/file", &st) >= 0);
        CHECK_INT(st.st_mtim.tv_nsec, 123456789);
        /* Without an entry for anybody. */
        CHECK_INT(getxattr("staging/0/nobody", "system.posix_acl_access", value, sizeof(value)),
                  sizeof(acl) - 1 - 8);
        CHECK_INT(listxattr("staging/0/replaced", NULL, 0), 0);
        CHECK_INT(listxattr("staging/0/else/file", NULL, 0), 0);
        clear_staging();

        /* Whatever the archive has for /etc/passwd, it is not read through a link or for ever. */
        check_accepted((Item[]){{"file", S_IFREG, 0640, "x", .acl_user = "root"},
                                {"etc/passwd", S_IFIFO, 0644},
                                END});
        clear_staging();
        check_accepted((Item[]){{"file", S_IFREG, 0640, "x", .acl_user = "root"},
                                {"etc/passwd", S_IFLNK, 0777, "/etc/passwd"},
                                END});
        clear_staging();
}

static void test_too_many_names(void) {
        enum { N = 300 };
        Item items[N + 1] = {};
        char names[N][16];

        for (size_t i = 0; i < N; i++) {
                snprintf(names[i], sizeof(names[i]), "name%zu", i);
                items[i] = (Item){names[i], S_IFREG, 0640, "x", .acl_user = names[i]};
        }
        check_refused(items);
}

/* An archive that was cut off anywhere is refused, whatever is whole of it. */
static void test_truncated(void) {
        const Item items[] = {{"dir", S_IFDIR, 0755},
                              {"dir/a", S_IFREG, 0644, "contents"},
                              {"b", S_IFLNK, 0777, "a"},
                              END};
        int fd = make_archive(items, 0);
        off_t end;
        Error error;

        /* The writer fills up the last record; the mark is the first zero block. */
        for (end = lseek(fd, 0, SEEK_END); end > 512; end -= 512) {
                static const char zeros[512];
                char block[512];

                CHECK_INT(pread(fd, block, 512, end - 512), 512);
                if (memcmp(block, zeros, 512) != 0)
                        break;
        }
        for (off_t size = 0; size < end + 512; size += size % 512 == 0 ? 1 : 170) {
                int cut = memfd_create("cut", MFD_CLOEXEC);
                char buffer[8192];

                CHECK(size < (off_t)sizeof(buffer));
                CHECK_INT(pread(fd, buffer, (size_t)size, 0), size);
                CHECK_INT(fd_write_all(cut, buffer, (size_t)size), 0);
                CHECK(lseek(cut, 0, SEEK_SET) == 0);
                CHECK(!import_fd(cut, &error));
                CHECK_STR(error.stage, "archive");
                clear_staging();
                close(cut);
        }
        close(fd);
}

static void test_not_archives(void) {
        int fd = memfd_create("text", MFD_CLOEXEC);
        Error error;

        check_refused((Item[]){END});
        CHECK(!import_fd(fd, &error));
        CHECK_STR(error.stage, "archive");
        clear_staging();
        for (unsigned i = 0; i < 3000; i++)
                CHECK_INT(fd_write_all(fd, "this is not an archive\n", 23), 0);
        CHECK(lseek(fd, 0, SEEK_SET) == 0);
        CHECK(!import_fd(fd, &error));
        CHECK_STR(error.stage, "archive");
        clear_staging();
        close(fd);
}

static void test_compressed(void) {
        static const int filters[] = {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_BZIP2, ARCHIVE_FILTER_XZ,
                                      ARCHIVE_FILTER_ZSTD};

        for (size_t i = 0; i < ELEMENTSOF(filters); i++) {
                int fd = make_archive((Item[]){{"a", S_IFREG, 0644, "contents"}, END}, filters[i]);
                _cleanup_json_ Json *done = NULL;
                const char *format = NULL;
                Error error;

                done = import_fd(fd, &error);
                CHECK(done);
                CHECK_INT(json_peek_string(done, "format", &format), 1);
                CHECK_STR(format, "rootfs");
                check_file("staging/0/a", "contents");
                clear_staging();
                close(fd);
        }
}

/* The archive is read ahead, in a thread: what it reads last comes to the end, an archive that is refused leaves much of
 * it unread, and damage far behind is found. */
static void test_large(void) {
        enum { SIZE = 8 << 20 };
        char *text = malloc(SIZE + 1);
        struct stat st;
        Error error;
        int fd;

        CHECK(text);
        for (size_t i = 0; i < SIZE; i++)
                text[i] = (char)('a' + i * i % 25);
        text[SIZE] = '\0';
        check_accepted((Item[]){{"a", S_IFREG, 0644, text}, {"b", S_IFREG, 0644, "last"}, END});
        CHECK(stat("staging/0/a", &st) >= 0);
        CHECK_INT(st.st_size, SIZE);
        check_file("staging/0/b", "last");
        clear_staging();
        check_refused((Item[]){{"a", S_IFREG, 0644, "x"},
                               {"../pwned", S_IFREG, 0644, "x"},
                               {"b", S_IFREG, 0644, text},
                               END});

        fd = make_archive((Item[]){{"a", S_IFREG, 0644, text}, END}, ARCHIVE_FILTER_GZIP);
        CHECK(fstat(fd, &st) >= 0);
        CHECK_INT(ftruncate(fd, st.st_size - 20), 0);
        CHECK(!import_fd(fd, &error));
        CHECK_STR(error.stage, "archive");
        CHECK(strstr(error.text, "too early"));
        clear_staging();
        close(fd);
        free(text);
}

/* A full disk is not the archive's fault. */
static void test_full_disk(void) {
        static char text[3 * 1024 * 1024];
        const Work work = {.type = WORK_IMPORT, .tail = -1};
        int fd, staging;
        Error error;

        memset(text, 'x', sizeof(text) - 1);
        fd = make_archive((Item[]){{"a", S_IFREG, 0644, text}, END}, 0);
        CHECK(unshare(CLONE_NEWNS) >= 0);
        CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) >= 0);
        CHECK(mkdir("small", 0755) >= 0);
        CHECK(mount("small", "small", "tmpfs", 0, "size=1m") >= 0);
        staging = open_dir("small");
        CHECK(!do_work(&work, (int[]){fd, staging}, 2, &error));
        CHECK_INT(error.number, ENOSPC);
        CHECK(!streq(error.stage, "archive"));
        close(staging);
        close(fd);
        CHECK(umount("small") >= 0);
}

int main(void) {
        char path[64];
        int scratch;

        need_root();
        scratch = enter_scratch(path);
        write_file("victim", "untouched");
        test_names();
        test_links();
        test_replacing();
        test_types();
        test_acls();
        test_named_acls();
        test_too_many_names();
        test_truncated();
        test_not_archives();
        test_compressed();
        test_large();
        test_full_disk();
        check_outside();
        leave_scratch(scratch, path);
        return 0;
}

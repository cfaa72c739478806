/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "shared/fd.h"
#include "shared/strutil.h"
#include "shared/test.h"
#include "supervisor/logfile.h"

static char dir[] = "/tmp/test-logfile-XXXXXX";

static int open_dir(void) {
        int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        CHECK(fd >= 0);
        return fd;
}

static char *read_log(const char *name) {
        _cleanup_close_ int fd = open_dir();
        char *text;

        CHECK_INT(fd_read_file_at(fd, name, 1 << 30, &text, NULL), 0);
        return text;
}

/* The directory above, which logs leave open. */
static int top = -EBADF;

static LogFile *open_log(uint64_t max_size) {
        LogFile *log;
        Error e = ERROR_INIT;

        CHECK_INT(logfile_open(top, basename(dir), max_size, &log, &e), 0);
        return log;
}

static void remove_logs(void) {
        _cleanup_close_ int fd = open_dir();

        CHECK_INT(unlinkat(fd, "log", 0), 0);
        unlinkat(fd, "log.1", 0);
}

#define TIME_LENGTH strlen("2016-10-06T00:17:09.669794202Z")

/* Takes the log apart again. Return: what `stream` has put out. */
static char *payload(const char *text, const char *stream) {
        char *out = calloc(1, strlen(text) + 1), *p = out;

        /* No sscanf(3), which looks for the end of the whole text each time. */
        while (*text) {
                const char *end = strchr(text, '\n'), *name = text + TIME_LENGTH + 1;
                const char *tag = name + strlen("stdout ");

                CHECK(end && end > tag + 1);
                CHECK(text[10] == 'T' && text[TIME_LENGTH - 1] == 'Z' && text[TIME_LENGTH] == ' ');
                CHECK(startswith(name, "stdout ") || startswith(name, "stderr "));
                CHECK((*tag == 'F' || *tag == 'P') && tag[1] == ' ');
                if (startswith(name, stream)) {
                        p = mempcpy(p, tag + 2, end - tag - 2);
                        if (*tag == 'F')
                                *p++ = '\n';
                }
                text = end + 1;
        }
        *p = '\0';
        return out;
}

static void test_format(void) {
        _cleanup_(logfile_freep) LogFile *log = open_log(0);
        _cleanup_free_ char *text = NULL, *out = NULL, *err = NULL;

        logfile_write(log, "stdout", "one\ntwo\n\nbegin", 14);
        logfile_write(log, "stderr", "error\n", 6);
        logfile_write(log, "stdout", "-end\n", 5);
        log = logfile_free(log);
        log = open_log(0); /* is continued */
        logfile_write(log, "stdout", "three", 5);
        text = read_log("log");
        out = payload(text, "stdout");
        err = payload(text, "stderr");
        CHECK_STR(out, "one\ntwo\n\nbegin-end\nthree");
        CHECK_STR(err, "error\n");
        CHECK(strstr(text, " stdout P begin\n"));
        CHECK(strstr(text, " stdout F -end\n"));
        remove_logs();
}

/* Lines beyond any buffer, and more lines than fit one. */
static void test_large(void) {
        _cleanup_(logfile_freep) LogFile *log = open_log(0);
        size_t size = 3 << 20;
        _cleanup_free_ char *data = malloc(size + 1), *text = NULL, *out = NULL;

        CHECK(data);
        memset(data, 'x', size);
        memset(data, '\n', 1 << 20);
        data[2 << 20] = '\n';
        data[size - 1] = '\n';
        data[size] = '\0';
        logfile_write(log, "stdout", data, size);
        text = read_log("log");
        out = payload(text, "stdout");
        CHECK(streq(out, data));
        remove_logs();
}

static void test_rotation(void) {
        _cleanup_(logfile_freep) LogFile *log = open_log(1000);
        _cleanup_free_ char *first = NULL, *second = NULL, *out = NULL, *old = NULL;

        for (int i = 0; i < 100; i++) {
                char line[16];
                int n = snprintf(line, sizeof(line), "line %d\n", i);

                logfile_write(log, "stdout", line, n);
        }
        first = read_log("log.1");
        second = read_log("log");
        CHECK(strlen(first) <= 1000 && strlen(first) > 900);
        CHECK(strlen(second) <= 1000);
        old = payload(first, "stdout");
        out = payload(second, "stdout");
        CHECK(strstr(out, "line 99\n"));
        /* Whole entries in both, none lost in between. */
        {
                int last, next;

                CHECK_INT(sscanf(out, "line %d", &next), 1);
                CHECK_INT(sscanf(strrchr(old, ' '), " %d", &last), 1);
                CHECK_INT(next, last + 1);
        }
        remove_logs();
}

/* A full disk loses output, not the order of the file, and it is noted. */
static void test_full(void) {
        _cleanup_(logfile_freep) LogFile *log = NULL;
        _cleanup_free_ char *text = NULL, *out = NULL, *err = NULL, *data = malloc(64 << 10);
        _cleanup_free_ char *path = strf("%s/log", dir);
        _cleanup_close_ int fd = -EBADF;

        CHECK(data);
        memset(data, 'y', 64 << 10);
        if (mount("tmpfs", dir, "tmpfs", 0, "size=256k") < 0)
                return;
        log = open_log(0);
        fd = open_dir();
        logfile_write(log, "stdout", "before\n", 7);
        for (int i = 0; i < 8; i++)
                logfile_write(log, "stdout", data, 64 << 10);
        text = read_log("log");
        CHECK(text[strlen(text) - 1] == '\n');
        CHECK(strlen(text) < 256 << 10);
        CHECK_INT(truncate(path, 0), 0);
        sleep(3); /* it isn't tried again at once */
        logfile_write(log, "stdout", "after\n", 6);
        free(text);
        text = read_log("log");
        out = payload(text, "stdout");
        err = payload(text, "stderr");
        CHECK_STR(out, "after\n");
        CHECK(strstr(err, "bytes of output could not be logged"));
        log = logfile_free(log);
        fd = safe_close(fd);
        CHECK_INT(umount(dir), 0);
}

static size_t count_fds(void) {
        _cleanup_closedir_ DIR *fds = opendir("/proc/self/fd");
        size_t n = 0;

        CHECK(fds);
        while (readdir(fds))
                n++;
        return n;
}

/* A log in which nothing is written takes no descriptor. */
static void test_silent(void) {
        size_t before = count_fds();
        LogFile *log = open_log(0);
        _cleanup_free_ char *text = read_log("log");

        CHECK_STR(text, "");
        CHECK_INT(count_fds(), before);
        logfile_write(log, "stdout", "x\n", 2);
        CHECK_INT(count_fds(), before + 1);
        logfile_free(log);
        remove_logs();
}

static void test_not_a_file(void) {
        LogFile *log;
        Error e = ERROR_INIT;
        _cleanup_close_ int fd = open_dir();

        CHECK_INT(symlinkat("/etc/passwd", fd, "log"), 0);
        CHECK(logfile_open(top, basename(dir), 0, &log, &e) < 0);
        CHECK_STR(e.stage, "log");
        CHECK_INT(unlinkat(fd, "log", 0), 0);
        CHECK_INT(mkfifoat(fd, "log", 0600), 0);
        CHECK(logfile_open(top, basename(dir), 0, &log, &e) < 0);
        CHECK_INT(unlinkat(fd, "log", 0), 0);
}

int main(void) {
        CHECK(mkdtemp(dir));
        top = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(top >= 0);
        test_format();
        test_large();
        test_rotation();
        test_full();
        test_silent();
        test_not_a_file();
        CHECK_INT(rmdir(dir), 0);
        safe_close(top);
        return 0;
}

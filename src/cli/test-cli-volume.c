/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/volume.h"
#include "shared/test.h"

static void check(const char *s, const char *directory, const char *source, const char *target,
                  const char *options) {
        VolumeArgument v = {};
        _cleanup_free_ char *message = NULL;

        CHECK_INT(volume_argument_parse(s, directory, &v, &message), 0);
        CHECK_STR(v.source, source);
        CHECK_STR(v.target, target);
        CHECK_STR(v.options, options);
        volume_argument_done(&v);
}

static void refuse(const char *s, const char *directory) {
        VolumeArgument v = {};
        _cleanup_free_ char *message = NULL;

        CHECK_INT(volume_argument_parse(s, directory, &v, &message), -EINVAL);
        CHECK(message && strstr(message, s));
}

static void test_open(void) {
        char directory[] = "/tmp/test-cli-volume.XXXXXX";
        char missing[64], below[80];
        int fd;

        CHECK(mkdtemp(directory));
        snprintf(missing, sizeof(missing), "%s/missing", directory);
        snprintf(below, sizeof(below), "%s/not/there", directory);
        fd = volume_open(missing);
        CHECK(fd >= 0);
        close(fd);
        CHECK_INT(volume_open(below), -ENOENT);
        CHECK_INT(volume_open("/dev/null"), -ENOTDIR);
        CHECK_INT(rmdir(missing), 0);
        CHECK_INT(rmdir(directory), 0);
}

int main(void) {
        check("/srv/a:/b", "/home", "/srv/a", "/b", "");
        check("/srv/a/:/b/../c:ro", NULL, "/srv/a", "/c", "ro");
        check("./a:/b:ro,exec", "/home/x", "/home/x/a", "/b", "ro,exec");
        check("..:/b", "/home/x", "/home", "/b", "");
        check("a/b:/c", "/home/x", "/home/x/a/b", "/c", "");
        refuse("name:/b", "/home");
        refuse("/srv/a", "/home");
        refuse("/srv/a:b", "/home");
        refuse(":/b", "/home");
        refuse("/a:", "/home");
        refuse("/a:/b:", "/home");
        refuse("/a:/b:ro:x", "/home");
        refuse("/a:/", "/home");
        refuse("./a:/b", NULL);
        test_open();
        return 0;
}

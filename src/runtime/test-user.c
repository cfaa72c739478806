/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>

#include "runtime/user.h"
#include "shared/fd.h"
#include "shared/test.h"

static char dir[] = "/tmp/test-user-XXXXXX";
static int root, etc;

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                             "\n"
                             "short:x:1\n"
                             "long:x:0:0:a:/:/bin/sh:more\n"
                             "plus:x:+5:5::/:\n"
                             "minus:x:-5:5::/:\n"
                             "wrap:x:4294967296:0::/:\n"
                             "nobody32:x:4294967295:0::/:\n"
                             "nogroup:x:7:::/:\n"
                             ":x:8:8::/:\n"
                             "web:x:1000:100:Web:/srv/web:/bin/sh\n"
                             "web:x:0:0:second:/:/bin/sh\n"
                             "relative:x:1001:100::home:/bin/sh\n"
                             "1002:x:0:0:a name of digits:/:/bin/sh\n"
                             "last:x:1003:100::/last:/bin/sh";

static const char group[] = "root:x:0:\n"
                            "users:x:100:web\n"
                            "wheel:x:10:admin,web\n"
                            "webby:x:11:website,webmaster\n"
                            "broken:x:+12:web\n"
                            "audio:x:29:web,last\n"
                            "audio:x:30:\n";

static void write_file(const char *name, const char *text) {
        CHECK_INT(fd_replace_file_at(etc, name, text, strlen(text)), 0);
}

/* Return: "UID:GROUP,GROUP…:HOME" or "-ERRNO". */
static const char *lookup(const char *spec) {
        static char text[1024];
        User user;
        Error e = ERROR_INIT;
        int r = user_lookup(root, spec, &user, &e), n;

        if (r < 0) {
                CHECK_INT(e.number, -r);
                CHECK_STR(e.stage, "user");
                snprintf(text, sizeof(text), "%d", r);
                return text;
        }
        CHECK(user.n_groups > 0 && user.groups[0] == user.gid);
        n = snprintf(text, sizeof(text), "%u:", user.uid);
        for (size_t i = 0; i < user.n_groups; i++)
                n += snprintf(text + n, sizeof(text) - n, "%s%u", i ? "," : "", user.groups[i]);
        snprintf(text + n, sizeof(text) - n, ":%s", user.home);
        user_done(&user);
        return text;
}

static void test_lookup(void) {
        write_file("passwd", passwd);
        write_file("group", group);
        CHECK_STR(lookup(NULL), "0:0:/root");
        CHECK_STR(lookup("root"), "0:0:/root");
        CHECK_STR(lookup("web"), "1000:100,10,29:/srv/web");
        CHECK_STR(lookup("1000"), "1000:100,10,29:/srv/web");
        CHECK_STR(lookup("web:wheel"), "1000:10:/srv/web");
        CHECK_STR(lookup("web:55"), "1000:55:/srv/web");
        CHECK_STR(lookup("77"), "77:0:/");
        CHECK_STR(lookup("77:88"), "77:88:/");
        CHECK_STR(lookup("77:audio"), "77:29:/");
        CHECK_STR(lookup("last"), "1003:100,29:/last");
        CHECK_STR(lookup("relative"), "1001:100:/");
        /* Digits are a number, whatever the file says (CVE-2026-30892). */
        CHECK_STR(lookup("1002"), "1002:0:/");
}

static void test_refused(void) {
        static const char *const invalid[] = {
                "",    ":",       ":0",         "web:",       "web:users:x",
                "-1",  "we b",    "web\n",      "0:-1",       "a/b",
                "a,b", "web: 10", "4294967295", "4294967296", "0:4294967295",
        };
        static const char *const missing[] = {
                "ghost",    "short",   "long",      "plus",       "minus", "wrap",
                "nobody32", "nogroup", "web:ghost", "web:broken", "+5",    "0x0",
        };

        for (size_t i = 0; i < ELEMENTSOF(invalid); i++) {
                if (strcmp(lookup(invalid[i]), "-22") != 0)
                        fprintf(stderr, "for \"%s\":\n", invalid[i]);
                CHECK_STR(lookup(invalid[i]), "-22");
        }
        for (size_t i = 0; i < ELEMENTSOF(missing); i++) {
                if (strcmp(lookup(missing[i]), "-2") != 0)
                        fprintf(stderr, "for \"%s\":\n", missing[i]);
                CHECK_STR(lookup(missing[i]), "-2");
        }
}

/* What stands in the place of the files is neither followed, waited for nor parsed. */
static void test_hostile_files(void) {
        int fd;

        CHECK_INT(unlinkat(root, "etc/passwd", 0), 0);
        CHECK_STR(lookup("0"), "0:0:/");
        CHECK_STR(lookup("web"), "-2");

        CHECK_INT(mkfifoat(root, "etc/passwd", 0644), 0);
        CHECK_STR(lookup("5"), "5:0:/");
        CHECK_INT(unlinkat(root, "etc/passwd", 0), 0);

        write_file("elsewhere", "root:x:0:0::/followed:\n");
        CHECK_INT(symlinkat("/etc/elsewhere", root, "etc/passwd"), 0);
        CHECK_STR(lookup("0"), "0:0:/");
        CHECK_INT(unlinkat(root, "etc/passwd", 0), 0);

        CHECK_INT(mkdirat(root, "etc/passwd", 0755), 0);
        CHECK_STR(lookup("0"), "0:0:/");
        CHECK_INT(unlinkat(root, "etc/passwd", AT_REMOVEDIR), 0);

        CHECK_INT(fd_replace_file_at(etc, "passwd", "web:x:0:0::/:\n\0", 15), 0);
        CHECK_STR(lookup("web"), "-2");

        write_file("passwd", "root:x:0:0::/big:\n");
        fd = openat(etc, "passwd", O_WRONLY | O_CLOEXEC);
        CHECK(fd >= 0);
        CHECK_INT(ftruncate(fd, 1 << 30), 0);
        close(fd);
        CHECK_STR(lookup("0"), "0:0:/");
}

int main(void) {
        CHECK(mkdtemp(dir));
        root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        CHECK(root >= 0);
        etc = fd_open_or_make_dir(root, "etc", 0755);
        CHECK(etc >= 0);

        test_lookup();
        test_refused();
        test_hostile_files();

        CHECK_INT(unlinkat(root, "etc/passwd", 0), 0);
        CHECK_INT(unlinkat(root, "etc/group", 0), 0);
        CHECK_INT(unlinkat(etc, "elsewhere", 0), 0);
        CHECK_INT(unlinkat(root, "etc", AT_REMOVEDIR), 0);
        CHECK_INT(rmdir(dir), 0);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/wait.h>

#include "runtime/capability.h"
#include "shared/fd.h"
#include "shared/strutil.h"
#include "shared/test.h"

static void test_names(void) {
        for (int i = 0; capability_to_name(i); i++)
                CHECK_INT(capability_from_name(capability_to_name(i)), i);
        CHECK_INT(capability_from_name("CAP_CHECKPOINT_RESTORE"), CAP_CHECKPOINT_RESTORE);
        CHECK_STR(capability_to_name(CAP_SYS_ADMIN), "CAP_SYS_ADMIN");
        CHECK_INT(capability_from_name("CAP_NOTHING"), -EINVAL);
        CHECK_INT(capability_from_name("cap_chown"), -EINVAL);
        CHECK_INT(capability_from_name(""), -EINVAL);
        CHECK(!capability_to_name(-1));
        CHECK(!capability_to_name(64));
}

static void test_set(void) {
        char *list[] = {(char *)"CAP_CHOWN", (char *)"CAP_BPF", NULL};
        char *bad[] = {(char *)"CAP_CHOWN", (char *)"ALL", NULL};
        uint64_t set;
        Error e = ERROR_INIT;

        CHECK_INT(capability_set_parse(list, &set, &e), 0);
        CHECK(set == (1ULL << CAP_CHOWN | 1ULL << CAP_BPF));
        CHECK_INT(capability_set_parse(NULL, &set, &e), 0);
        CHECK(set == 0);
        CHECK_INT(capability_set_parse(bad, &set, &e), -EINVAL);
        CHECK_STR(e.stage, "capabilities");
        CHECK_INT(capability_set_parse((char *const *)capability_defaults, &set, &e), 0);
        CHECK_INT(__builtin_popcountll(set), 11);
        CHECK(!(set & (1ULL << CAP_MKNOD)));
}

/* A line of /proc/self/status as a number. */
static uint64_t status_value(const char *key) {
        _cleanup_free_ char *text = NULL;
        const char *line;

        CHECK_INT(fd_read_file_at(AT_FDCWD, "/proc/self/status", 65536, &text, NULL), 0);
        line = strstr(text, key);
        CHECK(line);
        return strtoull(line + strlen(key), NULL, 16);
}

static void test_apply(void) {
        uint64_t bounding = status_value("\nCapBnd:\t");
        uint64_t set = 1ULL << CAP_KILL | 1ULL << CAP_SETPCAP;
        int status;
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0) {
                CHECK_INT(capability_limit_bounding(set), 0);
                CHECK_INT(capability_apply(set), 0);
                CHECK(status_value("\nCapBnd:\t") == (set & bounding));
                CHECK(status_value("\nCapPrm:\t") == set);
                CHECK(status_value("\nCapEff:\t") == set);
                CHECK(status_value("\nCapInh:\t") == 0);
                CHECK(status_value("\nCapAmb:\t") == 0);
                CHECK_INT(capability_apply(0), 0);
                CHECK(status_value("\nCapPrm:\t") == 0);
                CHECK_INT(capability_apply(set), -EPERM);
                _exit(0);
        }
        CHECK_INT(waitpid(pid, &status, 0), pid);
        CHECK_INT(status, 0);
}

int main(void) {
        test_names();
        test_set();
        if (geteuid() != 0)
                return 77;
        test_apply();
        return 0;
}

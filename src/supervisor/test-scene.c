/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/cleanup.h"
#include "shared/fd.h"
#include "shared/test.h"
#include "supervisor/test-scene.h"

static const char *const hierarchies[] = {"",       "unified", "memory", "cpu",  "cpuacct",
                                          "cpuset", "freezer", "pids",   "blkio"};

static const char *dir, *parent;
static pid_t *supervisor; /* shared with the watcher */
static pid_t watcher;
static int alive = -EBADF; /* closed with the test */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void)umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
        return remove(path);
}

static int kill_in_group(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        char attribute[256];
        FILE *file;
        int pid;

        if (type != FTW_DP)
                return 0;
        snprintf(attribute, sizeof(attribute), "%s/freezer.state", path);
        (void)fd_write_attribute_at(AT_FDCWD, attribute, "THAWED");
        snprintf(attribute, sizeof(attribute), "%s/cgroup.procs", path);
        file = fopen(attribute, "re");
        while (file && fscanf(file, "%d", &pid) == 1)
                if (pid > 0)
                        (void)kill(pid, SIGKILL);
        if (file)
                fclose(file);
        (void)rmdir(path);
        return 0;
}

/* In the watcher, behind a test that has not come to its end. */
static void remove_left(void) {
        char path[128];

        if (*supervisor > 0)
                (void)kill(*supervisor, SIGKILL);
        for (unsigned i = 0, left = 1; i < 1000 && left > 0; i++, usleep(10000)) {
                left = 0;
                for (size_t k = 0; k < ELEMENTSOF(hierarchies); k++) {
                        snprintf(path, sizeof(path), "/sys/fs/cgroup/%s%s", hierarchies[k], parent);
                        (void)nftw(path, kill_in_group, 16, FTW_DEPTH | FTW_PHYS);
                        left += access(path, F_OK) == 0;
                }
        }
        (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void scene_begin(char *template, const char *cgroup_parent) {
        int ends[2];
        char byte;

        CHECK(mkdtemp(template));
        dir = template;
        parent = cgroup_parent;
        supervisor = mmap(NULL, sizeof(*supervisor), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        CHECK(supervisor != MAP_FAILED);
        CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
        watcher = fork();
        CHECK(watcher >= 0);
        if (watcher == 0) {
                (void)setsid();
                close(ends[1]);
                if (read(ends[0], &byte, 1) == 0)
                        remove_left();
                _exit(0);
        }
        close(ends[0]);
        alive = ends[1];
}

void scene_set_supervisor(pid_t pid) {
        *supervisor = pid;
}

void scene_end(void) {
        char path[128];
        int status;

        CHECK_INT(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
        for (size_t i = 0; i < ELEMENTSOF(hierarchies); i++) {
                snprintf(path, sizeof(path), "/sys/fs/cgroup/%s%s", hierarchies[i], parent);
                if (rmdir(path) < 0)
                        CHECK_INT(errno, ENOENT);
        }
        CHECK_INT(write(alive, "", 1), 1);
        close(alive);
        CHECK_INT(waitpid(watcher, &status, 0), watcher);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <mntent.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "runtime/cgroup-backend.h"
#include "shared/fd.h"
#include "shared/test.h"

static char parent[64], id[ID_LENGTH + 1];
static CgroupTree *tree;

static void test_formats(void) {
        static const char keys[] = "cache 5\nrss 6\ninactive_file 7\ntotal_inactive_file 8\n";
        Stats stats = {};
        uint64_t value = 0;

        CHECK(cgroup_find_key(keys, "inactive_file", &value));
        CHECK_INT(value, 7);
        CHECK(cgroup_find_key(keys, "total_inactive_file", &value));
        CHECK_INT(value, 8);
        CHECK(!cgroup_find_key(keys, "file", &value));
        CHECK(!cgroup_find_key("", "file", &value));
        cgroup_sum_words("8:0 rbytes=10 wbytes=3 rios=1\n8:16 rbytes=5 wbytes=0\n",
                         "rbytes=", "wbytes=", &stats);
        CHECK_INT(stats.read_bytes, 15);
        CHECK_INT(stats.written_bytes, 3);
        cgroup_sum_words("8:0 Read 1\n8:0 Write 2\n8:0 Total 3\nTotal 3\n", "Read ", "Write ",
                         &stats);
        CHECK_INT(stats.read_bytes, 1);
        CHECK_INT(stats.written_bytes, 2);
}

/* A process in the group that does nothing, but forks once. */
static pid_t spawn(Cgroup *cgroup) {
        Error e = ERROR_INIT;
        int gate[2];
        pid_t pid;
        char c;

        CHECK_INT(pipe2(gate, O_CLOEXEC), 0);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                CHECK_INT(read(gate[0], &c, 1), 1);
                CHECK(fork() >= 0);
                for (;;)
                        pause();
        }
        CHECK_INT(cgroup_join(cgroup, pid, &e), 0);
        CHECK_INT(write(gate[1], "x", 1), 1);
        close(gate[0]);
        close(gate[1]);
        return pid;
}

static void remove_group(Cgroup *cgroup) {
        Error e = ERROR_INIT;
        int r = 0;

        for (int i = 0; i < 6000 && r == 0; i++, usleep(10000))
                r = cgroup_remove(cgroup, &e);
        CHECK_INT(r, 1);
        CHECK_INT(cgroup_open(tree, id, &cgroup, &e), -ENOENT);
}

static void test_life(void) {
        _cleanup_(cgroup_freep) Cgroup *cgroup = NULL, *second = NULL;
        _cleanup_free_ uint32_t *pids = NULL;
        _cleanup_strv_free_ char **list = NULL;
        bool has_pids = tree->of[CONTROLLER_PIDS] >= 0;
        Limits limits = {.pids = has_pids ? 50 : 0}, more = {.pids = has_pids ? 60 : 0};
        Error e = ERROR_INIT;
        Stats stats;
        size_t n = 0;
        pid_t pid;
        int status, r = 0;

        CHECK_INT(cgroup_make(tree, id, &limits, &cgroup, &e), 0);
        CHECK_INT(cgroup_tree_list(tree, &list, &e), 0);
        CHECK(strv_contains(list, id));
        pid = spawn(cgroup);
        for (int i = 0; i < 6000 && n != 2; i++, usleep(10000)) {
                free(pids);
                CHECK_INT(cgroup_pids(cgroup, &pids, &n, &e), 0);
        }
        CHECK_INT(n, 2);
        CHECK(pids[0] == (uint32_t)pid || pids[1] == (uint32_t)pid);
        CHECK_INT(cgroup_make(tree, id, &limits, &second, &e), -EBUSY);
        CHECK_STR(e.stage, "cgroup");
        CHECK_INT(cgroup_remove(cgroup, &e), 0);

        CHECK_INT(cgroup_set_limits(cgroup, &more, &e), 0);
        CHECK_INT(cgroup_stats(cgroup, &stats, &e), 0);
        if (limits.pids) {
                CHECK_INT(stats.pids, 2);
                CHECK_INT(stats.pids_limit, 60);
        }

        CHECK_INT(cgroup_freeze(cgroup, &e), 0);
        for (int i = 0; i < 6000 && r == 0; i++, usleep(10000))
                r = cgroup_is_frozen(cgroup, &e);
        CHECK_INT(r, 1);
        CHECK_INT(cgroup_thaw(cgroup, &e), 0);
        CHECK_INT(cgroup_is_frozen(cgroup, &e), 0);

        CHECK_INT(cgroup_freeze(cgroup, &e), 0);
        CHECK_INT(cgroup_kill(cgroup, &e), 0);
        CHECK_INT(waitpid(pid, &status, 0), pid);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        remove_group(cgroup);
}

/* As systemd does it with what it finds empty. */
static void test_parent_removed(void) {
        _cleanup_(cgroup_freep) Cgroup *cgroup = NULL;
        Limits limits = {};
        Error e = ERROR_INIT;

        for (size_t i = 0; i < tree->n; i++)
                CHECK(unlinkat(tree->roots[i], tree->parent + 1, AT_REMOVEDIR) >= 0);
        CHECK_INT(cgroup_make(tree, id, &limits, &cgroup, &e), 0);
        remove_group(cgroup);
}

static void test_limits(void) {
        _cleanup_(cgroup_freep) Cgroup *cgroup = NULL;
        Limits first = {.memory = 32 << 20,
                        .memory_swap = 32 << 20,
                        .cpus = 0.5,
                        .cpu_shares = 512,
                        .cpuset = (char *)"0"};
        Limits larger = {.memory = 64 << 20, .memory_swap = 96 << 20};
        Limits smaller = {.memory = 16 << 20, .memory_swap = 16 << 20};
        Limits impossible = {.cpuset = (char *)"8000"};
        Error e = ERROR_INIT;
        Stats stats;

        CHECK_INT(cgroup_make(tree, id, &first, &cgroup, &e), 0);
        CHECK_INT(cgroup_stats(cgroup, &stats, &e), 0);
        CHECK_INT(stats.memory_limit, 32 << 20);
        CHECK_INT(cgroup_set_limits(cgroup, &larger, &e), 0);
        CHECK_INT(cgroup_stats(cgroup, &stats, &e), 0);
        CHECK_INT(stats.memory_limit, 64 << 20);
        CHECK_INT(cgroup_set_limits(cgroup, &smaller, &e), 0);
        CHECK_INT(cgroup_stats(cgroup, &stats, &e), 0);
        CHECK_INT(stats.memory_limit, 16 << 20);
        CHECK(cgroup_set_limits(cgroup, &impossible, &e) < 0);
        remove_group(cgroup);

        /* What was made before the step that fails is removed. */
        cgroup = cgroup_free(cgroup);
        CHECK(cgroup_make(tree, id, &impossible, &cgroup, &e) < 0);
        CHECK_INT(cgroup_open(tree, id, &cgroup, &e), -ENOENT);
}

/* Whoever removed it died in between. */
static void test_half_removed(void) {
        Limits limits = {};
        Error e = ERROR_INIT;

        for (size_t i = 0; tree->n > 1 && i < tree->n; i++) {
                _cleanup_(cgroup_freep) Cgroup *made = NULL, *cgroup = NULL;

                CHECK_INT(cgroup_make(tree, id, &limits, &made, &e), 0);
                CHECK_INT(unlinkat(tree->parents[i], id, AT_REMOVEDIR), 0);
                CHECK_INT(cgroup_open(tree, id, &cgroup, &e), 0);
                CHECK_INT(cgroup_kill(cgroup, &e), 0);
                remove_group(cgroup);
        }
}

/* Makes the parent where a systemd that uses version 1 has its units' groups. Return: in how many hierarchies. */
static size_t make_unit(const char *path) {
        _cleanup_fclose_ FILE *mounts = fopen("/proc/self/mounts", "re");
        size_t n = 0;

        CHECK(mounts);
        for (struct mntent *m; (m = getmntent(mounts));)
                if (streq(m->mnt_type, "cgroup2") || hasmntopt(m, "name=systemd")) {
                        _cleanup_free_ char *dir = strf("%s%s", m->mnt_dir, path);

                        if (mkdir(dir, 0755) >= 0)
                                n++;
                        else
                                CHECK_INT(errno, EEXIST); /* mounted twice */
                }
        return n;
}

/* Who ends a unit looks into hierarchies without controllers: the processes are there, too. */
static void test_unit(void) {
        _cleanup_(cgroup_freep) Cgroup *cgroup = NULL;
        _cleanup_free_ char *path = strf("%s-unit", parent), *line = NULL, *text = NULL;
        CgroupTree *plain = tree;
        size_t made, n = 0;
        Limits limits = {};
        Error e = ERROR_INIT;
        char file[32];
        int status;
        pid_t pid;

        if (cgroup_tree_version(tree) != 1)
                return;
        made = make_unit(path);
        CHECK_INT(cgroup_tree_new(path, -EBADF, &tree, &e), 0);
        CHECK_INT(tree->n, plain->n + made);
        CHECK_INT(cgroup_make(tree, id, &limits, &cgroup, &e), 0);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                CHECK_INT(cgroup_join(cgroup, 0, &e), 0);
                raise(SIGSTOP);
                _exit(0);
        }
        CHECK_INT(waitpid(pid, &status, WUNTRACED), pid);
        CHECK(WIFSTOPPED(status));
        snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)pid);
        CHECK_INT(fd_read_file_at(AT_FDCWD, file, 65536, &text, NULL), 0);
        line = strf(":%s/%s\n", path, id);
        for (const char *p = text; (p = strstr(p, line)); p++)
                n++;
        CHECK_INT(n, tree->n);
        CHECK_INT(cgroup_kill(cgroup, &e), 0);
        CHECK_INT(waitpid(pid, &status, 0), pid);
        remove_group(cgroup);
        for (size_t i = 0; i < tree->n; i++)
                CHECK_INT(unlinkat(tree->roots[i], path + 1, AT_REMOVEDIR), 0);
        cgroup_tree_free(tree);
        tree = plain;
}

static void test_oom(void) {
        _cleanup_(cgroup_freep) Cgroup *cgroup = NULL;
        Limits limits = {.memory = 16 << 20, .memory_swap = 16 << 20};
        struct epoll_event event = {};
        _cleanup_close_ int epoll = epoll_create1(EPOLL_CLOEXEC);
        Error e = ERROR_INIT;
        uint32_t events = 0;
        uint64_t kills = 99;
        int status, fd;
        pid_t pid;

        CHECK_INT(cgroup_make(tree, id, &limits, &cgroup, &e), 0);
        CHECK_INT(cgroup_oom_kills(cgroup, &kills), 0);
        CHECK_INT(kills, 0);
        fd = cgroup_watch_oom(cgroup, &events);
        CHECK(fd >= 0);
        if (cgroup_tree_version(tree) == 2) /* the one that was read from */
                CHECK_INT(cgroup_watch_oom(cgroup, &events), fd);
        event.events = events;
        CHECK_INT(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
        (void)epoll_wait(epoll, &event, 1, 0);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                char *p;

                raise(SIGSTOP);
                p = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                         0);
                for (size_t i = 0; i < 64 << 20; i += 4096)
                        p[i] = 1;
                _exit(0);
        }
        CHECK_INT(waitpid(pid, &status, WUNTRACED), pid);
        CHECK_INT(cgroup_join(cgroup, pid, &e), 0);
        CHECK_INT(kill(pid, SIGCONT), 0);
        CHECK_INT(waitpid(pid, &status, 0), pid);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        CHECK_INT(epoll_wait(epoll, &event, 1, 5000), 1);
        CHECK_INT(cgroup_oom_kills(cgroup, &kills), 0);
        CHECK_INT(kills, 1);
        remove_group(cgroup);
}

int main(void) {
        Error e = ERROR_INIT;

        test_formats();
        if (geteuid() != 0)
                return 77;
        snprintf(parent, sizeof(parent), "/mydocker-test-%d", (int)getpid());
        CHECK_INT(id_make(id), 0);
        CHECK_INT(cgroup_tree_new("relative", -EBADF, &tree, &e), -EINVAL);
        CHECK_INT(cgroup_tree_new("/", -EBADF, &tree, &e), -EINVAL);
        if (cgroup_tree_new(parent, -EBADF, &tree, &e) < 0)
                return 77;
        test_life();
        test_half_removed();
        test_parent_removed();
        test_unit();
        if (tree->of[CONTROLLER_MEMORY] >= 0 && tree->of[CONTROLLER_CPUSET] >= 0) {
                test_limits();
                test_oom();
        }
        for (size_t i = 0; i < tree->n; i++)
                CHECK_INT(unlinkat(tree->roots[i], parent + 1, AT_REMOVEDIR), 0);
        cgroup_tree_free(tree);
        return 0;
}

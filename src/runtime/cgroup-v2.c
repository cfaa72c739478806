/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Control groups of the second version: one hierarchy for all controllers. */

#include <fcntl.h>
#include <inttypes.h>
#include <sys/epoll.h>

#include "runtime/cgroup-backend.h"
#include "shared/fd.h"
#include "shared/strutil.h"

#define CPU_PERIOD 100000

static const char *const controllers[_CONTROLLER_MAX] = {
        [CONTROLLER_MEMORY] = "memory", [CONTROLLER_CPU] = "cpu",  [CONTROLLER_CPUSET] = "cpuset",
        [CONTROLLER_PIDS] = "pids",     [CONTROLLER_BLKIO] = "io",
};

static bool has_word(const char *text, const char *word) {
        size_t n = strlen(word);

        for (const char *p = text; (p = strstr(p, word)); p += n)
                if ((p == text || p[-1] == ' ') && strchr(" \n", p[n]))
                        return true;
        return false;
}

/* Gives the children of a group every controller that the group itself has, as many as can be. */
static int enable_controllers(int dir, const char *path, Error *e) {
        _cleanup_free_ char *there = NULL, *enabled = NULL;
        int r, failed = 0;

        r = fd_read_file_at(dir, "cgroup.controllers", 4096, &there, NULL);
        if (r >= 0)
                r = fd_read_file_at(dir, "cgroup.subtree_control", 4096, &enabled, NULL);
        if (r < 0)
                return error_set(e, r, "cgroup", "reading the controllers of %s", path);
        for (size_t i = 0; i < _CONTROLLER_MAX; i++) {
                char word[16];

                if (!controllers[i] || !has_word(there, controllers[i]) ||
                    has_word(enabled, controllers[i]))
                        continue;
                snprintf(word, sizeof(word), "+%s", controllers[i]);
                r = fd_write_attribute_at(dir, "cgroup.subtree_control", word);
                if (r < 0 && failed == 0)
                        failed = error_set(e, r, "cgroup", "enabling controller %s below %s",
                                           controllers[i], path);
        }
        return failed;
}

static int v2_prepare(CgroupTree *tree, Error *e) {
        _cleanup_close_ int dir = dup(tree->roots[0]);
        _cleanup_strv_free_ char **names = strv_split(tree->parent + 1, '/');
        _cleanup_free_ char *enabled = NULL;
        int r;

        if (!names || dir < 0)
                return error_oom(e);
        for (char **name = names; *name && **name; name++) {
                int next;

                /* Above the parent somebody else may rule; what counts is what the parent gets. */
                (void)enable_controllers(dir, tree->parent, NULL);
                next = fd_open_or_make_dir(dir, *name, 0755);
                if (next < 0)
                        return error_set(e, next, "cgroup", "making group %s", tree->parent);
                safe_close(dir);
                dir = next;
        }
        TRY(enable_controllers(dir, tree->parent, e));
        r = fd_read_file_at(dir, "cgroup.subtree_control", 4096, &enabled, NULL);
        if (r < 0)
                return error_set(e, r, "cgroup", "reading the controllers of %s", tree->parent);
        for (size_t i = 0; i < _CONTROLLER_MAX; i++)
                tree->of[i] = controllers[i] && has_word(enabled, controllers[i]) ? 0 : -1;
        tree->parents[0] = TAKE_FD(dir);
        return 0;
}

static int v2_open(Cgroup *cgroup, Error *e) {
        cgroup->directory = openat(cgroup->tree->parents[0], cgroup->id,
                                   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (cgroup->directory < 0)
                return error_set(e, errno, "cgroup", "opening group %s", cgroup->path);
        return 0;
}

static int v2_join(Cgroup *cgroup, pid_t pid, Error *e) {
        char text[16];
        int r;

        snprintf(text, sizeof(text), "%d", (int)pid);
        r = fd_write_attribute_at(cgroup->directory, "cgroup.procs", text);
        if (r < 0)
                return error_set(e, r, "cgroup", "moving process %d into group %s", (int)pid,
                                 cgroup->path);
        return 0;
}

/* Here swap has a limit of its own. */
static int set_swap(Cgroup *cgroup, const Limits *limits, Error *e) {
        uint64_t memory = limits->memory;

        if (!memory) {
                int r = cgroup_read_u64(cgroup, CONTROLLER_MEMORY, "memory.max", &memory);

                if (r < 0)
                        return error_set(e, r, "cgroup", "reading memory.max");
        }
        if (limits->memory_swap < memory)
                return error_set(e, EINVAL, "cgroup",
                                 "the limit of memory and swap is below that of memory alone");
        return cgroup_write_u64(cgroup, CONTROLLER_MEMORY, "memory.swap.max",
                                limits->memory_swap - memory, e);
}

static int v2_set_limits(Cgroup *cgroup, const Limits *limits, Error *e) {
        if (limits->memory_swap)
                TRY(set_swap(cgroup, limits, e));
        if (limits->memory)
                TRY(cgroup_write_u64(cgroup, CONTROLLER_MEMORY, "memory.max", limits->memory, e));
        if (limits->cpus > 0) {
                char text[64];

                snprintf(text, sizeof(text), "%" PRIu64 " %d",
                         (uint64_t)(limits->cpus * CPU_PERIOD), CPU_PERIOD);
                TRY(cgroup_write(cgroup, CONTROLLER_CPU, "cpu.max", text, e));
        }
        if (limits->cpu_shares) {
                /* So that the normal 1024 is the kernel's normal 100 and proportions stay. */
                uint64_t weight = limits->cpu_shares * 100 / 1024;

                TRY(cgroup_write_u64(cgroup, CONTROLLER_CPU, "cpu.weight",
                                     MAX(UINT64_C(1), MIN(weight, UINT64_C(10000))), e));
        }
        if (limits->cpuset)
                TRY(cgroup_write(cgroup, CONTROLLER_CPUSET, "cpuset.cpus", limits->cpuset, e));
        if (limits->pids)
                TRY(cgroup_write_u64(cgroup, CONTROLLER_PIDS, "pids.max", limits->pids, e));
        return 0;
}

static int v2_freeze(Cgroup *cgroup, bool frozen, Error *e) {
        int r = fd_write_attribute_at(cgroup->directory, "cgroup.freeze", frozen ? "1" : "0");

        if (r < 0)
                return error_set(e, r, "cgroup", "writing cgroup.freeze of %s", cgroup->path);
        return 0;
}

static int v2_is_frozen(const Cgroup *cgroup, Error *e) {
        _cleanup_free_ char *text = NULL;
        uint64_t frozen = 0;
        int r;

        r = fd_read_file_at(cgroup->directory, "cgroup.events", 4096, &text, NULL);
        if (r < 0)
                return error_set(e, r, "cgroup", "reading cgroup.events");
        return cgroup_find_key(text, "frozen", &frozen) && frozen;
}

static int v2_kill(Cgroup *cgroup, Error *e) {
        int r = fd_write_attribute_at(cgroup->directory, "cgroup.kill", "1");

        if (r == -ENOENT) /* before Linux 5.14 */
                return cgroup_kill_each(cgroup, e);
        if (r < 0)
                return error_set(e, r, "cgroup", "writing cgroup.kill of %s", cgroup->path);
        return 0;
}

/* The time in which some processes waited, the first of the numbers "total=MICROSECONDS" in a pressure file. The kernel
 * may have been built or booted without. */
static bool read_pressure(const Cgroup *cgroup, const char *file, uint64_t *ret) {
        _cleanup_free_ char *text = NULL;
        const char *total;

        if (fd_read_file_at(cgroup->directory, file, 4096, &text, NULL) < 0)
                return false;
        total = strstr(text, "total=");
        return total && sscanf(total, "total=%" SCNu64, ret) == 1;
}

static int v2_stats(const Cgroup *cgroup, Stats *ret, Error *e) {
        _cleanup_free_ char *memory = NULL, *cpu = NULL, *io = NULL;
        uint64_t cache = 0, usec = 0;
        int r;

        /* Also without the controller. */
        r = fd_read_file_at(cgroup->directory, "cpu.stat", 4096, &cpu, NULL);
        if (r < 0)
                return error_set(e, r, "cgroup", "reading cpu.stat");
        if (cgroup_find_key(cpu, "usage_usec", &usec))
                ret->cpu_ns = usec * 1000;
        /* A controller that isn't there leaves its numbers 0. */
        (void)cgroup_read_u64(cgroup, CONTROLLER_MEMORY, "memory.current", &ret->memory);
        if (cgroup_read_u64(cgroup, CONTROLLER_MEMORY, "memory.max", &ret->memory_limit) >= 0 &&
            ret->memory_limit == UINT64_MAX)
                ret->memory_limit = 0;
        if (cgroup_read(cgroup, CONTROLLER_MEMORY, "memory.stat", &memory) >= 0 &&
            cgroup_find_key(memory, "inactive_file", &cache))
                ret->memory -= MIN(cache, ret->memory);
        (void)cgroup_read_u64(cgroup, CONTROLLER_PIDS, "pids.current", &ret->pids);
        if (cgroup_read_u64(cgroup, CONTROLLER_PIDS, "pids.max", &ret->pids_limit) >= 0 &&
            ret->pids_limit == UINT64_MAX)
                ret->pids_limit = 0;
        if (cgroup_read(cgroup, CONTROLLER_BLKIO, "io.stat", &io) >= 0)
                cgroup_sum_words(io, "rbytes=", "wbytes=", ret);
        ret->has_pressure = read_pressure(cgroup, "cpu.pressure", &ret->cpu_pressure) &&
                            read_pressure(cgroup, "memory.pressure", &ret->memory_pressure) &&
                            read_pressure(cgroup, "io.pressure", &ret->io_pressure);
        return 0;
}

static int v2_watch_oom(Cgroup *cgroup, uint32_t *ret_events) {
        char path[ID_LENGTH + sizeof("/memory.events")];

        if (cgroup->tree->of[CONTROLLER_MEMORY] < 0)
                return -EOPNOTSUPP;
        if (cgroup->oom < 0) {
                snprintf(path, sizeof(path), "%s/memory.events", cgroup->id);
                cgroup->oom = openat(cgroup->tree->parents[0], path, O_RDONLY | O_CLOEXEC);
                if (cgroup->oom < 0)
                        return -errno;
        }
        *ret_events = EPOLLPRI | EPOLLET;
        return cgroup->oom;
}

static int v2_oom_kills(Cgroup *cgroup, uint64_t *ret) {
        char text[512];
        ssize_t n;

        if (cgroup->oom < 0) {
                uint32_t events;

                TRY(v2_watch_oom(cgroup, &events));
        }
        /* From this very descriptor: reading it arms the next notification. */
        n = pread(cgroup->oom, text, sizeof(text) - 1, 0);
        if (n < 0)
                return -errno;
        text[n] = '\0';
        return cgroup_find_key(text, "oom_kill", ret) ? 0 : -EBADMSG;
}

const CgroupBackend cgroup_backend_v2 = {
        .version = 2,
        .prepare = v2_prepare,
        .open = v2_open,
        .join = v2_join,
        .set_limits = v2_set_limits,
        .freeze = v2_freeze,
        .is_frozen = v2_is_frozen,
        .kill = v2_kill,
        .stats = v2_stats,
        .watch_oom = v2_watch_oom,
        .oom_kills = v2_oom_kills,
};

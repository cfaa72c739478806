/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Control groups of the first version: a hierarchy for each controller (or a few), each with its
 * own directory for a container. Where systemd runs, it also has one in those by which systemd
 * tracks processes, which have no controllers. */

#include <fcntl.h>
#include <inttypes.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "runtime/cgroup-backend.h"
#include "shared/fd.h"
#include "shared/strutil.h"

/* The kernel's word for "no limit" is the largest number of whole pages. */
#define UNLIMITED (UINT64_MAX / 4)

#define CPU_PERIOD 100000

/* A cpuset without processors and memory nodes takes no process: both are copied from the group
 * above. */
static int copy_from_parent(int dir, const char *file, Error *e) {
        _cleanup_close_ int up = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_free_ char *own = NULL, *value = NULL;
        int r;

        if (up < 0)
                return error_set(e, errno, "cgroup", "opening the group above");
        r = fd_read_file_at(dir, file, 65536, &own, NULL);
        if (r < 0)
                return error_set(e, r, "cgroup", "reading %s", file);
        if (*own && *own != '\n')
                return 0;
        r = fd_read_file_at(up, file, 65536, &value, NULL);
        if (r >= 0)
                r = fd_write_attribute_at(dir, file, value);
        return r < 0 ? error_set(e, r, "cgroup", "setting %s", file) : 0;
}

static int prepare_hierarchy(CgroupTree *tree, size_t i, Error *e) {
        bool cpuset = tree->of[CONTROLLER_CPUSET] == (int)i;
        _cleanup_close_ int dir = dup(tree->roots[i]);
        _cleanup_strv_free_ char **names = strv_split(tree->parent + 1, '/');
        int r;

        if (!names || dir < 0)
                return error_oom(e);
        for (char **name = names; *name && **name; name++) {
                int next = fd_open_or_make_dir(dir, *name, 0755);

                if (next < 0)
                        return error_set(e, next, "cgroup", "making group %s", tree->parent);
                safe_close(dir);
                dir = next;
                if (cpuset) {
                        TRY(copy_from_parent(dir, "cpuset.cpus", e));
                        TRY(copy_from_parent(dir, "cpuset.mems", e));
                }
        }
        if (cpuset) {
                /* So that the kernel does this copying for the containers' groups. */
                r = fd_write_attribute_at(dir, "cgroup.clone_children", "1");
                if (r < 0)
                        return error_set(e, r, "cgroup", "setting cgroup.clone_children");
        }
        tree->parents[i] = TAKE_FD(dir);
        return 0;
}

static int v1_prepare(CgroupTree *tree, Error *e) {
        for (size_t i = 0; i < tree->n; i++)
                TRY(prepare_hierarchy(tree, i, e));
        return 0;
}

static int v1_open(Cgroup *cgroup, Error *e) {
        return 0;
}

static int v1_join(Cgroup *cgroup, pid_t pid, Error *e) {
        const CgroupTree *tree = cgroup->tree;
        char path[ID_LENGTH + sizeof("/cgroup.procs")], text[16];

        snprintf(text, sizeof(text), "%d", (int)pid);
        for (size_t i = 0; i < tree->n; i++) {
                /* When a thread moves itself, alone, the kernel needs no lock against the ends of others,
                 * and so no grace period. */
                bool thread = pid == 0 && (int)i != tree->unified;
                int r;

                snprintf(path, sizeof(path), "%s/%s", cgroup->id,
                         thread ? "tasks" : "cgroup.procs");
                r = fd_write_attribute_at(tree->parents[i], path, text);
                if (r < 0)
                        return error_set(e, r, "cgroup", "moving process %d into group %s",
                                         (int)pid, cgroup->path);
        }
        return 0;
}

/* The limit of memory must never be above that of memory and swap together: which is written first
 * depends on whether they grow. */
static int set_memory(Cgroup *cgroup, const Limits *limits, Error *e) {
        uint64_t both;
        int r;

        if (limits->memory_swap) {
                r = cgroup_read_u64(cgroup, CONTROLLER_MEMORY, "memory.memsw.limit_in_bytes",
                                    &both);
                if (r == -ENOENT)
                        return error_set(e, EOPNOTSUPP, "cgroup", "this kernel doesn't count swap");
                if (r < 0)
                        return error_set(e, r, "cgroup", "reading memory.memsw.limit_in_bytes");
                if (limits->memory_swap > both)
                        TRY(cgroup_write_u64(cgroup, CONTROLLER_MEMORY,
                                             "memory.memsw.limit_in_bytes", limits->memory_swap,
                                             e));
        }
        if (limits->memory)
                TRY(cgroup_write_u64(cgroup, CONTROLLER_MEMORY, "memory.limit_in_bytes",
                                     limits->memory, e));
        if (limits->memory_swap && limits->memory_swap <= both)
                return cgroup_write_u64(cgroup, CONTROLLER_MEMORY, "memory.memsw.limit_in_bytes",
                                        limits->memory_swap, e);
        return 0;
}

static int v1_set_limits(Cgroup *cgroup, const Limits *limits, Error *e) {
        TRY(set_memory(cgroup, limits, e));
        if (limits->cpus > 0) {
                TRY(cgroup_write_u64(cgroup, CONTROLLER_CPU, "cpu.cfs_period_us", CPU_PERIOD, e));
                TRY(cgroup_write_u64(cgroup, CONTROLLER_CPU, "cpu.cfs_quota_us",
                                     (uint64_t)(limits->cpus * CPU_PERIOD), e));
        }
        if (limits->cpu_shares)
                TRY(cgroup_write_u64(cgroup, CONTROLLER_CPU, "cpu.shares", limits->cpu_shares, e));
        if (limits->cpuset)
                TRY(cgroup_write(cgroup, CONTROLLER_CPUSET, "cpuset.cpus", limits->cpuset, e));
        if (limits->pids)
                TRY(cgroup_write_u64(cgroup, CONTROLLER_PIDS, "pids.max", limits->pids, e));
        return 0;
}

static int v1_freeze(Cgroup *cgroup, bool frozen, Error *e) {
        int r;

        if (!frozen && cgroup->tree->of[CONTROLLER_FREEZER] < 0)
                return 0;
        r = cgroup_write(cgroup, CONTROLLER_FREEZER, "freezer.state", frozen ? "FROZEN" : "THAWED",
                         e);
        /* Of a group that was being removed only other hierarchies may still have theirs. */
        return !frozen && r == -ENOENT ? 0 : r;
}

static int v1_is_frozen(const Cgroup *cgroup, Error *e) {
        _cleanup_free_ char *state = NULL;
        int r;

        if (cgroup->tree->of[CONTROLLER_FREEZER] < 0)
                return 0;
        r = cgroup_read(cgroup, CONTROLLER_FREEZER, "freezer.state", &state);
        if (r < 0)
                return error_set(e, r, "cgroup", "reading freezer.state");
        return streq(state, "FROZEN\n");
}

static int v1_kill(Cgroup *cgroup, Error *e) {
        TRY(cgroup_kill_each(cgroup, e));
        /* A frozen process takes the signal only when it is thawed. */
        return v1_freeze(cgroup, false, e);
}

static int v1_stats(const Cgroup *cgroup, Stats *ret, Error *e) {
        _cleanup_free_ char *memory = NULL, *io = NULL;
        uint64_t cache = 0;

        /* A controller that isn't there leaves its numbers 0. */
        (void)cgroup_read_u64(cgroup, CONTROLLER_MEMORY, "memory.usage_in_bytes", &ret->memory);
        (void)cgroup_read_u64(cgroup, CONTROLLER_MEMORY, "memory.limit_in_bytes",
                              &ret->memory_limit);
        if (ret->memory_limit > UNLIMITED)
                ret->memory_limit = 0;
        if (cgroup_read(cgroup, CONTROLLER_MEMORY, "memory.stat", &memory) >= 0 &&
            cgroup_find_key(memory, "total_inactive_file", &cache))
                ret->memory -= MIN(cache, ret->memory);
        (void)cgroup_read_u64(cgroup, CONTROLLER_CPUACCT, "cpuacct.usage", &ret->cpu_ns);
        (void)cgroup_read_u64(cgroup, CONTROLLER_PIDS, "pids.current", &ret->pids);
        if (cgroup_read_u64(cgroup, CONTROLLER_PIDS, "pids.max", &ret->pids_limit) >= 0 &&
            ret->pids_limit == UINT64_MAX)
                ret->pids_limit = 0;
        if (cgroup_read(cgroup, CONTROLLER_BLKIO, "blkio.throttle.io_service_bytes_recursive",
                        &io) >= 0)
                cgroup_sum_words(io, "Read ", "Write ", ret);
        return 0;
}

static int v1_watch_oom(Cgroup *cgroup, uint32_t *ret_events) {
        _cleanup_close_ int control = -EBADF, event = -EBADF;
        char path[ID_LENGTH + sizeof("/cgroup.event_control")], text[32];
        int parent = cgroup_parent_of(cgroup, CONTROLLER_MEMORY);

        if (parent < 0)
                return -EOPNOTSUPP;
        snprintf(path, sizeof(path), "%s/memory.oom_control", cgroup->id);
        control = openat(parent, path, O_RDONLY | O_CLOEXEC);
        event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (control < 0 || event < 0)
                return -errno;
        snprintf(path, sizeof(path), "%s/cgroup.event_control", cgroup->id);
        snprintf(text, sizeof(text), "%d %d", event, control);
        TRY(fd_write_attribute_at(parent, path, text));
        *ret_events = EPOLLIN | EPOLLET;
        return cgroup->oom = TAKE_FD(event);
}

static int v1_oom_kills(Cgroup *cgroup, uint64_t *ret) {
        _cleanup_free_ char *text = NULL;

        TRY(cgroup_read(cgroup, CONTROLLER_MEMORY, "memory.oom_control", &text));
        return cgroup_find_key(text, "oom_kill", ret) ? 0 : -EBADMSG;
}

const CgroupBackend cgroup_backend_v1 = {
        .version = 1,
        .prepare = v1_prepare,
        .open = v1_open,
        .join = v1_join,
        .set_limits = v1_set_limits,
        .freeze = v1_freeze,
        .is_frozen = v1_is_frozen,
        .kill = v1_kill,
        .stats = v1_stats,
        .watch_oom = v1_watch_oom,
        .oom_kills = v1_oom_kills,
};

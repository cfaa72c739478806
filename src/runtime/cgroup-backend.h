/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The inside of the control groups: what cgroup.c (finding, dispatch), cgroup-v1.c and cgroup-v2.c
 * share. A group is named by its path below a hierarchy's parent directory, "ID/FILE": the kernel
 * makes that tree, there are no links in it. */

#include "runtime/cgroup.h"

typedef enum Controller {
        CONTROLLER_MEMORY,
        CONTROLLER_CPU,
        CONTROLLER_CPUACCT, /* v1 only */
        CONTROLLER_CPUSET,
        CONTROLLER_PIDS,
        CONTROLLER_FREEZER, /* v1 only */
        CONTROLLER_BLKIO,   /* "io" on v2 */
        _CONTROLLER_MAX,
} Controller;

/* One for each controller, and two in which systemd tracks processes. */
#define HIERARCHIES_MAX (_CONTROLLER_MAX + 2)

typedef struct CgroupBackend {
        unsigned version;
        /* Makes the parent in each hierarchy ready for children. */
        int (*prepare)(CgroupTree *tree, Error *e);
        int (*open)(Cgroup *cgroup, Error *e);
        int (*join)(Cgroup *cgroup, pid_t pid, Error *e);
        int (*set_limits)(Cgroup *cgroup, const Limits *limits, Error *e);
        int (*freeze)(Cgroup *cgroup, bool frozen, Error *e);
        int (*is_frozen)(const Cgroup *cgroup, Error *e);
        int (*kill)(Cgroup *cgroup, Error *e);
        int (*stats)(const Cgroup *cgroup, Stats *ret, Error *e);
        int (*watch_oom)(Cgroup *cgroup, uint32_t *ret_events);
        int (*oom_kills)(Cgroup *cgroup, uint64_t *ret);
} CgroupBackend;

extern const CgroupBackend cgroup_backend_v1;
extern const CgroupBackend cgroup_backend_v2;

struct CgroupTree {
        const CgroupBackend *backend;
        char *parent;
        /* The mounted hierarchies' roots and the parents in them; one for v2. */
        int roots[HIERARCHIES_MAX];
        int parents[HIERARCHIES_MAX];
        size_t n;
        int unified; /* v1: the index of a unified hierarchy beside the others, or -1 */
        int lock;    /* on the first parent; belongs to this descriptor */
        /* The index of the hierarchy which has a controller, -1 where there is none. */
        int of[_CONTROLLER_MAX];
};

struct Cgroup {
        CgroupTree *tree;
        char *path;
        char id[ID_LENGTH + 1];
        int directory; /* v2 */
        int oom;       /* the eventfd on v1, memory.events on v2 */
};

/* The directory in which "ID/FILE" of a controller lies, or -EBADF without that controller. */
int cgroup_parent_of(const Cgroup *cgroup, Controller controller);

/* Writes one attribute of a controller. Return: 0 or a negative errno, EOPNOTSUPP where the
 * controller is missing. */
int cgroup_write(const Cgroup *cgroup, Controller controller, const char *file, const char *value,
                 Error *e);
int cgroup_write_u64(const Cgroup *cgroup, Controller controller, const char *file, uint64_t value,
                     Error *e);

/* Reads one attribute. Return: 0 or a negative errno; *ret is to be freed. */
int cgroup_read(const Cgroup *cgroup, Controller controller, const char *file, char **ret);
/* Reads a number; "max" is *ret = UINT64_MAX. */
int cgroup_read_u64(const Cgroup *cgroup, Controller controller, const char *file, uint64_t *ret);

/* The number after `key` in a text of "KEY NUMBER" lines. Return: whether there is one. */
bool cgroup_find_key(const char *text, const char *key, uint64_t *ret);

/* The sums of the numbers after `read` and `write` in a text of lines that have these words in
 * them: "8:0 Read 5" with "Read " or "8:0 rbytes=5" with "rbytes=". */
void cgroup_sum_words(const char *text, const char *read, const char *write, Stats *ret);

/* Kills each process in the group, but never one that has left it. */
int cgroup_kill_each(const Cgroup *cgroup, Error *e);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Control groups of containers: one child PARENT/ID for each, in the unified hierarchy (v2) where
 * the kernel's controllers are there, else in each v1 hierarchy that matters. All calls act at
 * once; what the kernel completes later (freezing, the end of processes) is asked for again by the
 * caller, on a timer. Error stage: "cgroup". */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/message.h"
#include "protocol/spec.h"
#include "shared/error.h"

/* The hierarchies in use and the parent of all containers. */
typedef struct CgroupTree CgroupTree;

/* The control group of one container. */
typedef struct Cgroup Cgroup;

/* Finds the hierarchies by what is mounted in the current mount namespace, and makes `parent` (an
 * absolute path below the hierarchies' roots) where it is missing, and locks it: another process
 * that has it is EWOULDBLOCK. `lock` is -EBADF or, after the program has replaced itself by execve(2), what
 * cgroup_tree_lock() gave before; it is taken, also on failure. Return: 0 or a negative errno; *ret is to be
 * freed, after all groups that were made with it. */
int cgroup_tree_new(const char *parent, int lock, CgroupTree **ret, Error *e);
/* The descriptor that holds the lock. */
int cgroup_tree_lock(const CgroupTree *tree);
/* Closes it; the groups stay. Return: NULL. */
CgroupTree *cgroup_tree_free(CgroupTree *tree);
DEFINE_CLEANUP(CgroupTree *, cgroup_tree_free)

/* 1 or 2. */
unsigned cgroup_tree_version(const CgroupTree *tree);

/* The names of groups below the parent that have the form of a container's id. Return: 0 or a
 * negative errno; *ret is to be freed with strv_free(). */
int cgroup_tree_list(const CgroupTree *tree, char ***ret, Error *e);

/* Makes a group with these limits; what was made is removed again when a step fails. A group that
 * is there already is taken over when it is empty (EBUSY when it isn't). Return: 0 or a negative
 * errno. */
int cgroup_make(CgroupTree *tree, const char *id, const Limits *limits, Cgroup **ret, Error *e);

/* Opens the group of a container that exists already. Return: 0 or a negative errno, ENOENT when
 * there is none. */
int cgroup_open(CgroupTree *tree, const char *id, Cgroup **ret, Error *e);

/* Closes it; the group stays. Return: NULL. */
Cgroup *cgroup_free(Cgroup *cgroup);
DEFINE_CLEANUP(Cgroup *, cgroup_free)

/* The path below the hierarchies' roots, for people. */
const char *cgroup_path(const Cgroup *cgroup);

/* The directory to give to clone3(2) with CLONE_INTO_CGROUP (owned by `cgroup`), or -EBADF where
 * the kernel has no such thing (v1): then cgroup_join() puts the new process there. */
int cgroup_clone_fd(const Cgroup *cgroup);

/* Moves a process (0: the caller) into the group; what it has forked before stays where it is. On
 * v1 this takes milliseconds (a grace period of the kernel), unless `pid` is 0: the calling process
 * itself, which has one thread, at once. Return: 0 or a negative errno. */
int cgroup_join(Cgroup *cgroup, pid_t pid, Error *e);

/* Changes those limits that are not 0 or NULL. When a step fails those before it stay changed.
 * Return: 0 or a negative errno. */
int cgroup_set_limits(Cgroup *cgroup, const Limits *limits, Error *e);

/* Starts freezing all processes in the group, or lets them go on. Return: 0 or a negative errno. */
int cgroup_freeze(Cgroup *cgroup, Error *e);
int cgroup_thaw(Cgroup *cgroup, Error *e);

/* How far freezing is, which the kernel completes on its own. Return: 1 when all are frozen, 0 when
 * not all are, or a negative errno. */
int cgroup_is_frozen(const Cgroup *cgroup, Error *e);

/* Sends SIGKILL to all processes in the group, frozen ones too (which are thawed). On v1 a process
 * that is being forked at this moment may be missed: kill the init of the pid namespace first.
 * Return: 0 or a negative errno. */
int cgroup_kill(Cgroup *cgroup, Error *e);

/* The processes in the group, as the caller's pid namespace calls them. Return: 0 or a negative
 * errno; *ret is to be freed. */
int cgroup_pids(const Cgroup *cgroup, uint32_t **ret, size_t *n, Error *e);

/* What the group uses. Whatever no controller counts stays 0. Return: 0 or a negative errno. */
int cgroup_stats(const Cgroup *cgroup, Stats *ret, Error *e);

/* A descriptor (owned by `cgroup`) and the epoll events by which it tells that the count of kills
 * may have changed; *ret_events includes EPOLLET. Return: the descriptor or a negative errno,
 * EOPNOTSUPP without a memory controller. */
int cgroup_watch_oom(Cgroup *cgroup, uint32_t *ret_events);

/* How many processes the kernel killed in the group for lack of memory. Return: 0 or a negative
 * errno. */
int cgroup_oom_kills(Cgroup *cgroup, uint64_t *ret);

/* Removes the group with the groups that were made below it. Return: 1 when it is gone, 0 when
 * there are still processes in it (to be tried again), or a negative errno. */
int cgroup_remove(Cgroup *cgroup, Error *e);

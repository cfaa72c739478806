/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What every container of this supervisor shares: the directories, the namespaces to work in, a trusted
 * procfs, the host's devices, and what this kernel was found to be able to do. One object, made once at
 * start by a single-threaded process that is root in the initial user namespace. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shared/error.h"

typedef struct Runtime Runtime;

typedef struct Features {
        bool idmapped_overlay; /* the state directory's file system can be mounted with other ids */
        bool overlay_fd_layers; /* overlay takes detached mounts as layers, by descriptor (kernel 6.15) */
} Features;

/* Opens the state directory, makes the private mount namespace (the whole process moves into it, its mounts are
 * private from then on), opens and checks a procfs of its own and the devices, and probes the features.
 *
 * Some calls visit other mount namespaces, which sets the working directory to "/".
 * Return: 0 or a negative errno; *ret is to be freed with runtime_free(). */
int runtime_new(const char *state_dir, Runtime **ret, Error *e);

/* Return: NULL. */
Runtime *runtime_free(Runtime *runtime);
DEFINE_CLEANUP(Runtime *, runtime_free)

/* Detaches, in the private mount namespace alone, what the supervisor doesn't need: mounts on which none of the paths
 * `keep` (ended by NULL), the state directory, /proc, /sys, /dev and /run lie. So starting containers doesn't get slower
 * with the number of the host's mounts, and none of them is kept busy. Return: 0 or a negative errno. */
int runtime_prune_mounts(Runtime *runtime, const char *const *keep, Error *e);

/* Moves the process to the host's mount namespace, where it was before runtime_new(): programs are there, and nothing
 * of the private one is left when another takes our place by execve(2). Return: 0 or a negative errno. */
int runtime_leave(Runtime *runtime);
/* And back; doesn't return when that fails. */
void runtime_return(Runtime *runtime);

const Features *runtime_features(const Runtime *runtime);

/* The names of the features that are there, for people and the inventory ("idmapped-overlay",
 * "overlay-fd-layers"). Return: a string list that the caller frees, or NULL when out of memory. */
char **runtime_feature_names(const Runtime *runtime);

/* A procfs of the supervisor's pid namespace that is mounted nowhere (checked with fstatfs(2)): what is read
 * or written about a process goes through it. Owned by `runtime`. */
int runtime_proc(const Runtime *runtime);

/* Executes this very program again from a sealed copy in memory, so that nothing which runs in a container can
 * ever open the program's file for writing through /proc/PID/exe (CVE-2019-5736). Does nothing in the copy.
 * To be called first in main(), with main's vectors; descriptors without CLOEXEC stay open.
 * Return: 0 in the copy, else a negative errno; no return when the copy is entered. */
int runtime_seal_self(char *const *argv, char *const *envp, Error *e);

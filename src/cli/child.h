/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Programs that do a part of a verb's work, with the user's own rights: tar(1), skopeo(1), ssh(1). They end with us. */

#include <signal.h>
#include <sys/types.h>

#include "cli/client.h"

/* A descriptor, and the number it has in the program; it stays open here too. */
typedef struct ChildFd {
        int fd;
        int as;
} ChildFd;

/* Starts the program argv[0], looked for in $PATH; of our descriptors it gets the standard ones and `fds`, of which
 * the last has `fd` -1. Return: 0 or a negative errno, -ENOENT if it is not installed. */
int child_start(char *const *argv, const ChildFd *fds, pid_t *ret);

/* The same with these signals blocked: it will never see them. */
int child_start_masked(char *const *argv, const ChildFd *fds, const sigset_t *blocked, pid_t *ret);

/* Waits for its end. Return: its exit status, 128 + n for signal n, or a negative errno. */
int child_wait(pid_t pid);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a test of the supervisor makes on the machine: a directory and control groups. A process of its own waits for the
 * test's end, in whatever way, and removes what is left then: processes, too. */

#include <sys/types.h>

/* Makes the directory, "…XXXXXX" for mkdtemp(3), and begins to watch. The groups are those below `cgroup_parent`. */
void scene_begin(char *dir, const char *cgroup_parent);

/* Which supervisor is to be ended with the test; 0: none. */
void scene_set_supervisor(pid_t pid);

/* Removes all; nothing that would keep from it may be left. */
void scene_end(void);

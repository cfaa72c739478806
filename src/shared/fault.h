/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Fault points: where a test can have this process die, or a system call fail. They stand before a system call
 * that a step consists of and fail like one:
 *
 *         if (FAULT("layer.take") < 0 || renameat(…) < 0)
 *                 return error_set(e, errno, …);
 *
 * They are only there in builds with -Dfault-points=true. Each has its name in the program's section
 * "fault_points", where a test finds all of them.
 *
 * $MYDOCKER_FAULTS names a directory. Each point that is reached is added as a line to the file "reached" in it, if
 * there is one. The file "armed" holds "NAME N ACTION" for the Nth time in "reached" that this point is reached: the
 * action is "kill" (SIGKILL to the own process), "hold" (to wait until somebody opens the FIFO "gate" for writing, and
 * go on) or the number of an error. It is deleted when that happens, after the process has added its id and name to the
 * file "taken", if there is one. */

#ifdef FAULT_POINTS

#define FAULT(name)                                                                                \
        ({                                                                                         \
                static const char _point[] __attribute__((section("fault_points"), used)) = name;  \
                fault_reach(_point);                                                               \
        })

/* Return: 0, or -1 with errno set. */
int fault_reach(const char *name);

#else

#define FAULT(name) fault_none()

static inline int fault_none(void) {
        return 0;
}

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the program "probe" tries (probe-ways-out.c). Return: not negative if it could, else -1 with errno. */

/* Gives all capabilities to whoever runs a file of the volume. */
long try_setcap(void);
/* Tells by its exit status whether it runs with other rights than those of who called it: 4, otherwise 3. */
long try_raised(void);
/* Sends a descriptor of the root directory to whoever listens in the volume. */
long try_hand_out(void);
/* Waits for a process that runs one of mydocker's programs, until /tmp/stop is there. */
long try_hunt(void);
/* Writes to such a program. */
long try_overwrite(void);
/* Whether anything but the three streams is open. */
long try_descriptors(void);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The built-in system call filter: an allowlist, compiled to BPF when the program is built
 * (seccomp-generate.c) from the rules in seccomp-rules.h. */

/* Puts the filter on the calling process and everything it executes. Needs no_new_privs or
 * CAP_SYS_ADMIN in the process's user namespace; allocates nothing, can be called between fork and
 * exec. Return: 0 or a negative errno. */
int seccomp_load(void);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What stands between a hostile archive or tree and the machine when a parser has a hole: the
 * worker keeps only the capabilities and system calls that its job needs, and sees only the
 * directory it works in. */

#include "shared/error.h"
#include "worker/job.h"

/* The sanitizers of addresses and threads themselves need what is taken away here: in their builds the process stays
 * traceable, sees /proc and has no system call filter. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_WEAK 1
#else
#define SANDBOX_WEAK 0
#endif

/* Enters the sandbox for the job's type: namespaces of its own, the job's directory as root
 * directory, few capabilities, no new privileges, a system call filter. Not to be undone. Error
 * stage: "sandbox". Return: 0 or a negative errno. */
int sandbox_enter(const Job *job, Error *e);

/* Gives up CAP_SYS_ADMIN, which only reading and writing overlay's own attributes needs. */
int sandbox_drop_admin(Error *e);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A worker from beginning to end: takes its order from WORKER_SOCKET_FD, gives up every right
 * that the job does not need, works, and tells the outcome. Closes every descriptor above that
 * one. Return: the exit status. */
int worker_main(void);

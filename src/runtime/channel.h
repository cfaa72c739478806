/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The socket between the supervisor and a process that it is making. The supervisor sends what the process needs
 * (a word to go on, or mounts), the process reports how far it came. Closed by the execve(2), so that its end is the
 * good news. */

#include <stddef.h>

#include "shared/error.h"

typedef enum ReportType {
        REPORT_TERMINAL, /* with the terminal's master and slave */
        REPORT_PREPARED, /* the command is executed next */
        REPORT_FAILED,   /* with the error */
} ReportType;

typedef struct Report {
        ReportType type;
        Error error;
} Report;

/* Makes the pair; our own end doesn't block. Return: 0 or a negative errno. */
int channel_open(int *ret_ours, int *ret_theirs);

/* To the process: go on, taking these descriptors (at most FD_PASS_MAX at once). Return: 0 or a negative errno, -EPIPE
 * when it has ended. */
int channel_send(int channel, const int *fds, size_t n);

/* In the process: waits for exactly `n` descriptors, in one or more packets; with n == 0 for one packet without.
 * Return: 0 or a negative errno, -EPIPE when the supervisor is gone. On failure no descriptor is left open. */
int channel_receive(int channel, int *fds, size_t n);

/* From the process. */
int channel_report(int channel, ReportType type, const Error *error, const int *fds, size_t n);

/* Reads one report and its at most `n` descriptors (missing ones become -EBADF).
 * Return: 1, 0 at the end, or a negative errno (-EAGAIN: nothing yet). */
int channel_read_report(int channel, Report *ret, int *fds, size_t n);

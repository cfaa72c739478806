/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a service manager wants to know: that we are ready, and then that we do not hang. sd_notify(3) and
 * sd_watchdog_enabled(3), without their library. */

#include "supervisor/event.h"

typedef struct Watchdog {
        EventLoop *loop;
        EventTimer timer;
        uint64_t msec;
} Watchdog;

/* Tells the service manager, if there is one, in the words of sd_notify(3). */
void notify(const char *state);
/* The same with a descriptor; -EBADF: without. */
void notify_with_fd(const char *state, int fd);

/* Tells it that we are ready, and if it has a watchdog, twice in its interval that we live; until the
 * timer is cancelled. */
void notify_ready(EventLoop *loop, Watchdog *watchdog);

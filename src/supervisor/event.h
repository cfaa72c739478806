/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The event loop: descriptors and timers that lie inside the objects they belong to. A handler may
 * remove and free any source or timer, its own too. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "shared/cleanup.h"
#include "shared/list.h"

typedef struct EventLoop EventLoop;

/* A descriptor that is watched; zero-initialized it is watched nowhere. */
typedef struct EventSource {
        EventLoop *loop;
        int fd;
        void (*handler)(void *data, uint32_t events);
        void *data;
} EventSource;

/* A single shot timer; zero-initialized it is not running. */
typedef struct EventTimer EventTimer;
struct EventTimer {
        EventLoop *loop;
        uint64_t due;  /* ns, CLOCK_MONOTONIC */
        uint64_t rest; /* ms, to be waited for after that */
        void (*handler)(void *data);
        void *data;
        LIST_LINKS(EventTimer) timers;
};

/* Return: 0 or a negative errno. */
int event_loop_new(EventLoop **ret);
/* All sources and timers have to be removed before. Return: NULL. */
EventLoop *event_loop_free(EventLoop *loop);
DEFINE_CLEANUP(EventLoop *, event_loop_free)

/* Runs until event_loop_stop(). Return: 0 or a negative errno. */
int event_loop_run(EventLoop *loop);
void event_loop_stop(EventLoop *loop);

/* Watches `fd`, which stays the caller's, for these EPOLL… events. Return: 0 or a negative
 * errno. */
int event_source_add(EventLoop *loop, EventSource *source, int fd, uint32_t events,
                     void (*handler)(void *data, uint32_t events), void *data);

/* Changes the events of a source that is watched. */
void event_source_set(EventSource *source, uint32_t events);

/* To be called before the descriptor is closed; nothing happens when it isn't watched. */
void event_source_remove(EventSource *source);

/* Calls `handler` once in `msec` milliseconds; a timer that runs already is set anew. */
void event_timer_set(EventLoop *loop, EventTimer *timer, uint64_t msec, void (*handler)(void *data),
                     void *data);
/* The same, but time in which this process does not run hardly counts: who is waited for may not have run either. */
void event_timer_set_patient(EventLoop *loop, EventTimer *timer, uint64_t msec,
                             void (*handler)(void *data), void *data);
void event_timer_cancel(EventTimer *timer);

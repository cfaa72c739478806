/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include "shared/log.h"
#include "supervisor/event.h"

#define BATCH 64

/* In such pieces a patient timer waits: one at most passes while this process doesn't run. */
#define PIECE_MSEC 100

struct EventLoop {
        int epoll;
        bool stopped;
        EventTimer *timers; /* the next one first */
        /* What epoll_wait(2) returned and is not handled yet. */
        struct epoll_event batch[BATCH];
        int n_batch;
};

int event_loop_new(EventLoop **ret) {
        EventLoop *loop = calloc(1, sizeof(EventLoop));

        if (!loop)
                return -ENOMEM;
        loop->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (loop->epoll < 0) {
                int r = -errno;

                free(loop);
                return r;
        }
        *ret = loop;
        return 0;
}

EventLoop *event_loop_free(EventLoop *loop) {
        if (!loop)
                return NULL;
        safe_close(loop->epoll);
        free(loop);
        return NULL;
}

void event_loop_stop(EventLoop *loop) {
        loop->stopped = true;
}

int event_source_add(EventLoop *loop, EventSource *source, int fd, uint32_t events,
                     void (*handler)(void *data, uint32_t events), void *data) {
        struct epoll_event event = {.events = events, .data.ptr = source};

        if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
                return -errno;
        *source = (EventSource){.loop = loop, .fd = fd, .handler = handler, .data = data};
        return 0;
}

void event_source_set(EventSource *source, uint32_t events) {
        struct epoll_event event = {.events = events, .data.ptr = source};

        if (epoll_ctl(source->loop->epoll, EPOLL_CTL_MOD, source->fd, &event) < 0)
                log_errno(LOG_ERR, errno, "Can't change what is watched of a descriptor");
}

void event_source_remove(EventSource *source) {
        EventLoop *loop = source->loop;

        if (!loop)
                return;
        if (epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL) < 0)
                log_errno(LOG_ERR, errno, "Can't stop watching a descriptor");
        for (int i = 0; i < loop->n_batch; i++)
                if (loop->batch[i].data.ptr == source)
                        loop->batch[i].data.ptr = NULL;
        *source = (EventSource){};
}

static uint64_t now_monotonic(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void event_timer_set(EventLoop *loop, EventTimer *timer, uint64_t msec, void (*handler)(void *data),
                     void *data) {
        EventTimer *after = NULL;

        event_timer_cancel(timer);
        *timer = (EventTimer){
                .loop = loop,
                .due = now_monotonic() + msec * 1000000,
                .handler = handler,
                .data = data,
        };
        for (EventTimer *t = loop->timers; t && t->due <= timer->due; t = t->timers.next)
                after = t;
        if (!after) {
                LIST_PREPEND(loop->timers, timer, timers);
                return;
        }
        timer->timers.prev = after;
        timer->timers.next = after->timers.next;
        if (after->timers.next)
                after->timers.next->timers.prev = timer;
        after->timers.next = timer;
}

void event_timer_set_patient(EventLoop *loop, EventTimer *timer, uint64_t msec,
                             void (*handler)(void *data), void *data) {
        uint64_t piece = MIN(msec, (uint64_t)PIECE_MSEC);

        event_timer_set(loop, timer, piece, handler, data);
        timer->rest = msec - piece;
}

void event_timer_cancel(EventTimer *timer) {
        if (!timer->loop)
                return;
        LIST_REMOVE(timer->loop->timers, timer, timers);
        timer->loop = NULL;
}

static void run_timers(EventLoop *loop) {
        uint64_t now = now_monotonic();

        /* One that a handler sets is due later than `now`, so this ends. */
        while (!loop->stopped && loop->timers && loop->timers->due <= now) {
                EventTimer *timer = loop->timers;

                event_timer_cancel(timer);
                if (timer->rest > 0)
                        event_timer_set_patient(loop, timer, timer->rest, timer->handler,
                                                timer->data);
                else
                        timer->handler(timer->data);
        }
}

/* Milliseconds until the next timer, rounded up; -1 without one. */
static int next_timeout(const EventLoop *loop) {
        uint64_t now;

        if (!loop->timers)
                return -1;
        now = now_monotonic();
        if (loop->timers->due <= now)
                return 0;
        return (int)MIN((loop->timers->due - now + 999999) / 1000000, (uint64_t)INT_MAX);
}

int event_loop_run(EventLoop *loop) {
        loop->stopped = false;
        while (!loop->stopped) {
                int n = epoll_wait(loop->epoll, loop->batch, BATCH, next_timeout(loop));

                if (n < 0 && errno != EINTR)
                        return -errno;
                loop->n_batch = MAX(n, 0);
                for (int i = 0; i < loop->n_batch && !loop->stopped; i++) {
                        EventSource *source = loop->batch[i].data.ptr;

                        if (source)
                                source->handler(source->data, loop->batch[i].events);
                }
                loop->n_batch = 0;
                run_timers(loop);
        }
        return 0;
}

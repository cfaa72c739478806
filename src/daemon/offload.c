/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include "daemon/offload.h"
#include "shared/list.h"

#define THREADS_MAX 256
#define THREADS_PER_USER_MAX 8
/* How long the daemon's end is put off for them. */
#define PATIENCE_MSEC 2000

typedef struct Task {
        LIST_LINKS(struct Task) links;
        uid_t uid;
        int notify; /* the pipe that says that it is done */
        void (*work)(void *argument);
        void (*done)(void *argument);
        void *argument;
} Task;

typedef struct SyncRequest {
        void (*done)(int result, void *argument);
        void *argument;
} SyncRequest;

/* The requests that one syncfs(2) serves. */
typedef struct SyncBatch {
        Offload *offload;
        int fd, result;
        SyncRequest *requests;
        size_t n;
} SyncBatch;

struct Offload {
        sd_event_source *source;
        int pipe[2];
        Task *tasks; /* busy */
        unsigned n_tasks;
        SyncBatch *running, *waiting;
};

static void sync_batch_free(SyncBatch *batch) {
        if (!batch)
                return;
        free(batch->requests);
        free(batch);
}

static int on_done(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Offload *offload = userdata;
        Task *task;

        /* A pointer is written and read in one piece. */
        while (read(fd, &task, sizeof(task)) == sizeof(task)) {
                LIST_REMOVE(offload->tasks, task, links);
                offload->n_tasks--;
                task->done(task->argument);
                free(task);
        }
        return 0;
}

int offload_new(sd_event *event, Offload **ret) {
        _cleanup_(offload_freep) Offload *offload = calloc(1, sizeof(Offload));
        int r;

        if (!offload)
                return -ENOMEM;
        offload->pipe[0] = offload->pipe[1] = -EBADF;
        if (pipe2(offload->pipe, O_CLOEXEC) < 0)
                return -errno;
        if (fcntl(offload->pipe[0], F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        r = sd_event_add_io(event, &offload->source, offload->pipe[0], EPOLLIN, on_done, offload);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(offload);
        return 0;
}

Offload *offload_free(Offload *offload) {
        struct pollfd pollfd = {.events = POLLIN};

        if (!offload)
                return NULL;
        pollfd.fd = offload->pipe[0];
        while (offload->n_tasks > 0 && poll(&pollfd, 1, PATIENCE_MSEC) > 0)
                on_done(NULL, offload->pipe[0], POLLIN, offload);
        sd_event_source_unref(offload->source);
        safe_close(offload->pipe[0]);
        /* The writing end stays open when a thread may still write to it: the number must not come
         * to mean another file. */
        if (offload->n_tasks == 0)
                safe_close(offload->pipe[1]);
        if (!offload->running)
                sync_batch_free(offload->waiting);
        free(offload);
        return NULL;
}

static void *thread_main(void *argument) {
        Task *task = argument;

        task->work(task->argument);
        /* Blocks only while thousands of results wait to be fetched. */
        while (write(task->notify, &task, sizeof(task)) < 0 && errno == EINTR)
                ;
        return NULL;
}

static bool may_run(const Offload *offload, uid_t uid) {
        unsigned n = 0;

        if (uid == 0)
                return true;
        LIST_FOREACH(task, offload->tasks, links)
        n += task->uid == uid;
        return n < THREADS_PER_USER_MAX && offload->n_tasks < THREADS_MAX;
}

int offload_run(Offload *offload, uid_t uid, void (*work)(void *argument),
                void (*done)(void *argument), void *argument) {
        sigset_t all, before;
        pthread_attr_t attributes;
        pthread_t thread;
        Task *task;
        int r;

        if (!may_run(offload, uid))
                return -EAGAIN;
        task = malloc(sizeof(*task));
        if (!task)
                return -ENOMEM;
        *task = (Task){
                .uid = uid,
                .notify = offload->pipe[1],
                .work = work,
                .done = done,
                .argument = argument,
        };
        /* Linked first: the thread may be done before this function is. */
        LIST_PREPEND(offload->tasks, task, links);
        offload->n_tasks++;

        /* Signals are for the event loop. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pthread_attr_init(&attributes);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        pthread_attr_setstacksize(&attributes, (size_t)256 * 1024);
        r = pthread_create(&thread, &attributes, thread_main, task);
        pthread_attr_destroy(&attributes);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0) {
                LIST_REMOVE(offload->tasks, task, links);
                offload->n_tasks--;
                free(task);
                return -r;
        }
        return 0;
}

static void sync_work(void *argument) {
        SyncBatch *batch = argument;

        batch->result = syncfs(batch->fd) < 0 ? -errno : 0;
}

static void sync_done(void *argument);

static void sync_begin(Offload *offload) {
        SyncBatch *batch = offload->waiting;
        int r;

        offload->waiting = NULL;
        offload->running = batch;
        r = offload_run(offload, 0, sync_work, sync_done, batch);
        if (r >= 0)
                return;
        batch->result = r;
        sync_done(batch);
}

static void sync_done(void *argument) {
        SyncBatch *batch = argument;
        Offload *offload = batch->offload;

        for (size_t i = 0; i < batch->n; i++)
                batch->requests[i].done(batch->result, batch->requests[i].argument);
        sync_batch_free(batch);
        offload->running = NULL;
        if (offload->waiting)
                sync_begin(offload);
}

int offload_sync(Offload *offload, int fd, void (*done)(int result, void *argument),
                 void *argument) {
        SyncBatch *batch = offload->waiting;
        SyncRequest *grown;

        if (!batch) {
                batch = calloc(1, sizeof(*batch));
                if (!batch)
                        return -ENOMEM;
                *batch = (SyncBatch){.offload = offload, .fd = fd};
        }
        grown = reallocarray(batch->requests, batch->n + 1, sizeof(SyncRequest));
        if (!grown) {
                if (batch != offload->waiting)
                        sync_batch_free(batch);
                return -ENOMEM;
        }
        grown[batch->n++] = (SyncRequest){done, argument};
        batch->requests = grown;
        offload->waiting = batch;
        if (!offload->running)
                sync_begin(offload);
        return 0;
}

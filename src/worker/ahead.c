/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shared/strutil.h"
#include "worker/ahead.h"

#define BLOCK_SIZE (256 * 1024)
#define BLOCKS 4

struct Ahead {
        Source source;
        bool wanted, running;
        pthread_t thread;
        /* A ring: block i is at i % BLOCKS. Of those that were filled so far the reader has given some back. */
        unsigned char *buffer;
        size_t sizes[BLOCKS];
        /* Guards what follows. */
        pthread_mutex_t mutex;
        pthread_cond_t changed;
        size_t filled, given_back;
        bool stop, ended;
        int result; /* of the last read, when it has ended */
        Error error;
        /* The reader's. */
        bool holds;
};

/* Return: a free block, or NULL when nobody wants it any more. */
static unsigned char *wait_for_free(Ahead *ahead) {
        bool stop;

        pthread_mutex_lock(&ahead->mutex);
        while (!ahead->stop && ahead->filled - ahead->given_back == BLOCKS)
                pthread_cond_wait(&ahead->changed, &ahead->mutex);
        stop = ahead->stop;
        pthread_mutex_unlock(&ahead->mutex);
        return stop ? NULL : ahead->buffer + ahead->filled % BLOCKS * BLOCK_SIZE;
}

static bool put(Ahead *ahead, const unsigned char *data, size_t size) {
        while (size > 0) {
                unsigned char *block = wait_for_free(ahead);
                size_t n = MIN(size, (size_t)BLOCK_SIZE);

                if (!block)
                        return false;
                memcpy(block, data, n);
                data += n;
                size -= n;
                ahead->sizes[ahead->filled % BLOCKS] = n;
                pthread_mutex_lock(&ahead->mutex);
                ahead->filled++;
                pthread_cond_signal(&ahead->changed);
                pthread_mutex_unlock(&ahead->mutex);
        }
        return true;
}

static void *thread_main(void *userdata) {
        Ahead *ahead = userdata;
        const void *data;
        ssize_t n;

        do
                n = ahead->source.read(ahead->source.userdata, &data, &ahead->error);
        while (n > 0 && put(ahead, data, (size_t)n));
        pthread_mutex_lock(&ahead->mutex);
        ahead->ended = true;
        ahead->result = (int)MIN(n, 0);
        pthread_cond_signal(&ahead->changed);
        pthread_mutex_unlock(&ahead->mutex);
        return NULL;
}

int ahead_new(Source source, Ahead **ret, Error *e) {
        Ahead *ahead = calloc(1, sizeof(*ahead));

        if (!ahead)
                return error_oom(e);
        ahead->source = source;
        pthread_mutex_init(&ahead->mutex, NULL);
        pthread_cond_init(&ahead->changed, NULL);
        *ret = ahead;
        return 0;
}

Ahead *ahead_free(Ahead *ahead) {
        if (ahead->running) {
                pthread_mutex_lock(&ahead->mutex);
                ahead->stop = true;
                pthread_cond_signal(&ahead->changed);
                pthread_mutex_unlock(&ahead->mutex);
                pthread_join(ahead->thread, NULL);
        }
        pthread_cond_destroy(&ahead->changed);
        pthread_mutex_destroy(&ahead->mutex);
        free(ahead->buffer);
        free(ahead);
        return NULL;
}

void ahead_begin(Ahead *ahead) {
        ahead->wanted = true;
}

static int start(Ahead *ahead, Error *e) {
        int r;

        ahead->buffer = malloc((size_t)BLOCKS * BLOCK_SIZE);
        if (!ahead->buffer)
                return error_oom(e);
        r = pthread_create(&ahead->thread, NULL, thread_main, ahead);
        if (r != 0)
                return error_set(e, r, "read", "starting a thread");
        ahead->running = true;
        return 0;
}

static ssize_t read_ahead(void *userdata, const void **ret, Error *e) {
        Ahead *ahead = userdata;
        ssize_t n;

        if (!ahead->wanted)
                return ahead->source.read(ahead->source.userdata, ret, e);
        if (!ahead->running)
                TRY(start(ahead, e));
        pthread_mutex_lock(&ahead->mutex);
        if (ahead->holds) {
                ahead->given_back++;
                ahead->holds = false;
                pthread_cond_signal(&ahead->changed);
        }
        while (!ahead->ended && ahead->filled == ahead->given_back)
                pthread_cond_wait(&ahead->changed, &ahead->mutex);
        if (ahead->filled > ahead->given_back) {
                const size_t i = ahead->given_back % BLOCKS;

                ahead->holds = true;
                *ret = ahead->buffer + i * BLOCK_SIZE;
                n = (ssize_t)ahead->sizes[i];
        } else {
                n = ahead->result;
                if (n < 0)
                        *e = ahead->error;
        }
        pthread_mutex_unlock(&ahead->mutex);
        return n;
}

Source ahead_source(Ahead *ahead) {
        return (Source){.read = read_ahead, .userdata = ahead};
}

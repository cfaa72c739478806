/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "worker/input.h"

#define BLOCK_SIZE (256 * 1024)

int input_init(Input *input, Job *job, int fd, Error *e) {
        struct stat st;
        off_t offset;

        *input = (Input){
                .fd = fd,
                .start = -1,
                .job = job,
                .share = 1,
                .buffer = malloc(BLOCK_SIZE),
        };
        if (!input->buffer)
                return error_oom(e);
        if (fstat(fd, &st) < 0)
                return error_set(e, errno, "read", "examining the archive");
        offset = lseek(fd, 0, SEEK_CUR);
        if (S_ISREG(st.st_mode) && offset >= 0) {
                input->start = offset;
                input->size = offset < st.st_size ? (uint64_t)(st.st_size - offset) : 0;
        }
        return 0;
}

int input_init_at(Input *input, int fd, off_t start, Error *e) {
        TRY(input_init(input, NULL, fd, e));
        input->size += (uint64_t)(input->start - start);
        input->start = start;
        return 0;
}

void input_done(Input *input) {
        free(input->kept);
        free(input->buffer);
        *input = (Input){.fd = -EBADF};
}

static int keep(Input *input, size_t size) {
        if (size == 0)
                return 0;
        if (input->allocated_kept - input->n_kept < size) {
                size_t larger = MAX(input->allocated_kept * 2, (size_t)BLOCK_SIZE);
                unsigned char *grown = realloc(input->kept, larger);

                if (!grown)
                        return -ENOMEM;
                input->kept = grown;
                input->allocated_kept = larger;
        }
        memcpy(input->kept + input->n_kept, input->buffer, size);
        input->n_kept += size;
        return 0;
}

/* read(2) through interruptions, and through the non-blocking mode that a caller's pipe may
 * have. */
static ssize_t read_block(Input *input) {
        for (;;) {
                struct pollfd pollfd = {.fd = input->fd, .events = POLLIN};
                ssize_t n;

                if (input->start < 0)
                        n = read(input->fd, input->buffer, BLOCK_SIZE);
                else
                        n = pread(input->fd, input->buffer, BLOCK_SIZE,
                                  input->start + (off_t)input->consumed);
                if (n >= 0 || (errno != EINTR && errno != EAGAIN))
                        return n;
                if (errno == EAGAIN && poll(&pollfd, 1, -1) < 0 && errno != EINTR)
                        return -1;
        }
}

static ssize_t input_read(void *userdata, const void **ret, Error *e) {
        Input *input = userdata;
        ssize_t n = read_block(input);

        if (n < 0)
                return error_set(e, errno, "read", "reading the archive");
        if (input->keep && keep(input, (size_t)n) < 0)
                return error_oom(e);
        input->consumed += (uint64_t)n;
        if (input->job && input->size > 0)
                job_progress(input->job, input->before + input->share * (double)input->consumed /
                                                                 (double)input->size);
        *ret = input->buffer;
        return n;
}

static int64_t input_skip(void *userdata, int64_t size) {
        Input *input = userdata;

        if (input->start < 0 || input->consumed >= input->size)
                return 0;
        size = (int64_t)MIN((uint64_t)size, input->size - input->consumed);
        input->consumed += (uint64_t)size;
        return size;
}

Source input_source(Input *input) {
        return (Source){.read = input_read, .skip = input_skip, .userdata = input};
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "worker/input.h"

int input_init(Input *input, Job *job, int fd, Error *e) {
        struct stat st;
        off_t offset;

        *input = (Input){
                .fd = fd,
                .start = -1,
                .job = job,
                .share = 1,
                .buffer = malloc(INPUT_BLOCK),
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

/* A filter that this libarchive could only run as a program answers with a warning, and is not
 * used. */
static bool support_filters(struct archive *a) {
        return archive_read_support_filter_gzip(a) == ARCHIVE_OK &&
               archive_read_support_filter_bzip2(a) == ARCHIVE_OK &&
               archive_read_support_filter_xz(a) == ARCHIVE_OK &&
               archive_read_support_filter_lzma(a) == ARCHIVE_OK &&
               archive_read_support_filter_zstd(a) == ARCHIVE_OK;
}

static struct archive *reader_new(bool tar, bool filters) {
        struct archive *a = archive_read_new();

        if (a && (filters ? support_filters(a) : true) &&
            (tar ? archive_read_support_format_tar(a) : archive_read_support_format_raw(a)) ==
                    ARCHIVE_OK)
                return a;
        archive_read_free(a);
        return NULL;
}

struct archive *archive_reader_new(void) {
        return reader_new(true, true);
}

struct archive *archive_reader_new_plain(void) {
        return reader_new(true, false);
}

struct archive *archive_reader_new_raw(void) {
        return reader_new(false, true);
}

void archive_reader_freep(struct archive **a) {
        if (*a)
                archive_read_free(*a);
}

static int keep(Input *input, size_t size) {
        if (size == 0)
                return 0;
        if (input->allocated_kept - input->n_kept < size) {
                size_t larger = MAX(input->allocated_kept * 2, (size_t)INPUT_BLOCK);
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
                        n = read(input->fd, input->buffer, INPUT_BLOCK);
                else
                        n = pread(input->fd, input->buffer, INPUT_BLOCK,
                                  input->start + (off_t)input->consumed);
                if (n >= 0 || (errno != EINTR && errno != EAGAIN))
                        return n;
                if (errno == EAGAIN && poll(&pollfd, 1, -1) < 0 && errno != EINTR)
                        return -1;
        }
}

ssize_t input_read(Input *input, const void **ret) {
        ssize_t n = read_block(input);

        if (n < 0) {
                input->error = errno;
                return -1;
        }
        if (input->keep && keep(input, (size_t)n) < 0) {
                input->error = ENOMEM;
                return -1;
        }
        input->consumed += (uint64_t)n;
        if (input->job && input->size > 0)
                job_progress(input->job, input->before + input->share * (double)input->consumed /
                                                                 (double)input->size);
        *ret = input->buffer;
        return n;
}

la_ssize_t input_callback(struct archive *a, void *userdata, const void **ret) {
        Input *input = userdata;
        ssize_t n = input_read(input, ret);

        if (n < 0)
                archive_set_error(a, input->error, "reading the archive");
        return n;
}

la_int64_t input_skip_callback(struct archive *a, void *userdata, la_int64_t request) {
        Input *input = userdata;

        if (input->start < 0 || input->consumed >= input->size)
                return 0;
        request = (la_int64_t)MIN((uint64_t)request, input->size - input->consumed);
        input->consumed += (uint64_t)request;
        return request;
}

int archive_error_set(Error *e, struct archive *a, const Input *input, const char *what) {
        const char *text = archive_error_string(a);

        if (input->error != 0)
                return error_set(e, input->error, "read", "reading the archive");
        if (archive_errno(a) == ENOMEM)
                return error_oom(e);
        return error_set(e, EBADMSG, "archive", "%s: %s", what, text ? text : "damaged");
}

int archive_next(struct archive *a, const Input *input, struct archive_entry **ret, Error *e) {
        int r = archive_read_next_header(a, ret);

        if (r == ARCHIVE_EOF) {
                /* At the end mark the reader has got beyond where that last header was looked
                 * for. */
                if (archive_filter_bytes(a, 0) <= archive_read_header_position(a))
                        return error_set(e, EBADMSG, "archive",
                                         "the archive ends without its end mark");
                return 0;
        }
        /* A warning is about a name that is no UTF-8 or the like: it is then taken as the bytes
         * it is. */
        if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
                return archive_error_set(e, a, input, "the archive");
        return 1;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fuzzes the way of a layer's archive, packed or not, into a directory. Whatever it is, nothing comes to be beside
 * that directory, and no error is without a name. */

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/fd.h"
#include "shared/test.h"
#include "worker/decompress.h"
#include "worker/extract.h"
#include "worker/tree.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char base[] = "/tmp/mydocker-fuzz-XXXXXX";
static int base_fd, target_fd;

static void clean_up(void) {
        Error e = ERROR_INIT;

        (void)tree_empty(base_fd, &e);
        (void)rmdir(base);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
        /* A few bytes can be packed zeros without end. */
        const struct rlimit limit = {.rlim_cur = 4 << 20, .rlim_max = 4 << 20};

        umask(0);
        signal(SIGXFSZ, SIG_IGN);
        CHECK(setrlimit(RLIMIT_FSIZE, &limit) >= 0);
        CHECK(mkdtemp(base));
        base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(base_fd >= 0);
        CHECK(mkdirat(base_fd, "target", 0755) >= 0);
        target_fd = openat(base_fd, "target", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(target_fd >= 0);
        CHECK(atexit(clean_up) == 0);
        return 0;
}

typedef struct Bytes {
        const uint8_t *data;
        size_t size;
        _Atomic uint64_t consumed;
} Bytes;

/* In small pieces, so that what lies across their borders is met. */
static ssize_t read_bytes(void *userdata, const void **ret, Error *e) {
        Bytes *bytes = userdata;
        size_t n = MIN(bytes->size - (size_t)bytes->consumed, (size_t)700);

        *ret = bytes->data + bytes->consumed;
        bytes->consumed += n;
        return (ssize_t)n;
}

static int unpack(Bytes *bytes, Error *e) {
        _cleanup_(decompressor_freep) Decompressor *d = NULL;
        _cleanup_(extractor_freep) Extractor *x = NULL;
        _cleanup_(reader_done) Reader reader = READER_INIT;
        struct archive_entry *entry;
        uint64_t size;
        int r;

        TRY(decompressor_new((Source){.read = read_bytes, .userdata = bytes}, "the archive", &d,
                             e));
        TRY(reader_open(&reader, READER_TAR, decompressor_source(d), "the archive", e));
        TRY(extractor_new(target_fd, &bytes->consumed, true, NULL, 0, &x, e));
        while ((r = reader_next(&reader, &entry, e)) > 0)
                TRY(extractor_add(x, &reader, entry, e));
        return r < 0 ? r : extractor_finish(x, &size, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Bytes bytes = {.data = data, .size = size};
        Error e = ERROR_INIT;
        struct stat st;
        int r;

        r = unpack(&bytes, &e);
        CHECK(r <= 0);
        CHECK(r < 0 == (e.number != 0));
        if (r < 0)
                CHECK(e.text[0] && e.stage);
        /* Only the target is there, and no link leads to something outside: it would have one more. */
        CHECK(fstat(base_fd, &st) >= 0);
        CHECK_INT(st.st_nlink, 3);
        e = ERROR_INIT;
        CHECK_INT(tree_empty(target_fd, &e), 0);
        return 0;
}

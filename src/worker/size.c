/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker/job.h"
#include "worker/links.h"
#include "worker/tree.h"
#include "worker/walk.h"

typedef struct Sum {
        Links links;
        uint64_t bytes, entries;
} Sum;

static int add_file(void *userdata, const WalkEntry *entry, Error *e) {
        Sum *sum = userdata;
        const char *first;
        int r;

        sum->entries++;
        if (!S_ISREG(entry->st.st_mode))
                return 0;
        if (entry->st.st_nlink > 1) {
                r = links_seen(&sum->links, &entry->st, entry->path, &first);
                if (r != 0)
                        return r < 0 ? error_oom(e) : 0;
        }
        /* Holes take no place. */
        sum->bytes += MIN((uint64_t)entry->st.st_size, (uint64_t)entry->st.st_blocks * 512);
        return 0;
}

static int add_up(int dir_fd, Sum *sum, Error *e) {
        const WalkHandler handler = {.enter = add_file, .userdata = sum};
        int r;

        r = walk(dir_fd, &handler, e);
        links_done(&sum->links);
        return r;
}

int tree_size(int dir_fd, uint64_t *ret, Error *e) {
        Sum sum = {};

        TRY(add_up(dir_fd, &sum, e));
        *ret = sum.bytes;
        return 0;
}

int work_size(Job *job, Json *done, Error *e) {
        Sum sum = {};

        TRY(add_up(job->fds[0], &sum, e));
        if (json_add_u64(done, "size", sum.bytes) < 0 ||
            json_add_u64(done, "entries", sum.entries) < 0)
                return error_oom(e);
        return 0;
}

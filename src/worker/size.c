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

        return walk(dir_fd, &handler, e);
}

int tree_size(int dir_fd, uint64_t *ret, Error *e) {
        Sum sum = {};
        int r = add_up(dir_fd, &sum, e);

        links_done(&sum.links);
        *ret = sum.bytes;
        return r;
}

static int add_size(Json *sizes, uint64_t size) {
        Json *number = json_object_new_uint64(size);

        if (number && json_object_array_add(sizes, number) >= 0)
                return 0;
        json_object_put(number);
        return -ENOMEM;
}

int work_size(Job *job, Json *done, Error *e) {
        _cleanup_json_ Json *sizes = json_object_new_array();
        Sum sum = {};
        int r = sizes ? 0 : error_oom(e);

        for (size_t i = 0; r >= 0 && i < job->n_fds; i++) {
                uint64_t before = sum.bytes;

                r = add_up(job->fds[i], &sum, e);
                if (r >= 0 && add_size(sizes, sum.bytes - before) < 0)
                        r = error_oom(e);
        }
        links_done(&sum.links);
        if (r < 0)
                return r;
        if (json_add(done, "sizes", TAKE_PTR(sizes)) < 0 ||
            json_add_u64(done, "size", sum.bytes) < 0 ||
            json_add_u64(done, "entries", sum.entries) < 0)
                return error_oom(e);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/sizes.h"
#include "daemon/container.h"
#include "shared/fd.h"

/* Containers that one worker counts. */
#define BATCH 100

struct Sizes {
        Manager *manager;
        uid_t uid;
        char *const *ids;
        uint64_t *sizes;
        size_t next;                  /* id to be counted */
        size_t batch[BATCH], n_batch; /* which ones are being counted */
        Worker *worker;
        sd_event_source *defer; /* when there is nothing to count */
        void (*callback)(const Error *error, const uint64_t *sizes, void *userdata);
        void *userdata;
};

static void sizes_free(Sizes *sizes) {
        sd_event_source_disable_unref(sizes->defer);
        free(sizes->sizes);
        free(sizes);
}

static void finish(Sizes *sizes, const Error *error) {
        sizes->callback(error, sizes->sizes, sizes->userdata);
        sizes_free(sizes);
}

static int on_nothing(sd_event_source *source, void *userdata) {
        finish(userdata, NULL);
        return 0;
}

static int next(Sizes *sizes, Error *e);

static int take(Sizes *sizes, Json *result) {
        Json *list = NULL;

        if (json_get_array(result, "sizes", &list) <= 0 ||
            json_object_array_length(list) != sizes->n_batch)
                return -EBADMSG;
        for (size_t i = 0; i < sizes->n_batch; i++)
                sizes->sizes[sizes->batch[i]] =
                        json_object_get_uint64(json_object_array_get_idx(list, i));
        return 0;
}

static void on_counted(const Error *error, Json *result, void *userdata) {
        Sizes *sizes = userdata;
        Error e = ERROR_INIT;
        int r;

        sizes->worker = NULL;
        if (!error && take(sizes, result) < 0)
                error_set(&e, EBADMSG, "worker", "unexpected outcome of counting");
        if (!error && e.number != 0)
                error = &e;
        r = error ? 0 : next(sizes, &e);
        if (r < 0)
                error = &e;
        if (r <= 0)
                finish(sizes, error);
}

/* Return: 1 when more are being counted, 0 when all were, or a negative errno. */
static int next(Sizes *sizes, Error *e) {
        const Work work = {.type = WORK_SIZE};
        Manager *m = sizes->manager;
        int fds[BATCH], r;

        for (sizes->n_batch = 0; sizes->n_batch < BATCH && sizes->ids && sizes->ids[sizes->next];
             sizes->next++) {
                Error ignored = ERROR_INIT;

                if (!container_by_id(m, sizes->ids[sizes->next]))
                        continue;
                fds[sizes->n_batch] =
                        store_container_open(m->store, sizes->ids[sizes->next], "upper", &ignored);
                if (fds[sizes->n_batch] >= 0)
                        sizes->batch[sizes->n_batch++] = sizes->next;
        }
        if (sizes->n_batch == 0)
                return 0;
        r = worker_start(m, sizes->uid, &work, fds, sizes->n_batch, NULL, on_counted, sizes,
                         &sizes->worker, e);
        fd_close_many(fds, sizes->n_batch);
        return r < 0 ? r : 1;
}

int sizes_count(Manager *m, uid_t uid, char *const *ids,
                void (*callback)(const Error *error, const uint64_t *sizes, void *userdata),
                void *userdata, Sizes **ret, Error *e) {
        Sizes *sizes = calloc(1, sizeof(*sizes));
        int r;

        if (!sizes)
                return error_oom(e);
        *sizes = (Sizes){
                .manager = m,
                .uid = uid,
                .ids = ids,
                .sizes = calloc(strv_length(ids) + 1, sizeof(uint64_t)),
                .callback = callback,
                .userdata = userdata,
        };
        r = sizes->sizes ? next(sizes, e) : error_oom(e);
        if (r == 0) {
                r = sd_event_add_defer(m->event, &sizes->defer, on_nothing, sizes);
                if (r < 0)
                        error_set(e, r, "sizes", "cannot go on");
        }
        if (r < 0) {
                sizes_free(sizes);
                return r;
        }
        *ret = sizes;
        return 0;
}

void sizes_cancel(Sizes *sizes) {
        if (sizes->worker)
                worker_cancel(sizes->worker);
}

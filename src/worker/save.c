/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker/save.h"
#include "shared/strutil.h"
#include "worker/pack.h"
#include "worker/sandbox.h"

/* One flat tar of a view, volumes included. */
static int save_rootfs(Job *job, uint64_t *ret_size, Error *e) {
        const PackOptions options = {.id_base = job->order.id_base};
        _cleanup_(sink_done) Sink sink = SINK_INIT;

        if (job->n_fds != 2)
                return error_set(e, EBADMSG, "order", "a flat archive is of one tree");
        TRY(sandbox_drop_admin(e));
        TRY(sink_init(&sink, job->fds[0], NULL, e));
        TRY(pack_tree(job->fds[1], &options, &sink, e));
        TRY(sink_flush(&sink, e));
        *ret_size = sink.total;
        return 0;
}

int work_save(Job *job, Json *done, Error *e) {
        const char *format = job->order.format;
        uint64_t size = 0;

        if (streq_ptr(format, "rootfs"))
                TRY(save_rootfs(job, &size, e));
        else if (streq_ptr(format, "oci-archive"))
                TRY(save_oci(job, &size, e));
        else if (streq_ptr(format, "docker-archive"))
                TRY(save_docker(job, &size, e));
        else
                return error_set(e, EINVAL, "order", "%s is no format of an archive",
                                 format ? format : "nothing");
        return json_add_u64(done, "size", size) < 0 ? error_oom(e) : 0;
}

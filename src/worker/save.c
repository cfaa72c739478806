/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker/save.h"
#include "shared/strutil.h"
#include "worker/pack.h"
#include "worker/sandbox.h"

/* One flat tar of a view, volumes included. */
static int save_rootfs(Job *job, Json *done, Error *e) {
        const PackOptions options = {.id_base = job->order.id_base};
        _cleanup_(sink_done) Sink sink = SINK_INIT;

        if (job->n_fds != 2)
                return error_set(e, EBADMSG, "order", "a flat archive is of one tree");
        TRY(sandbox_drop_admin(e));
        TRY(sink_init(&sink, job->fds[0], NULL, e));
        TRY(pack_tree(job->fds[1], &options, &sink, e));
        TRY(sink_flush(&sink, e));
        return json_add_u64(done, "size", sink.total) < 0 ? error_oom(e) : 0;
}

int work_save(Job *job, Json *done, Error *e) {
        const char *format = job->order.format;

        if (streq_ptr(format, "rootfs"))
                return save_rootfs(job, done, e);
        if (streq_ptr(format, "oci-archive"))
                return save_oci(job, done, e);
        if (streq_ptr(format, "docker-archive"))
                return save_docker(job, done, e);
        return error_set(e, EINVAL, "order", "%s is no format of an archive",
                         format ? format : "nothing");
}

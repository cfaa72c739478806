/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One file, or one directory with all that is in it, out of a container as a tar. */

#include <fcntl.h>

#include "shared/strutil.h"
#include "worker/job.h"
#include "worker/pack.h"
#include "worker/target.h"

int work_copy_out(Job *job, Json *done, Error *e) {
        const Work *order = &job->order;
        /* Nobody wants a node of the container's making on a disk of the host. */
        const PackOptions options = {.id_base = order->id_base, .no_devices = true};
        _cleanup_(target_done) Target target = TARGET_INIT;
        _cleanup_(sink_done) Sink sink = SINK_INIT;
        _cleanup_free_ char *as = NULL;

        if (isempty(order->path))
                return error_set(e, EINVAL, "order", "no path");
        TRY(target_find(job->fds[1], order->path, order->follow, &target, e));
        if (!target.exists)
                return error_set(e, ENOENT, "path", "Could not find the file %s in the container",
                                 order->path);
        if (order->name ? free_and_strdup(&as, order->name) < 0 : path_last(order->path, &as) < 0)
                return error_oom(e);
        TRY(sink_init(&sink, job->fds[0], NULL, e));
        job_progress(job, 0);
        TRY(pack_named(target.fd, target.name ?: ".", as ?: "", &options, &sink, e));
        return sink_flush(&sink, e);
}

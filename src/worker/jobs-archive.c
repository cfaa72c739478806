/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker/digest.h"
#include "worker/worker.h"

static int prepare(WorkType type, Error *e) {
        return type == WORK_IMPORT || type == WORK_SAVE ? digest_prepare(e) : 0;
}

const WorkerJobs archive_jobs = {
        .functions =
                {
                        [WORK_IMPORT] = work_import,
                        [WORK_SAVE] = work_save,
                        [WORK_COPY_OUT] = work_copy_out,
                        [WORK_COPY_IN] = work_copy_in,
                },
        .prepare = prepare,
};

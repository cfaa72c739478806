/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker/worker.h"

const WorkerJobs tree_jobs = {
        .functions =
                {
                        [WORK_COPY] = work_copy,
                        [WORK_VOLUMES] = work_volumes,
                        [WORK_FLATTEN] = work_flatten,
                        [WORK_REMOVE] = work_remove,
                        [WORK_LOGS] = work_logs,
                        [WORK_SIZE] = work_size,
                        [WORK_CHANGES] = work_changes,
                },
};

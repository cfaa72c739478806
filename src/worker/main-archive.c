/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker-worker-archive: one process for one job on untrusted archives. */

#include "worker/worker.h"

int main(int argc, char *argv[]) {
        return worker_main(&archive_jobs);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker-worker: one process for one job on untrusted trees and logs. */

#include "worker/worker.h"

int main(int argc, char *argv[]) {
        return worker_main(&tree_jobs);
}

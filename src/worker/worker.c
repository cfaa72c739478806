/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "shared/fault.h"
#include "shared/log.h"
#include "worker/sandbox.h"
#include "worker/worker.h"

/* What holds for every job. The locale stays "C": there libarchive leaves names as the bytes
 * they are, while in a UTF-8 locale it would normalize them, and two files of an archive could
 * become one. */
static int prepare(Error *e) {
        struct sigaction ignore = {.sa_handler = SIG_IGN};
        sigset_t none;

        umask(0);
        sigemptyset(&none);
        /* A reader that has gone is an error of write(2), not the end of the process. */
        if (sigaction(SIGPIPE, &ignore, NULL) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0 ||
            prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, SANDBOX_WEAK) < 0 ||
            close_range(WORKER_SOCKET_FD + 1, ~0U, 0) < 0)
                return error_set(e, errno, "order", "preparing the worker");
        return 0;
}

static int carry_out(Job *job, const WorkerJobs *jobs, Json *done, Error *e) {
        WorkType type = job->order.type;

        if (!jobs->functions[type])
                return error_set(e, EOPNOTSUPP, "order", "this is the other program's job");
        if (jobs->prepare)
                TRY(jobs->prepare(type, e));
        if (FAULT("worker.begin") < 0)
                return error_set(e, errno, "order", "beginning the job");
        TRY(job_end_with_daemon(job, type == WORK_LOGS || job->order.wait, e));
        TRY(sandbox_enter(job, e));
        return jobs->functions[type](job, done, e);
}

int worker_main(const WorkerJobs *jobs) {
        _cleanup_json_ Json *done = json_object_new_object();
        _cleanup_(job_done) Job job = JOB_INIT;
        Error error = {};
        int r;

        r = done ? prepare(&error) : error_oom(&error);
        if (r >= 0)
                r = job_receive(&job, WORKER_SOCKET_FD, &error);
        if (r >= 0)
                r = carry_out(&job, jobs, done, &error);
        /* A failure is never told as a success. */
        if (r < 0 && error.number == 0)
                error_set(&error, r, "worker", "the job failed");
        job.socket = WORKER_SOCKET_FD;
        (void)FAULT("worker.done");
        r = job_finish(&job, done, &error);
        if (r == -EMSGSIZE && error.number == 0) {
                error_set(&error, EBADMSG, "archive",
                          "what the archive says of itself is too large");
                r = job_finish(&job, done, &error);
        }
        if (r < 0) {
                if (error.number)
                        log_error_object(LOG_ERR, &error, "The job failed");
                log_errno(LOG_ERR, r, "Telling the daemon the outcome");
        }
        return r < 0 || error.number ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "protocol/message.h"
#include "shared/log.h"
#include "shared/strutil.h"
#include "worker/job.h"

#define PROGRESS_INTERVAL_NS (200 * 1000 * 1000)

void job_done(Job *job) {
        work_done(&job->order);
        fd_close_many(job->fds, job->n_fds);
        job->n_fds = 0;
}

/* How many descriptors come with an order. */
static bool count_is_right(WorkType type, size_t n) {
        switch (type) {
        case WORK_REMOVE:
                return n == 1;
        case WORK_SIZE:
                return n >= 1;
        case WORK_CHANGES:
                return n >= 3;
        case WORK_FLATTEN:
        case WORK_SAVE:
                return n >= 2;
        default:
                return n == 2;
        }
}

int job_receive(Job *job, int socket, Error *e) {
        _cleanup_json_ Json *json = NULL;
        int r;

        *job = (Job){.socket = socket};
        r = message_receive(socket, &json, job->fds, &job->n_fds);
        if (r == 0)
                r = -ESHUTDOWN;
        if (r < 0)
                return error_set(e, r, "order", "receiving the order");
        r = work_decode(json, &job->order);
        if (r < 0)
                return error_set(e, r, "order", "reading the order");
        if (!count_is_right(job->order.type, job->n_fds))
                return error_set(e, EBADMSG, "order", "%zu descriptors came with the order",
                                 job->n_fds);
        return 0;
}

int job_wait(Job *job, Error *e) {
        struct pollfd pollfd = {.fd = job->socket, .events = POLLRDHUP};

        job_progress(job, 0);
        while (poll(&pollfd, 1, -1) < 0)
                if (errno != EINTR)
                        return error_set(e, errno, "order", "waiting for the daemon");
        return 0;
}

void job_progress(Job *job, double fraction) {
        _cleanup_json_ Json *json = NULL;
        struct timespec ts;
        uint64_t now;

        if (job->socket < 0)
                return;
        clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
        now = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
        if (now - job->told_at < PROGRESS_INTERVAL_NS)
                return;
        job->told_at = now;
        /* Progress is a courtesy: a message that can't be made or sent is left out. */
        json = json_object_new_object();
        if (json && json_add_double(json, "progress", fraction < 1 ? fraction : 1) >= 0)
                (void)message_send(job->socket, json, NULL, 0);
}

/* Names come from archives: as messages they must be text, and nothing that a terminal obeys. */
static void make_printable(char *text) {
        bool is_text = utf8_is_valid(text);

        for (char *p = text; *p; p++)
                if ((unsigned char)*p < ' ' || *p == 127 || (!is_text && (unsigned char)*p > 127))
                        *p = '?';
}

int job_finish(Job *job, Json *done, const Error *error) {
        _cleanup_json_ Json *json = json_object_new_object();

        if (!json)
                return -ENOMEM;
        if (error->number != 0) {
                Json *description = NULL;
                Error printable = *error;

                make_printable(printable.text);
                TRY(error_to_json(&printable, &description));
                TRY(json_add(json, "error", description));
        } else
                TRY(json_add(json, "done", json_object_get(done)));
        return message_send(job->socket, json, NULL, 0);
}

/* What of the socket's state ends the process; read by the signal handler. */
static volatile short end_events;
static volatile int end_socket;

static void on_socket_event(int signo) {
        struct pollfd pollfd = {.fd = end_socket, .events = end_events};
        int saved = errno;

        if (poll(&pollfd, 1, 0) > 0 && (pollfd.revents & (end_events | POLLHUP | POLLERR)))
                _exit(EXIT_FAILURE);
        errno = saved;
}

int job_end_with_daemon(Job *job, bool until_closed, Error *e) {
        struct sigaction action = {.sa_handler = on_socket_event, .sa_flags = SA_RESTART};
        int flags;

        end_events = until_closed ? 0 : POLLRDHUP;
        end_socket = job->socket;
        flags = fcntl(job->socket, F_GETFL);
        if (flags < 0 || sigaction(SIGIO, &action, NULL) < 0 ||
            fcntl(job->socket, F_SETOWN, getpid()) < 0 ||
            fcntl(job->socket, F_SETFL, flags | O_ASYNC) < 0)
                return error_set(e, errno, "order", "watching the daemon");
        /* It may have gone before. */
        on_socket_event(SIGIO);
        return 0;
}

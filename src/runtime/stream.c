/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <unistd.h>

#include "runtime/stream.h"
#include "shared/fd.h"

/* A log's writer should rarely wait for the supervisor. Best effort: the kernel has a limit for each user. */
#define LOG_PIPE_SIZE (1024 * 1024)

/* The process gets an end that it could also read from. So the pipe has a reader when the supervisor ends: a process
 * that puts something out then isn't killed by SIGPIPE, and the next supervisor finds the text in the pipe. */
static int prepare_log_pipe(int ours, int *theirs, Error *e) {
        int both = fd_reopen(*theirs, O_RDWR);

        if (both < 0)
                return error_set(e, both, "streams", "opening a pipe again");
        safe_close(*theirs);
        *theirs = both;
        (void)fcntl(ours, F_SETPIPE_SZ, LOG_PIPE_SIZE);
        return 0;
}

static int make_pipe(int stream, bool log, uint32_t owner, Streams *streams, Error *e) {
        int fds[2], ours = stream == 0;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return error_set(e, errno, "streams", "making a pipe");
        streams->ours[stream] = fds[ours];
        streams->theirs[stream] = fds[!ours];
        streams->made[stream] = true;
        if (owner != 0 && fchown(fds[0], owner, owner) < 0)
                return error_set(e, errno, "streams", "giving a pipe to the container");
        return log ? prepare_log_pipe(fds[0], &streams->theirs[stream], e) : 0;
}

int streams_open(const ProcessSpec *process, const int *given, uint32_t owner, Streams *ret,
                 Error *e) {
        if (process->tty)
                return 0;
        for (int i = 0; i < 3; i++)
                switch (process->streams[i]) {
                case STREAM_GIVEN:
                        ret->theirs[i] = *given++;
                        break;
                case STREAM_PIPE:
                case STREAM_LOG:
                        TRY(make_pipe(i, process->streams[i] == STREAM_LOG, owner, ret, e));
                        break;
                default:
                        break;
                }
        return 0;
}

void streams_close_theirs(Streams *streams) {
        for (int i = 0; i < 3; i++) {
                if (streams->made[i])
                        safe_close(streams->theirs[i]);
                streams->theirs[i] = -EBADF;
        }
}

void streams_close(Streams *streams) {
        streams_close_theirs(streams);
        fd_close_many(streams->ours, 3);
}

int streams_give_to(const Streams *streams, uid_t uid, gid_t gid) {
        for (int i = 0; i < 3; i++)
                if (streams->made[i] && fchown(streams->theirs[i], uid, gid) < 0)
                        return -errno;
        return 0;
}

int streams_install(const Streams *streams, int fallback) {
        int fds[3];

        /* First out of the way of 0 to 2, of which the supervisor may have had some closed. */
        for (int i = 0; i < 3; i++) {
                fds[i] = fcntl(streams->theirs[i] >= 0 ? streams->theirs[i] : fallback,
                               F_DUPFD_CLOEXEC, 3);
                if (fds[i] < 0)
                        return -errno;
        }
        for (int i = 0; i < 3; i++)
                if (dup2(fds[i], i) < 0)
                        return -errno;
        return 0;
}

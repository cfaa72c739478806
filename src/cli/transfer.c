/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/transfer.h"

#include <fcntl.h>
#include <poll.h>

#include "cli/job.h"
#include "cli/remote.h"
#include "cli/report.h"
#include "shared/error.h"
#include "shared/strutil.h"

void transfer_done(Transfer *transfer) {
        transfer->fd = safe_close(transfer->fd);
        free(transfer->job);
        transfer->job = NULL;
}

static int new_call(Client *client, const Transfer *t, const char *member, sd_bus_message **ret) {
        _cleanup_free_ char *path = NULL;
        int r = client_find_container(client, t->container, &path);

        if (r == 0)
                r = client_new_call(client, path, CONTAINER_INTERFACE, member, ret);
        if (r != 0)
                return r;
        r = sd_bus_message_append(*ret, "s", t->path);
        if (r >= 0)
                r = options_open(*ret);
        if (r >= 0 && t->follow)
                r = options_add(*ret, "follow", "b", true);
        if (r >= 0 && t->as_cp)
                r = options_add(*ret, "as-cp", "b", true);
        if (r >= 0 && t->name)
                r = options_add(*ret, "name", "s", t->name);
        if (r >= 0)
                r = options_close(*ret);
        return r < 0 ? report_errno(client, r, "cannot make a message") : 0;
}

static int call(Client *client, Transfer *t, const char *member) {
        _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
        bool in = streq(member, "CopyIn");
        const char *job;
        int fd, r = new_call(client, t, member, &call);

        if (r == 0)
                r = client_send(client, call, t->operand, &reply);
        if (r != 0)
                return r;
        r = sd_bus_message_read(reply, "h", &fd);
        if (r >= 0 && in)
                r = sd_bus_message_read(reply, "o", &job);
        if (r >= 0 && in)
                r = free_and_strdup(&t->job, job);
        if (r >= 0)
                r = t->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return r < 0 ? report_errno(client, r, "cannot read the daemon's answer") : 0;
}

/* As `cp OPERAND -` or `cp - OPERAND`. */
static int start_there(Client *client, Transfer *t, bool in) {
        _cleanup_strv_free_ char **words = NULL;
        int fds[2], r = remote_add(&words, "cp", "--quiet", NULL);

        if (r >= 0 && t->follow)
                r = remote_add(&words, "--follow-link", NULL);
        if (r >= 0 && t->as_cp)
                r = remote_add(&words, "--as-cp", NULL);
        if (r >= 0 && t->name)
                r = remote_add(&words, "--member", t->name, NULL);
        if (r >= 0)
                r = remote_add(&words, "--", in ? "-" : t->operand, in ? t->operand : "-", NULL);
        if (r < 0)
                return report_errno(client, r, "cannot go on");
        if (!in)
                return remote_start_reading(client, words, &t->fd, &t->ssh);
        if (pipe2(fds, O_CLOEXEC) < 0)
                return report_errno(client, errno, "cannot make a pipe");
        r = remote_start(client, words, fds[0], STDOUT_FILENO, REMOTE_PLAIN, &t->ssh);
        close(fds[0]);
        t->fd = fds[1];
        return r;
}

/* If nothing comes at all, why was said there. */
static int await_first(Client *client, Transfer *t) {
        struct pollfd pollfd = {.fd = t->fd, .events = POLLIN};
        int r;

        while (poll(&pollfd, 1, -1) < 0)
                if (errno != EINTR)
                        return report_errno(client, errno, "cannot wait for ssh");
        if (pollfd.revents & POLLIN)
                return 0;
        r = remote_wait(client, t->ssh);
        return r != 0 ? r : report(client, "nothing came from %s", client->host);
}

int transfer_begin_out(Client *client, Transfer *transfer) {
        int r;

        if (!client->host)
                return call(client, transfer, "CopyOut");
        r = start_there(client, transfer, false);
        return r != 0 ? r : await_first(client, transfer);
}

int transfer_begin_in(Client *client, Transfer *transfer) {
        int r;

        if (client->host)
                return start_there(client, transfer, true);
        r = job_watch(client);
        return r != 0 ? r : call(client, transfer, "CopyIn");
}

int transfer_finish(Client *client, Transfer *transfer, const char *what) {
        JobResult result = {};
        int r;

        if (transfer->ssh > 0)
                return remote_wait(client, transfer->ssh);
        if (!transfer->job) /* what came out has told its end itself */
                return 0;
        r = job_wait(client, transfer->job, transfer->quiet ? NULL : what, transfer->operand,
                     &result);
        job_result_done(&result);
        return r;
}

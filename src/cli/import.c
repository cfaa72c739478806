/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/import.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "cli/report.h"
#include "shared/error.h"
#include "shared/strutil.h"

static int add_arguments(sd_bus_message *call, const ImportArguments *a, int fd) {
        TRY(sd_bus_message_append(call, "s", a->name));
        TRY(options_open(call));
        TRY(options_add(call, "source", "h", fd));
        if (a->message)
                TRY(options_add(call, "message", "s", a->message));
        if (a->changes)
                TRY(options_add_strv(call, "changes", a->changes));
        if (a->replace)
                TRY(options_add(call, "replace", "b", true));
        return options_close(call);
}

static int send(Client *client, const ImportArguments *a, int fd, char **ret) {
        _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
        const char *path;
        int r = client_new_call(client, MANAGER_PATH, MANAGER_INTERFACE, "Import", &call);

        if (r != 0)
                return r;
        r = add_arguments(call, a, fd);
        if (r < 0)
                return report_errno(client, r, "cannot make a message");
        r = client_send(client, call, *a->name ? a->name : NULL, &reply);
        if (r != 0)
                return r;
        r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
                r = free_and_strdup(ret, path);
        return r < 0 ? report_errno(client, r, "cannot read the daemon's answer") : 0;
}

/* `file` is what the user calls the archive. */
static int import_from(Client *client, const ImportArguments *a, int fd, const char *file,
                       JobResult *ret) {
        _cleanup_free_ char *path = NULL, *what = strf("Reading %s", file);
        uint64_t size = 0;
        struct stat st;
        int r;

        if (!what)
                return report_errno(client, ENOMEM, "cannot go on");
        if (fstat(fd, &st) < 0)
                return report_errno(client, errno, file);
        if (S_ISREG(st.st_mode))
                size = (uint64_t)st.st_size;
        r = job_watch(client);
        if (r == 0)
                r = send(client, a, fd, &path);
        return r != 0 ? r :
                        job_wait_for_bytes(client, path, a->quiet ? NULL : what,
                                           *a->name ? a->name : NULL, size, ret);
}

int import_stream(Client *client, const ImportArguments *a, int fd, JobResult *ret) {
        return import_from(client, a, fd, *a->name ? a->name : "the image", ret);
}

int import_open(Client *client, const char *file, int *ret) {
        bool from_stdin = !file || streq(file, "-");
        int fd;

        if (from_stdin && isatty(STDIN_FILENO))
                return report(client, "cowardly refusing to read an archive from a terminal");
        fd = from_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) :
                          open(file, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return report_errno(client, errno, from_stdin ? "standard input" : file);
        *ret = fd;
        return 0;
}

int import_archive(Client *client, const ImportArguments *a, int fd, JobResult *ret) {
        bool from_stdin = !a->file || streq(a->file, "-");

        return import_from(client, a, fd, from_stdin ? "standard input" : a->file, ret);
}

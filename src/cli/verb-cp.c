/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydocker cp: an archive from the daemon is unpacked by tar(1), or one that tar(1) makes is given to it, so that on
 * this side everything is read and written with the user's own rights. */

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/archive.h"
#include "cli/child.h"
#include "cli/report.h"
#include "cli/transfer.h"
#include "cli/verbs.h"
#include "shared/error.h"
#include "shared/fd.h"
#include "shared/strutil.h"

static bool archive, follow, quiet, as_cp;
static const char *member;

static const Option options[] = {
        {"a archive", NULL, "Archive mode (copy all uid/gid information)", option_bool, &archive},
        {"L follow-link", NULL, "Always follow symbol link in SRC_PATH", option_bool, &follow},
        {"q quiet", NULL, "Suppress progress output", option_bool, &quiet},
        /* From us to ourselves on another machine, together with "-": it is not a user's archive, but comes from the files
         * that were named here; and its one member is to be called so. */
        {"as-cp", NULL, NULL, option_bool, &as_cp},
        {"member", "name", NULL, option_string, &member},
        {},
};

/* One side of the copy. */
typedef struct Side {
        const char *operand;
        char *container; /* NULL: a file of ours */
        const char *path;
} Side;

/* As docker reads it: what is absolute or begins with a dot has no container before its colon. */
static int side_init(Side *side, const char *operand) {
        const char *colon = strchr(operand, ':');

        *side = (Side){.operand = operand, .path = operand};
        if (!colon || colon == operand || operand[0] == '/' || operand[0] == '.')
                return 0;
        side->path = colon[1] ? colon + 1 : "/";
        side->container = strndup(operand, (size_t)(colon - operand));
        return side->container ? 0 : -ENOMEM;
}

static Transfer transfer_of(const Side *side) {
        return (Transfer){.operand = side->operand,
                          .container = side->container,
                          .path = side->path,
                          .quiet = quiet,
                          .fd = -EBADF};
}

/* Splits a path of ours in a directory and a name in it; what ends in "." or ".." gets its real name. */
static int split(const char *path, char **directory, char **name) {
        _cleanup_free_ char *text = strdup(path);
        size_t length;
        char *last;

        if (!text)
                return -ENOMEM;
        for (length = strlen(text); length > 1 && text[length - 1] == '/';)
                text[--length] = '\0';
        last = strrchr(text, '/');
        last = last ? last + 1 : text;
        if (!*last || streq(last, ".") || streq(last, "..")) {
                free(text);
                text = realpath(path, NULL);
                if (!text)
                        return -errno;
                last = strrchr(text, '/') + 1;
        }
        *name = strdup(*last ? last : ".");
        *directory = last == text ? strdup(".") : strndup(text, (size_t)(last - text));
        return *name && *directory ? 0 : -ENOMEM;
}

static bool ends_with_slash(const char *path) {
        return path[strlen(path) - 1] == '/';
}

/* Whether it is the contents of a directory that are meant. */
static bool means_contents(const char *path) {
        size_t n = strlen(path);

        return streq(path, ".") || (n >= 2 && streq(path + n - 2, "/."));
}

/* Where an archive of one thing is unpacked. */
typedef struct Destination {
        char *directory;
        char *name;         /* that the thing gets; NULL: its own */
        bool is_file;       /* there already */
        bool for_directory; /* there is nothing, but it ended with a slash */
} Destination;

static void destination_done(Destination *d) {
        free(d->directory);
        free(d->name);
}

static int choose_destination(const Client *client, const char *path, Destination *ret) {
        _cleanup_free_ char *real = NULL;
        struct stat st;
        int r;

        if (stat(path, &st) >= 0 && S_ISDIR(st.st_mode)) {
                ret->directory = strdup(path);
                return ret->directory ? 0 : report_errno(client, ENOMEM, "cannot go on");
        }
        /* What a link leads to is replaced, not the link. */
        real = realpath(path, NULL);
        ret->is_file = real != NULL;
        ret->for_directory = !real && ends_with_slash(path);
        r = split(real ?: path, &ret->directory, &ret->name);
        if (r < 0)
                return report_errno(client, r, path);
        if (stat(ret->directory, &st) < 0 || !S_ISDIR(st.st_mode))
                return report(client, "invalid output path: directory \"%s\" does not exist",
                              ret->directory);
        return 0;
}

#define BLOCK 512
#define HEADERS_MAX (1024 * 1024)

/* Reads the beginning of an archive, up to the header of its first file. Return: its type as tar(5) has it, or a
 * negative errno; *ret is to be freed. */
static int read_first_header(int fd, char **ret, size_t *ret_size) {
        size_t size = 0, wanted = BLOCK;

        for (;;) {
                char *grown = realloc(*ret, wanted);
                const char *header;

                if (!grown)
                        return -ENOMEM;
                *ret = grown;
                for (; size < wanted; *ret_size = size) {
                        ssize_t n = read(fd, *ret + size, wanted - size);

                        if (n < 0 && errno != EINTR)
                                return -errno;
                        if (n == 0)
                                return -ENODATA;
                        size += n > 0 ? (size_t)n : 0;
                }
                header = *ret + wanted - BLOCK;
                if (header[156] != 'x')
                        return (unsigned char)header[156];
                /* Attributes, in so many bytes; then comes a header again. */
                wanted += (strtoul(header + 124, NULL, 8) + BLOCK - 1) / BLOCK * BLOCK + BLOCK;
                if (wanted > HEADERS_MAX)
                        return -EBADMSG;
        }
}

/* Set-user-id bits of a container's files are only for who asks for owners too: as root's they would be a way in. */
static int start_extract(const Destination *d, int input, pid_t *ret) {
        const ChildFd fds[] = {{input, STDIN_FILENO}, {-1, 0}};
        _cleanup_free_ char *directory = strf("--directory=%s", d->directory);
        char *argv[] = {(char *)"tar",
                        (char *)"--extract",
                        (char *)"--file=-",
                        directory,
                        (char *)"--numeric-owner",
                        (char *)"--no-overwrite-dir",
                        (char *)"--warning=no-timestamp",
                        (char *)(archive ? "--same-owner" : "--no-same-owner"),
                        (char *)(archive ? "--same-permissions" : "--no-same-permissions"),
                        NULL};
        mode_t mask;
        int r;

        if (!directory)
                return -ENOMEM;
        mask = umask(0);
        r = child_start(argv, fds, ret);
        umask(mask);
        return r;
}

static int report_tar(const Client *client, int r) {
        return r == -ENOENT ? report(client, "tar is not installed") :
                              report_errno(client, r, "cannot run tar");
}

/* Passes the archive on to tar. */
static int extract(const Client *client, const Destination *d, int fd) {
        _cleanup_free_ char *first = NULL;
        size_t size = 0;
        int pipe_fds[2], r, status;
        pid_t pid;

        r = read_first_header(fd, &first, &size);
        if (r < 0 && r != -ENODATA)
                return report_errno(client, r, "reading the archive");
        if (r == '5' && d->is_file)
                return report(client, "cannot copy directory");
        if (r >= 0 && r != '5' && d->for_directory)
                return report(client, "no such directory");
        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return report_errno(client, errno, "making a pipe");
        r = start_extract(d, pipe_fds[0], &pid);
        close(pipe_fds[0]);
        if (r < 0) {
                close(pipe_fds[1]);
                return report_tar(client, r);
        }
        /* tar may give up and say why. */
        signal(SIGPIPE, SIG_IGN);
        r = fd_write_all(pipe_fds[1], first, size);
        if (r >= 0)
                r = archive_copy(fd, pipe_fds[1], quiet ? NULL : "Copying");
        close(pipe_fds[1]);
        status = child_wait(pid);
        if (r == -ENODATA)
                return report(client, "the archive is incomplete: the daemon could not finish it");
        if (status != 0 || r < 0)
                return report(client, "tar could not unpack everything");
        return 0;
}

static int copy_out(Client *client, const Side *from, const char *to) {
        _cleanup_(destination_done) Destination d = {};
        _cleanup_transfer_ Transfer transfer = transfer_of(from);
        bool to_stdout = streq(to, "-");
        int status, r = to_stdout ? archive_check_output(client, NULL) :
                                    choose_destination(client, to, &d);

        if (r != 0)
                return r;
        transfer.follow = follow;
        transfer.name = to_stdout ? member : d.name;
        r = transfer_begin_out(client, &transfer);
        if (r != 0)
                return r;
        r = to_stdout ? archive_receive(client, transfer.fd, quiet ? NULL : "Copying", NULL) :
                        extract(client, &d, transfer.fd);
        transfer.fd = safe_close(transfer.fd);
        status = transfer_finish(client, &transfer, NULL);
        return r != 0 ? r : status;
}

/* What tar is to pack. */
typedef struct Source {
        char *directory, *member;
        char *name; /* that it gets; NULL: its own */
} Source;

static void source_done(Source *source) {
        free(source->directory);
        free(source->member);
        free(source->name);
}

static int choose_source(const Client *client, const char *path, Source *ret) {
        bool contents = means_contents(path), slash = ends_with_slash(path);
        _cleanup_free_ char *real = NULL, *ignored = NULL;
        struct stat st;
        int r;

        if (lstat(path, &st) < 0)
                return report(client, "lstat %s: %s", path, strerror(errno));
        if ((slash || contents) && (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)))
                return report(client, "%s: not a directory", path);
        if (contents) {
                ret->directory = strdup(path);
                ret->member = strdup(".");
                r = ret->directory && ret->member ? 0 : -ENOMEM;
        } else if (follow || slash) {
                real = realpath(path, NULL);
                r = real ? split(real, &ret->directory, &ret->member) : -errno;
                if (r >= 0)
                        r = split(path, &ignored, &ret->name);
        } else
                r = split(path, &ret->directory, &ret->member);
        return r < 0 ? report_errno(client, r, path) : 0;
}

/* Without -a all is the container's root's. */
static int start_create(const Source *source, int output, pid_t *ret) {
        const ChildFd fds[] = {{output, STDOUT_FILENO}, {-1, 0}};
        _cleanup_free_ char *directory = strf("--directory=%s", source->directory);
        char *argv[12] = {(char *)"tar",
                          (char *)"--create",
                          (char *)"--file=-",
                          (char *)"--format=posix",
                          (char *)"--numeric-owner",
                          directory};
        size_t n = 6;

        if (!directory)
                return -ENOMEM;
        if (!archive) {
                argv[n++] = (char *)"--owner=0";
                argv[n++] = (char *)"--group=0";
        }
        argv[n++] = (char *)"--";
        argv[n++] = source->member;
        return child_start(argv, fds, ret);
}

static int copy_stdin(Client *client, const Side *to) {
        char *argv[] = {(char *)"cat", NULL};
        ChildFd fds[] = {{-1, STDOUT_FILENO}, {-1, 0}};
        _cleanup_transfer_ Transfer transfer = transfer_of(to);
        pid_t pid;
        int r;

        if (isatty(STDIN_FILENO))
                return report(client, "cowardly refusing to read an archive from a terminal");
        transfer.as_cp = as_cp;
        transfer.name = member;
        r = transfer_begin_in(client, &transfer);
        if (r != 0)
                return r;
        /* A process of its own, since we listen to the daemon meanwhile. */
        fds[0].fd = transfer.fd;
        r = child_start(argv, fds, &pid);
        transfer.fd = safe_close(transfer.fd);
        if (r < 0)
                return report_errno(client, r, "cannot run cat");
        r = transfer_finish(client, &transfer, "Copying");
        /* Who has not read all, has found the end mark, or has failed and said so. */
        (void)child_wait(pid);
        return r;
}

static int copy_in(Client *client, const char *from, const Side *to) {
        _cleanup_(source_done) Source source = {};
        _cleanup_free_ char *what = strf("Copying %s", from);
        _cleanup_transfer_ Transfer transfer = transfer_of(to);
        int status, r = choose_source(client, from, &source);
        pid_t pid;

        if (r != 0)
                return r;
        transfer.as_cp = true;
        transfer.name = source.name;
        r = transfer_begin_in(client, &transfer);
        if (r != 0)
                return r;
        r = what ? start_create(&source, transfer.fd, &pid) : -ENOMEM;
        transfer.fd = safe_close(transfer.fd);
        if (r < 0)
                return report_tar(client, r);
        r = transfer_finish(client, &transfer, what);
        status = child_wait(pid);
        if (r != 0)
                return r;
        /* 1: a file changed while it was read. */
        return status == 0 || status == 1 ? 0 : report(client, "tar could not read everything");
}

static int copy(Client *client, const Side *from, const Side *to) {
        if (from->container && to->container)
                return report(client, "copying between containers is not supported");
        if (from->container)
                return copy_out(client, from, to->path);
        if (!to->container)
                return report(client, "must specify at least one container source");
        return streq(from->path, "-") ? copy_stdin(client, to) : copy_in(client, from->path, to);
}

static int cp(Client *client, char **operands) {
        Side from = {}, to = {};
        int r;

        for (char **operand = operands; *operand; operand++)
                if (!**operand)
                        return report(client, "source and destination can not be empty");
        if (side_init(&from, operands[0]) < 0 || side_init(&to, operands[1]) < 0)
                r = report_errno(client, ENOMEM, "cannot go on");
        else
                r = copy(client, &from, &to);
        free(from.container);
        free(to.container);
        return r;
}

const Verb verb_cp = {
        .name = "cp",
        .synopsis = "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n"
                    "        mydocker cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
        .summary = "Copy files/folders between a container and the local filesystem",
        .options = options,
        .min_operands = 2,
        .max_operands = 2,
        .first = OPERAND_COPY,
        .others = OPERAND_COPY,
        .failure = 1,
        .run = cp,
};

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>

#include "runtime/hosts.h"
#include "runtime/mount.h"
#include "runtime/place.h"
#include "shared/fd.h"
#include "shared/strutil.h"

#define HOST_FILE_MAX (256 * 1024)

/* A file of the host; NULL when there is none. It may be a link into /run, as systemd-resolved's is. */
static int read_host_file(const char *path, char **ret, Error *e) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        int r;

        if (fd < 0)
                return errno == ENOENT ? 0 : error_set(e, errno, "mount", "opening %s", path);
        r = fd_read_all(fd, HOST_FILE_MAX, ret, NULL);
        return r < 0 ? error_set(e, r, "mount", "reading %s", path) : 0;
}

int host_files_make(HostFiles *ret, const ContainerSpec *spec, Error *e) {
        _cleanup_free_ char *hosts = NULL;

        if (spec->host_network) {
                TRY(read_host_file("/etc/hosts", &hosts, e));
                TRY(read_host_file("/etc/resolv.conf", &ret->resolv, e));
        }
        ret->hosts =
                strf("%s127.0.1.1\t%s\n",
                     hosts ?: "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n",
                     spec->hostname);
        ret->hostname = strf("%s\n", spec->hostname);
        return ret->hosts && ret->hostname ? 0 : error_oom(e);
}

static int attach_file(int staging, int root, const char *name, const char *text, Error *e) {
        _cleanup_free_ char *target = strf("/etc/%s", name);
        _cleanup_close_ int fd = -EBADF, mount = -EBADF;
        int r;

        if (!target)
                return error_oom(e);
        fd = openat(staging, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
        if (r < 0)
                return error_set(e, r, "mount", "writing %s", target);
        mount = mount_clone(fd, false);
        if (mount < 0)
                return error_set(e, mount, "mount", "cloning the mount of %s", target);
        r = place_mount(root, target, mount, 0, 0, e);
        if (r == -ENOENT) {
                /* A link to where the image has nothing, such as a resolver's file in /run: its own affair. */
                *e = ERROR_INIT;
                return 0;
        }
        return r;
}

int host_files_attach(const HostFiles *files, int staging, int root, Error *e) {
        TRY(attach_file(staging, root, "hosts", files->hosts, e));
        TRY(attach_file(staging, root, "hostname", files->hostname, e));
        return files->resolv ? attach_file(staging, root, "resolv.conf", files->resolv, e) : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/volume.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "shared/error.h"
#include "shared/strutil.h"

void volume_argument_done(VolumeArgument *volume) {
        free(volume->source);
        free(volume->target);
        free(volume->options);
        *volume = (VolumeArgument){};
}

static int refuse(const char *s, const char *why, char **message) {
        *message = strf("invalid volume specification: '%s': %s", s, why);
        return *message ? -EINVAL : -ENOMEM;
}

int volume_argument_parse(const char *s, const char *directory, VolumeArgument *ret,
                          char **message) {
        __attribute__((cleanup(volume_argument_done))) VolumeArgument v = {};
        _cleanup_strv_free_ char **parts = strv_split(s, ':');
        size_t n = strv_length(parts);
        _cleanup_free_ char *source = NULL;
        int r;

        if (!parts)
                return -ENOMEM;
        if (n < 2 || n > 3 || !*parts[0] || !*parts[1] || (n == 3 && !*parts[2]))
                return refuse(s, "it must be SOURCE:TARGET[:ro]", message);
        if (parts[1][0] != '/')
                return refuse(s, "the target must be an absolute path", message);
        /* docker's volumes of a name; a directory's path has a slash, as in "./name". */
        if (!strchr(parts[0], '/') && !streq(parts[0], ".") && !streq(parts[0], ".."))
                return refuse(
                        s,
                        "there are no named volumes; a directory is written with a slash, as ./NAME",
                        message);
        if (parts[0][0] != '/' && !directory)
                return refuse(s, "the source must be an absolute path on the other machine",
                              message);

        source = parts[0][0] == '/' ? strdup(parts[0]) : strf("%s/%s", directory, parts[0]);
        if (!source)
                return -ENOMEM;
        r = path_normalize(source, &v.source);
        if (r >= 0)
                r = path_normalize(parts[1], &v.target);
        if (r == -EINVAL)
                return refuse(s, "a path is too long", message);
        if (r < 0)
                return r;
        if (streq(v.target, "/"))
                return refuse(s, "the target cannot be '/'", message);
        v.options = strdup(parts[2] ?: "");
        if (!v.options)
                return -ENOMEM;
        *ret = v;
        v = (VolumeArgument){};
        return 0;
}

int volume_open(const char *source) {
        int fd = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 && errno == ENOENT && mkdir(source, 0755) >= 0)
                fd = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

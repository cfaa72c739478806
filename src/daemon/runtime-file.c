/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>

#include "daemon/runtime-file.h"
#include "shared/fd.h"
#include "shared/log.h"

static char *file_path(const Manager *m, const char *directory, const char *id) {
        return strf("%s/%s/%s.json", m->config.runtime_dir, directory, id);
}

int runtime_file_read(const Manager *m, const char *directory, const char *id, Json **ret) {
        _cleanup_free_ char *path = file_path(m, directory, id);

        return path ? json_read_file_at(AT_FDCWD, path, RECORD_SIZE_MAX, ret) : -ENOMEM;
}

int runtime_directory_make(const Manager *m, const char *directory, Error *e) {
        _cleanup_free_ char *path = strf("%s/%s", m->config.runtime_dir, directory);

        if (!path)
                return error_oom(e);
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return error_set(e, errno, "runtime", "cannot make %s", path);
        return 0;
}

int runtime_file_write(const Manager *m, const char *directory, const char *id, Json *json) {
        _cleanup_free_ char *path = strf("%s/%s", m->config.runtime_dir, directory);
        _cleanup_free_ char *name = strf("%s.json", id);
        _cleanup_close_ int fd = -EBADF;

        if (!path || !name)
                return -ENOMEM;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : json_replace_file_at(fd, name, json);
}

void runtime_file_forget(const Manager *m, const char *directory, const char *id) {
        _cleanup_free_ char *path = file_path(m, directory, id);

        if (path && unlink(path) < 0 && errno != ENOENT)
                log_errno(LOG_WARNING, errno, "Cannot remove %s", path);
}

void runtime_files_sweep(const Manager *m, const char *directory) {
        _cleanup_free_ char *path = strf("%s/%s", m->config.runtime_dir, directory);
        _cleanup_closedir_ DIR *dir = path ? opendir(path) : NULL;

        if (!dir) {
                if (!path || errno != ENOENT)
                        log_errno(LOG_WARNING, path ? errno : ENOMEM, "Cannot tidy %s", directory);
                return;
        }
        for (struct dirent *entry; (entry = readdir(dir));) {
                char id[ID_LENGTH + 1];

                /* Not what is just being written, which has another name. */
                if (strlen(entry->d_name) != ID_LENGTH + strlen(".json") ||
                    !streq(entry->d_name + ID_LENGTH, ".json"))
                        continue;
                memcpy(id, entry->d_name, ID_LENGTH);
                id[ID_LENGTH] = '\0';
                if (id_is_valid(id) && !map_get(&m->containers, id))
                        runtime_file_forget(m, directory, id);
        }
}

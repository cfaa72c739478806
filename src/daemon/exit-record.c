/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include "daemon/container.h"
#include "daemon/exit-record.h"
#include "shared/log.h"

static char *record_path(const Manager *m, const char *id) {
        return strf("%s/exits/%s.json", m->config.runtime_dir, id);
}

bool exit_record_read(const Manager *m, const char *id, Event *ret) {
        _cleanup_free_ char *path = record_path(m, id);
        _cleanup_json_ Json *json = NULL;

        return path && json_read_file_at(AT_FDCWD, path, RECORD_SIZE_MAX, &json) >= 0 &&
               event_decode(json, ret) >= 0;
}

void exit_record_forget(const Manager *m, const char *id) {
        _cleanup_free_ char *path = record_path(m, id);

        if (path && unlink(path) < 0 && errno != ENOENT)
                log_errno(LOG_WARNING, errno, "Cannot remove %s", path);
}

void exit_records_sweep(const Manager *m) {
        _cleanup_free_ char *path = strf("%s/exits", m->config.runtime_dir);
        _cleanup_closedir_ DIR *dir = path ? opendir(path) : NULL;

        if (!dir) {
                log_errno(LOG_WARNING, path ? errno : ENOMEM, "Cannot tidy the exit records");
                return;
        }
        for (struct dirent *entry; (entry = readdir(dir));) {
                char id[ID_LENGTH + 1];

                /* Not what the supervisor is just writing, which has another name. */
                if (strlen(entry->d_name) != ID_LENGTH + strlen(".json") ||
                    !streq(entry->d_name + ID_LENGTH, ".json"))
                        continue;
                memcpy(id, entry->d_name, ID_LENGTH);
                id[ID_LENGTH] = '\0';
                if (id_is_valid(id) && !map_get(&m->containers, id))
                        exit_record_forget(m, id);
        }
}

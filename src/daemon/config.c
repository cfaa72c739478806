/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stddef.h>

#include "daemon/config.h"
#include "protocol/spec.h"
#include "shared/fd.h"
#include "shared/json.h"

#define CONFIG_SIZE_MAX (1024 * 1024)

typedef enum KeyType {
        KEY_STRING,
        KEY_NUMBER,
        KEY_DOUBLE,
} KeyType;

static const struct Key {
        const char *name;
        KeyType type;
        size_t offset;
} keys[] = {
        {"cgroup-parent", KEY_STRING, offsetof(Config, cgroup_parent)},
        {"id-range-start", KEY_NUMBER, offsetof(Config, id_range_start)},
        {"id-range-count", KEY_NUMBER, offsetof(Config, id_range_count)},
        {"log-max-size", KEY_NUMBER, offsetof(Config, log_max_size)},
        {"ceiling-memory", KEY_NUMBER, offsetof(Config, ceiling_memory)},
        {"ceiling-cpus", KEY_DOUBLE, offsetof(Config, ceiling_cpus)},
        {"default-memory", KEY_NUMBER, offsetof(Config, default_memory)},
        {"ceiling-pids", KEY_NUMBER, offsetof(Config, ceiling_pids)},
        {"user-containers-max", KEY_NUMBER, offsetof(Config, user_containers_max)},
        {"user-memory-max", KEY_NUMBER, offsetof(Config, user_memory_max)},
        {"user-cpus-max", KEY_DOUBLE, offsetof(Config, user_cpus_max)},
        {"user-pids-max", KEY_NUMBER, offsetof(Config, user_pids_max)},
        {"user-disk-max", KEY_NUMBER, offsetof(Config, user_disk_max)},
        {"user-streams-max", KEY_NUMBER, offsetof(Config, user_streams_max)},
        {"disk-check-interval", KEY_NUMBER, offsetof(Config, disk_check_interval)},
        {"user-jobs-max", KEY_NUMBER, offsetof(Config, user_jobs_max)},
        {"user-checks-max", KEY_NUMBER, offsetof(Config, user_checks_max)},
        {"user-calls-max", KEY_NUMBER, offsetof(Config, user_calls_max)},
};

void config_done(Config *config) {
        free(config->state_dir);
        free(config->runtime_dir);
        free(config->libexec_dir);
        free(config->cgroup_parent);
        *config = (Config){};
}

int config_init(Config *config) {
        uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

        *config = (Config){
                /* High enough that no user has such an id, low enough for signed 32-bit numbers. */
                .id_range_start = 0x70000000,
                .id_range_count = 4094,
                .log_max_size = 16ULL * 1024 * 1024,
                .ceiling_memory = memory / 2,
                .default_memory = memory / 16,
                .ceiling_pids = 2048,
                .user_containers_max = 100,
                .user_memory_max = memory / 4 * 3,
                .user_pids_max = 32768,
                .user_disk_max = 10ULL * 1024 * 1024 * 1024,
                .disk_check_interval = 60,
                .user_streams_max = 64,
                .user_jobs_max = 8,
                .user_checks_max = 16,
                .user_calls_max = 64,
        };
        TRY(free_and_strdup(&config->state_dir, STATE_DIR));
        TRY(free_and_strdup(&config->runtime_dir, RUNTIME_DIR));
        TRY(free_and_strdup(&config->libexec_dir, LIBEXEC_DIR));
        return free_and_strdup(&config->cgroup_parent, "/mydocker");
}

static int read_key(Config *config, Json *json, const struct Key *key, const char *path, Error *e) {
        void *target = (char *)config + key->offset;
        int r;

        switch (key->type) {
        case KEY_STRING:
                r = json_get_string(json, key->name, target);
                break;
        case KEY_NUMBER:
                r = json_get_u64(json, key->name, target);
                break;
        case KEY_DOUBLE:
        default:
                r = json_get_double(json, key->name, target);
                break;
        }
        return r < 0 ? error_set(e, r, "configuration", "%s: %s has a wrong type or value", path,
                                 key->name) :
                       0;
}

static int check(const Config *config, const char *path, Error *e) {
        uint64_t last = config->id_range_start + config->id_range_count * ID_RANGE;

        if (!path_is_normalized(config->cgroup_parent) || streq(config->cgroup_parent, "/"))
                return error_set(e, EINVAL, "configuration",
                                 "%s: cgroup-parent is not the path of a control group", path);
        if (config->id_range_start % ID_RANGE != 0 || config->id_range_start < ID_RANGE ||
            config->id_range_start > UINT32_MAX)
                return error_set(e, EINVAL, "configuration",
                                 "%s: id-range-start is not a multiple of 65536 from 65536 on",
                                 path);
        if (config->id_range_count < 1 || config->id_range_count > ID_RANGE ||
            last > UINT32_MAX - ID_RANGE)
                return error_set(e, EINVAL, "configuration",
                                 "%s: there are no id-range-count ranges from id-range-start on",
                                 path);
        if (!(config->ceiling_cpus >= 0) || !(config->user_cpus_max >= 0))
                return error_set(e, EINVAL, "configuration",
                                 "%s: ceiling-cpus or user-cpus-max is negative", path);
        if (config->disk_check_interval < 1 || config->disk_check_interval > 24 * 3600)
                return error_set(e, EINVAL, "configuration",
                                 "%s: disk-check-interval is not between a second and a day", path);
        return 0;
}

int config_read(Config *config, const char *path, bool optional, Error *e) {
        _cleanup_json_ Json *json = NULL;
        int r;

        r = json_read_file_at(AT_FDCWD, path, CONFIG_SIZE_MAX, &json);
        if (r == -ENOENT && optional)
                return 0;
        if (r >= 0 && !json_object_is_type(json, json_type_object))
                r = -EBADMSG;
        if (r < 0)
                return error_set(e, r, "configuration", "cannot read %s", path);

        json_object_object_foreach(json, name, value) {
                const struct Key *key = NULL;

                for (size_t i = 0; i < ELEMENTSOF(keys) && !key; i++)
                        if (streq(keys[i].name, name))
                                key = &keys[i];
                if (!key)
                        return error_set(e, EINVAL, "configuration", "%s: unknown key %s", path,
                                         name);
                if (!value)
                        return error_set(e, EINVAL, "configuration", "%s: %s has no value", path,
                                         name);
                TRY(read_key(config, json, key, path, e));
        }
        return check(config, path, e);
}

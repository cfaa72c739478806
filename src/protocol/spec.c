/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/spec.h"
#include "protocol/ulimit.h"

#define LOG_TAG_MAX 256

void limits_done(Limits *limits) {
        free(limits->cpuset);
        *limits = (Limits){};
}

int limits_copy(Limits *to, const Limits *from) {
        char *cpuset = NULL;

        TRY(free_and_strdup(&cpuset, from->cpuset));
        free(to->cpuset);
        *to = *from;
        to->cpuset = cpuset;
        return 0;
}

int limits_to_json(const Limits *limits, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object();

        if (!json)
                return -ENOMEM;
        TRY(json_add_u64(json, "memory", limits->memory));
        TRY(json_add_u64(json, "memory-swap", limits->memory_swap));
        TRY(json_add_double(json, "cpus", limits->cpus));
        TRY(json_add_u64(json, "cpu-shares", limits->cpu_shares));
        TRY(json_add_string(json, "cpuset", limits->cpuset));
        TRY(json_add_u64(json, "pids", limits->pids));
        *ret = TAKE_PTR(json);
        return 0;
}

int limits_from_json(Json *json, Limits *ret) {
        TRY(json_get_u64(json, "memory", &ret->memory));
        TRY(json_get_u64(json, "memory-swap", &ret->memory_swap));
        TRY(json_get_double(json, "cpus", &ret->cpus));
        TRY(json_get_u64(json, "cpu-shares", &ret->cpu_shares));
        TRY(json_get_string(json, "cpuset", &ret->cpuset));
        TRY(json_get_u64(json, "pids", &ret->pids));
        if (!(ret->cpus >= 0 && ret->cpus <= 8192) ||
            (ret->cpuset && !cpuset_is_valid(ret->cpuset)))
                return -EBADMSG;
        return 0;
}

bool cpuset_is_valid(const char *s) {
        for (;;) {
                unsigned bound[2] = {}, n = 0;

                do {
                        size_t digits = strspn(s, "0123456789");

                        if (digits < 1 || digits > 4)
                                return false;
                        bound[n++] = (unsigned)strtoul(s, NULL, 10);
                        s += digits;
                } while (n < 2 && *s == '-' && s++);
                if (bound[0] > 8191 || bound[1] > 8191 || (n == 2 && bound[0] > bound[1]))
                        return false;
                if (!*s)
                        return true;
                if (*s++ != ',')
                        return false;
        }
}

void log_spec_done(LogSpec *spec) {
        free(spec->driver);
        free(spec->name);
        free(spec->image);
        free(spec->tag);
        *spec = (LogSpec){};
}

int log_spec_to_json(const LogSpec *spec, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object();

        if (!json)
                return -ENOMEM;
        TRY(json_add_string(json, "driver", spec->driver));
        TRY(json_add_u64(json, "max-size", spec->max_size));
        TRY(json_add_string(json, "name", spec->name));
        TRY(json_add_string(json, "image", spec->image));
        TRY(json_add_string(json, "tag", spec->tag));
        *ret = TAKE_PTR(json);
        return 0;
}

bool log_tag_is_valid(const char *s) {
        if (isempty(s) || strlen(s) > LOG_TAG_MAX || !utf8_is_valid(s))
                return false;
        for (; *s; s++)
                if ((unsigned char)*s < ' ' || *s == 0x7f)
                        return false;
        return true;
}

int log_spec_from_json(Json *json, LogSpec *ret) {
        TRY(json_get_string(json, "driver", &ret->driver));
        TRY(json_get_u64(json, "max-size", &ret->max_size));
        TRY(json_get_string(json, "name", &ret->name));
        TRY(json_get_string(json, "image", &ret->image));
        TRY(json_get_string(json, "tag", &ret->tag));
        /* In the journal each could make up entries of its own otherwise. */
        if ((ret->name && !log_tag_is_valid(ret->name)) ||
            (ret->image && !log_tag_is_valid(ret->image)) ||
            (ret->tag && !log_tag_is_valid(ret->tag)))
                return -EBADMSG;
        return 0;
}

void process_spec_done(ProcessSpec *spec) {
        strv_free(spec->argv);
        strv_free(spec->env);
        free(spec->cwd);
        free(spec->user);
        strv_free(spec->capabilities);
        strv_free(spec->ulimits);
        *spec = (ProcessSpec){};
}

int process_spec_to_json(const ProcessSpec *spec, Json **ret) {
        static const char *const names[] = {"stdin", "stdout", "stderr"};
        _cleanup_json_ Json *json = json_object_new_object();

        if (!json)
                return -ENOMEM;
        TRY(json_add_strv(json, "args", spec->argv));
        TRY(json_add_strv(json, "env", spec->env));
        TRY(json_add_string(json, "workdir", spec->cwd));
        TRY(json_add_string(json, "user", spec->user));
        TRY(json_add_strv(json, "capabilities", spec->capabilities));
        TRY(json_add_bool(json, "tty", spec->tty));
        TRY(json_add_u64(json, "rows", spec->rows));
        TRY(json_add_u64(json, "columns", spec->columns));
        for (size_t i = 0; i < 3; i++)
                TRY(json_add_u64(json, names[i], spec->streams[i]));
        TRY(json_add_bool(json, "stdin-once", spec->stdin_once));
        TRY(json_add_bool(json, "no-new-privileges", spec->no_new_privileges));
        TRY(json_add_bool(json, "seccomp", spec->seccomp));
        TRY(json_add_strv(json, "ulimits", spec->ulimits));
        TRY(json_add_bool(json, "init", spec->init));
        *ret = TAKE_PTR(json);
        return 0;
}

int process_spec_from_json(Json *json, ProcessSpec *ret) {
        static const char *const names[] = {"stdin", "stdout", "stderr"};
        uint32_t rows = 0, columns = 0;

        TRY(json_get_strv(json, "args", &ret->argv));
        TRY(json_get_strv(json, "env", &ret->env));
        TRY(json_get_string(json, "workdir", &ret->cwd));
        TRY(json_get_string(json, "user", &ret->user));
        TRY(json_get_strv(json, "capabilities", &ret->capabilities));
        TRY(json_get_bool(json, "tty", &ret->tty));
        TRY(json_get_u32(json, "rows", &rows));
        TRY(json_get_u32(json, "columns", &columns));
        for (size_t i = 0; i < 3; i++) {
                uint32_t stream = STREAM_NULL;

                TRY(json_get_u32(json, names[i], &stream));
                if (stream >= _STREAM_MAX)
                        return -EBADMSG;
                ret->streams[i] = (Stream)stream;
        }
        TRY(json_get_bool(json, "stdin-once", &ret->stdin_once));
        TRY(json_get_bool(json, "no-new-privileges", &ret->no_new_privileges));
        TRY(json_get_bool(json, "seccomp", &ret->seccomp));
        TRY(json_get_strv(json, "ulimits", &ret->ulimits));
        TRY(json_get_bool(json, "init", &ret->init));
        for (char **ulimit = ret->ulimits; ulimit && *ulimit; ulimit++)
                if (ulimit_parse(*ulimit, &(Ulimit){}) < 0)
                        return -EBADMSG;
        if (strv_length(ret->argv) == 0 || rows > UINT16_MAX || columns > UINT16_MAX ||
            (ret->cwd && ret->cwd[0] != '/'))
                return -EBADMSG;
        ret->rows = (uint16_t)rows;
        ret->columns = (uint16_t)columns;
        return 0;
}

ContainerSpec *container_spec_free(ContainerSpec *spec) {
        if (!spec)
                return NULL;
        strv_free(spec->layers);
        free(spec->hostname);
        strv_free(spec->tmpfs);
        for (size_t i = 0; i < spec->n_volumes; i++) {
                free(spec->volumes[i].source);
                free(spec->volumes[i].target);
        }
        free(spec->volumes);
        for (size_t i = 0; i < spec->n_devices; i++) {
                free(spec->devices[i].source);
                free(spec->devices[i].target);
        }
        free(spec->devices);
        limits_done(&spec->limits);
        log_spec_done(&spec->log);
        process_spec_done(&spec->process);
        free(spec);
        return NULL;
}

static int volume_to_json(const Volume *volume, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object();

        if (!json)
                return -ENOMEM;
        TRY(json_add_string(json, "source", volume->source));
        TRY(json_add_string(json, "target", volume->target));
        TRY(json_add_bool(json, "read-only", volume->read_only));
        TRY(json_add_u64(json, "uid", volume->uid));
        TRY(json_add_u64(json, "gid", volume->gid));
        TRY(json_add_u64(json, "device", volume->device));
        TRY(json_add_u64(json, "inode", volume->inode));
        *ret = TAKE_PTR(json);
        return 0;
}

static int volume_from_json(Json *json, Volume *ret) {
        TRY(json_get_string(json, "source", &ret->source));
        TRY(json_get_string(json, "target", &ret->target));
        TRY(json_get_bool(json, "read-only", &ret->read_only));
        TRY(json_get_u32(json, "uid", &ret->uid));
        TRY(json_get_u32(json, "gid", &ret->gid));
        TRY(json_get_u64(json, "device", &ret->device));
        TRY(json_get_u64(json, "inode", &ret->inode));
        if (!ret->source || !ret->target || !path_is_normalized(ret->target) ||
            streq(ret->target, "/"))
                return -EBADMSG;
        return 0;
}

static int volumes_to_json(const ContainerSpec *spec, Json *json) {
        _cleanup_json_ Json *array = json_object_new_array();

        if (!array)
                return -ENOMEM;
        for (size_t i = 0; i < spec->n_volumes; i++) {
                _cleanup_json_ Json *volume = NULL;

                TRY(volume_to_json(&spec->volumes[i], &volume));
                if (json_object_array_add(array, volume) < 0)
                        return -ENOMEM;
                volume = NULL;
        }
        return json_add(json, "volumes", TAKE_PTR(array));
}

static int volumes_from_json(Json *json, ContainerSpec *spec) {
        Json *array;
        size_t n;
        int r = json_get_array(json, "volumes", &array);

        if (r <= 0)
                return r;
        n = json_object_array_length(array);
        if (n == 0)
                return 0;
        spec->volumes = calloc(n, sizeof(Volume));
        if (!spec->volumes)
                return -ENOMEM;
        spec->n_volumes = n;
        for (size_t i = 0; i < n; i++)
                TRY(volume_from_json(json_object_array_get_idx(array, i), &spec->volumes[i]));
        return 0;
}

static int devices_to_json(const ContainerSpec *spec, Json *json) {
        Json *array = json_object_new_array();

        TRY(json_add(json, "devices", array));
        for (size_t i = 0; i < spec->n_devices; i++) {
                Json *device = json_object_new_object();

                if (!device || json_object_array_add(array, device) < 0) {
                        json_object_put(device);
                        return -ENOMEM;
                }
                TRY(json_add_string(device, "source", spec->devices[i].source));
                TRY(json_add_string(device, "target", spec->devices[i].target));
        }
        return 0;
}

static int device_from_json(Json *json, Device *ret) {
        TRY(json_get_string(json, "source", &ret->source));
        TRY(json_get_string(json, "target", &ret->target));
        return ret->source && path_is_normalized(ret->source) && startswith(ret->source, "/dev/") &&
                               ret->target && path_is_normalized(ret->target) &&
                               !streq(ret->target, "/") ?
                       0 :
                       -EBADMSG;
}

static int devices_from_json(Json *json, ContainerSpec *spec) {
        Json *array;
        size_t n;
        int r = json_get_array(json, "devices", &array);

        if (r <= 0)
                return r;
        n = json_object_array_length(array);
        spec->devices = calloc(n + 1, sizeof(Device));
        if (!spec->devices)
                return -ENOMEM;
        spec->n_devices = n;
        for (size_t i = 0; i < n; i++)
                TRY(device_from_json(json_object_array_get_idx(array, i), &spec->devices[i]));
        return 0;
}

int container_spec_to_json(const ContainerSpec *spec, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object(), *limits = NULL, *process = NULL,
                            *log = NULL;

        if (!json)
                return -ENOMEM;
        TRY(json_add_string(json, "id", spec->id));
        TRY(json_add_strv(json, "layers", spec->layers));
        TRY(json_add_string(json, "hostname", spec->hostname));
        TRY(json_add_u64(json, "id-base", spec->id_base));
        TRY(json_add_bool(json, "host-userns", spec->host_userns));
        TRY(json_add_bool(json, "host-network", spec->host_network));
        TRY(json_add_bool(json, "read-only", spec->read_only));
        TRY(json_add_strv(json, "tmpfs", spec->tmpfs));
        TRY(volumes_to_json(spec, json));
        if (spec->n_devices > 0)
                TRY(devices_to_json(spec, json));
        TRY(limits_to_json(&spec->limits, &limits));
        TRY(json_add(json, "limits", TAKE_PTR(limits)));
        TRY(log_spec_to_json(&spec->log, &log));
        TRY(json_add(json, "log", TAKE_PTR(log)));
        TRY(process_spec_to_json(&spec->process, &process));
        TRY(json_add(json, "process", TAKE_PTR(process)));
        *ret = TAKE_PTR(json);
        return 0;
}

static int check_container_spec(const ContainerSpec *spec) {
        if (strv_length(spec->layers) == 0 || !spec->hostname || !hostname_is_valid(spec->hostname))
                return -EBADMSG;
        for (char **layer = spec->layers; *layer; layer++)
                if (!id_is_valid(*layer))
                        return -EBADMSG;
        for (char **path = spec->tmpfs; path && *path; path++)
                if (!path_is_normalized(*path) || streq(*path, "/"))
                        return -EBADMSG;
        if (spec->id_base != 0 && (spec->host_userns || spec->id_base < ID_RANGE ||
                                   spec->id_base > UINT32_MAX - 2 * ID_RANGE))
                return -EBADMSG;
        return 0;
}

int container_spec_from_json(Json *json, ContainerSpec **ret) {
        _cleanup_(container_spec_freep) ContainerSpec *spec = calloc(1, sizeof(ContainerSpec));
        const char *id = "";
        Json *part;
        int r;

        if (!spec)
                return -ENOMEM;
        TRY(json_peek_string(json, "id", &id));
        if (!id_is_valid(id))
                return -EBADMSG;
        memcpy(spec->id, id, sizeof(spec->id));
        TRY(json_get_strv(json, "layers", &spec->layers));
        TRY(json_get_string(json, "hostname", &spec->hostname));
        TRY(json_get_u32(json, "id-base", &spec->id_base));
        TRY(json_get_bool(json, "host-userns", &spec->host_userns));
        TRY(json_get_bool(json, "host-network", &spec->host_network));
        TRY(json_get_bool(json, "read-only", &spec->read_only));
        TRY(json_get_strv(json, "tmpfs", &spec->tmpfs));
        TRY(volumes_from_json(json, spec));
        TRY(devices_from_json(json, spec));
        r = json_get_object(json, "limits", &part);
        if (r > 0)
                r = limits_from_json(part, &spec->limits);
        if (r < 0)
                return r;
        r = json_get_object(json, "log", &part);
        if (r > 0)
                r = log_spec_from_json(part, &spec->log);
        if (r < 0)
                return r;
        r = json_get_object(json, "process", &part);
        if (r == 0)
                return -EBADMSG;
        if (r > 0)
                r = process_spec_from_json(part, &spec->process);
        if (r < 0)
                return r;
        TRY(check_container_spec(spec));
        *ret = TAKE_PTR(spec);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/inspect.h"

#include <stdlib.h>
#include <string.h>

#include "cli/human.h"
#include "cli/json-format.h"
#include "shared/error.h"
#include "shared/strutil.h"

static int add_time(Json *json, const char *key, uint64_t us) {
        _cleanup_free_ char *text = human_rfc3339(us);

        return text ? json_add_string(json, key, text) : -ENOMEM;
}

/* An empty list is shown as one. */
static int add_list(Json *json, const char *key, char *const *list) {
        Json *array = json_object_new_array();

        TRY(json_add(json, key, array));
        for (; list && *list; list++) {
                Json *s = json_object_new_string(*list);

                if (!s || json_object_array_add(array, s) < 0) {
                        json_object_put(s);
                        return -ENOMEM;
                }
        }
        return 0;
}

static int add_labels(Json *json, char *const *labels) {
        Json *object = json_add_new_object(json, "Labels");

        if (!object)
                return -ENOMEM;
        for (; labels && *labels; labels++) {
                size_t n = strcspn(*labels, "=");
                _cleanup_free_ char *key = strndup(*labels, n);

                if (!key)
                        return -ENOMEM;
                TRY(json_add_string(object, key, (*labels)[n] ? *labels + n + 1 : ""));
        }
        return 0;
}

/* Results of the last checks, as GetConfig tells them. */
static int add_health_log(Json *health, Json *results) {
        Json *log = json_object_new_array();

        TRY(json_add(health, "Log", log));
        for (size_t i = 0; results && i < json_object_array_length(results); i++) {
                Json *from = json_object_array_get_idx(results, i), *to = json_object_new_object();
                uint64_t start = 0, end = 0;
                const char *output = "";
                int code = 0;

                if (!to || json_object_array_add(log, to) < 0) {
                        json_object_put(to);
                        return -ENOMEM;
                }
                TRY(json_get_u64(from, "start", &start));
                TRY(json_get_u64(from, "end", &end));
                TRY(json_get_int(from, "exit-code", &code));
                TRY(json_peek_string(from, "output", &output));
                TRY(add_time(to, "Start", start));
                TRY(add_time(to, "End", end));
                TRY(json_add_int(to, "ExitCode", code));
                TRY(json_add_string(to, "Output", output));
        }
        return 0;
}

/* Only where there is a check; what it found out is not for everybody. */
static int add_health(Json *state, const Container *c, Json *config) {
        Json *health, *told = NULL, *log = NULL;
        uint64_t failures = 0;

        if (config)
                TRY(json_get_object(config, "health", &told));
        if (!told && streq(c->health ?: "none", "none"))
                return 0;
        health = json_add_new_object(state, "Health");
        if (!health)
                return -ENOMEM;
        TRY(json_add_string(health, "Status", c->health));
        if (!told)
                return 0;
        TRY(json_get_u64(told, "failures", &failures));
        TRY(json_add_u64(health, "FailingStreak", failures));
        TRY(json_get_array(told, "log", &log));
        return add_health_log(health, log);
}

static int add_state(Json *json, const Container *c, Json *config) {
        bool restarting = streq(c->state, "restarting"),
             ended = restarting || streq(c->state, "exited");
        Json *state = json_add_new_object(json, "State");

        if (!state)
                return -ENOMEM;
        TRY(json_add_string(state, "Status", c->state));
        TRY(json_add_bool(state, "Running", container_is_running(c)));
        TRY(json_add_bool(state, "Paused", streq(c->state, "paused")));
        TRY(json_add_bool(state, "Restarting", restarting));
        TRY(json_add_bool(state, "OOMKilled", c->oom_killed));
        TRY(json_add_bool(state, "Dead", streq(c->state, "dead")));
        TRY(json_add_int(state, "Pid", c->pid));
        TRY(json_add_int(state, "ExitCode", ended ? c->exit_code : 0));
        TRY(json_add_string(state, "Error", c->error ?: ""));
        TRY(add_time(state, "StartedAt", c->started));
        TRY(add_time(state, "FinishedAt", c->finished));
        return add_health(state, c, config);
}

/* "on-failure:3" is the name and the largest number of times. */
static int add_restart_policy(Json *host, const char *policy) {
        Json *json = json_add_new_object(host, "RestartPolicy");
        size_t n = strcspn(policy, ":");
        _cleanup_free_ char *name = strndup(policy, n);
        uint32_t max = 0;

        if (!json || !name)
                return -ENOMEM;
        TRY(json_add_string(json, "Name", name));
        if (policy[n])
                TRY(parse_u32(policy + n + 1, &max));
        return json_add_int(json, "MaximumRetryCount", max);
}

static int64_t limit_value(const char *s) {
        return streq(s, "unlimited") ? -1 : strtoll(s, NULL, 10);
}

/* "nofile=1024:4096", the second number as the first when it is missing. */
static int add_ulimit(Json *array, const char *ulimit) {
        Json *json = json_object_new_object();
        _cleanup_free_ char *name = NULL, *soft = NULL;
        size_t n = strcspn(ulimit, "=");
        const char *value = ulimit + n + (ulimit[n] == '='), *hard = strchr(value, ':');

        if (!json || json_object_array_add(array, json) < 0) {
                json_object_put(json);
                return -ENOMEM;
        }
        name = strndup(ulimit, n);
        soft = strndup(value, strcspn(value, ":"));
        if (!name || !soft)
                return -ENOMEM;
        TRY(json_add_string(json, "Name", name));
        TRY(json_add_int(json, "Soft", limit_value(soft)));
        return json_add_int(json, "Hard", limit_value(hard ? hard + 1 : soft));
}

static int add_device(Json *array, Json *device) {
        Json *json = json_object_new_object();
        const char *source = "", *target = "";

        if (!json || json_object_array_add(array, json) < 0) {
                json_object_put(json);
                return -ENOMEM;
        }
        TRY(json_peek_string(device, "source", &source));
        TRY(json_peek_string(device, "target", &target));
        TRY(json_add_string(json, "PathOnHost", source));
        TRY(json_add_string(json, "PathInContainer", target));
        return json_add_string(json, "CgroupPermissions", "rwm");
}

/* What only GetConfig tells. */
static int add_process_config(Json *host, Json *config) {
        Json *spec = NULL, *process = NULL, *from = NULL, *devices, *ulimits;
        _cleanup_strv_free_ char **limits = NULL;
        bool init = false;

        TRY(json_get_object(config, "spec", &spec));
        if (!spec)
                return 0;
        TRY(json_get_object(spec, "process", &process));
        TRY(json_get_array(spec, "devices", &from));
        devices = json_object_new_array();
        TRY(json_add(host, "Devices", devices));
        for (size_t i = 0; from && i < json_object_array_length(from); i++)
                TRY(add_device(devices, json_object_array_get_idx(from, i)));
        if (!process)
                return 0;
        TRY(json_get_bool(process, "init", &init));
        TRY(json_add_bool(host, "Init", init));
        TRY(json_get_strv(process, "ulimits", &limits));
        ulimits = json_object_new_array();
        TRY(json_add(host, "Ulimits", ulimits));
        for (char **limit = limits; limit && *limit; limit++)
                TRY(add_ulimit(ulimits, *limit));
        return 0;
}

static int add_host_config(Json *json, const Container *c, Json *config) {
        Json *host = json_add_new_object(json, "HostConfig");

        if (!host)
                return -ENOMEM;
        TRY(add_list(host, "Binds", c->volumes));
        TRY(json_add_int(host, "Memory", (int64_t)c->memory));
        TRY(json_add_int(host, "MemorySwap", (int64_t)c->memory_swap));
        TRY(json_add_int(host, "NanoCpus", (int64_t)(c->cpus * 1e9 + 0.5)));
        TRY(json_add_int(host, "CpuShares", (int64_t)c->cpu_shares));
        TRY(json_add_string(host, "CpusetCpus", c->cpuset ?: ""));
        TRY(json_add_int(host, "PidsLimit", (int64_t)c->pids));
        TRY(add_restart_policy(host, c->restart ?: "no"));
        return config ? add_process_config(host, config) : 0;
}

static int add_mount(Json *mounts, const char *volume) {
        _cleanup_strv_free_ char **parts = strv_split(volume, ':');
        Json *mount = json_object_new_object();
        int r;

        if (!parts || !mount || json_object_array_add(mounts, mount) < 0) {
                json_object_put(mount);
                return -ENOMEM;
        }
        r = json_add_string(mount, "Type", "bind");
        if (r >= 0)
                r = json_add_string(mount, "Source", parts[0]);
        if (r >= 0)
                r = json_add_string(mount, "Destination", parts[1]);
        if (r >= 0)
                r = json_add_string(mount, "Mode", parts[1] && parts[2] ? "ro" : "");
        return r < 0 ? r : json_add_bool(mount, "RW", !(parts[1] && parts[2]));
}

static int add_mounts(Json *json, const Container *c) {
        Json *mounts = json_object_new_array();

        TRY(json_add(json, "Mounts", mounts));
        for (char **volume = c->volumes; volume && *volume; volume++)
                TRY(add_mount(mounts, *volume));
        return 0;
}

/* Where the entry point ends is said only there, and older containers do not know. */
static int add_command(Json *object, const Container *c, Json *config) {
        _cleanup_strv_free_ char **entrypoint = NULL;
        uint32_t n = 0;

        if (config)
                TRY(json_get_u32(config, "entrypoint-words", &n));
        if (n == 0)
                return add_list(object, "Cmd", c->command);
        for (uint32_t i = 0; i < n && c->command[i]; i++)
                TRY(strv_extend(&entrypoint, c->command[i]));
        TRY(add_list(object, "Cmd", c->command + strv_length(entrypoint)));
        return add_list(object, "Entrypoint", entrypoint);
}

/* The part that only the owner, or who is allowed to, may see is left out without `config`. */
static int add_config(Json *json, const Container *c, Json *config) {
        Json *object = json_add_new_object(json, "Config"), *spec = config, *process = NULL;
        const char *user = "", *workdir = "";
        _cleanup_strv_free_ char **env = NULL;

        if (!object)
                return -ENOMEM;
        TRY(json_add_string(object, "Hostname", c->hostname ?: ""));
        TRY(json_add_bool(object, "Tty", c->tty));
        TRY(json_add_string(object, "Image", c->image));
        TRY(add_command(object, c, config));
        TRY(add_labels(object, c->labels));
        if (!config)
                return 0;
        (void)json_get_object(config, "spec", &spec);
        (void)json_get_object(spec, "process", &process);
        if (!process)
                return 0;
        TRY(json_get_strv(process, "env", &env));
        (void)json_peek_string(process, "user", &user);
        (void)json_peek_string(process, "workdir", &workdir);
        TRY(add_list(object, "Env", env));
        TRY(json_add_string(object, "User", user));
        return json_add_string(object, "WorkingDir", workdir);
}

static int fill_container(Json *json, const Container *c, Json *config) {
        _cleanup_free_ char *image = strf("sha256:%s", c->image_id ?: ""),
                            *name = strf("/%s", c->name);
        char **command = c->command;

        if (!image || !name)
                return -ENOMEM;
        TRY(json_add_string(json, "Id", c->id));
        TRY(add_time(json, "Created", c->created));
        TRY(json_add_string(json, "Path", command && *command ? *command : ""));
        TRY(add_list(json, "Args", command && *command ? command + 1 : NULL));
        TRY(add_state(json, c, config));
        TRY(json_add_string(json, "Image", image));
        TRY(json_add_string(json, "Name", name));
        TRY(json_add_int(json, "RestartCount", c->restart_count));
        TRY(json_add_int(json, "Owner", c->owner));
        TRY(json_add_string(json, "CgroupPath", c->cgroup ?: ""));
        TRY(add_host_config(json, c, config));
        TRY(add_mounts(json, c));
        return add_config(json, c, config);
}

int inspect_container(const Container *container, Json *config, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object();

        if (!json)
                return -ENOMEM;
        TRY(fill_container(json, container, config));
        *ret = TAKE_PTR(json);
        return 0;
}

/* What the newest step of its history says. */
static int add_origin(Json *json, Json *config) {
        const char *comment = NULL, *author = NULL;
        Json *history = NULL, *step;
        size_t n;

        if (config && json_get_array(config, "history", &history) > 0) {
                n = json_object_array_length(history);
                step = n > 0 ? json_object_array_get_idx(history, n - 1) : NULL;
                if (step && json_object_is_type(step, json_type_object)) {
                        (void)json_peek_string(step, "comment", &comment);
                        (void)json_peek_string(step, "author", &author);
                }
        }
        TRY(json_add_string(json, "Comment", comment ?: ""));
        return json_add_string(json, "Author", author ?: "");
}

static int fill_image(Json *json, const Image *image, Json *config) {
        _cleanup_free_ char *id = strf("sha256:%s", image->id);
        const char *architecture = NULL, *os = NULL;
        Json *inner = NULL, *rootfs;

        if (!id)
                return -ENOMEM;
        TRY(json_add_string(json, "Id", id));
        TRY(add_list(json, "RepoTags", image->names));
        TRY(add_list(json, "RepoDigests", NULL));
        TRY(json_add_string(json, "Parent", ""));
        TRY(add_origin(json, config));
        TRY(add_time(json, "Created", image->created));
        TRY(json_add_int(json, "Size", (int64_t)image->size));
        TRY(json_add_int(json, "VirtualSize", (int64_t)image->size));
        if (config) {
                (void)json_peek_string(config, "architecture", &architecture);
                (void)json_peek_string(config, "os", &os);
                (void)json_get_object(config, "config", &inner);
        }
        TRY(json_add_string(json, "Architecture", architecture));
        TRY(json_add_string(json, "Os", os));
        if (inner)
                TRY(json_add(json, "Config", json_object_get(inner)));
        rootfs = json_add_new_object(json, "RootFS");
        if (!rootfs)
                return -ENOMEM;
        TRY(json_add_string(rootfs, "Type", "layers"));
        return add_list(rootfs, "Layers", image->layers);
}

int inspect_image(const Image *image, Json *config, Json **ret) {
        _cleanup_json_ Json *json = json_object_new_object();

        if (!json)
                return -ENOMEM;
        TRY(fill_image(json, image, config));
        *ret = TAKE_PTR(json);
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "daemon/environment.h"
#include "daemon/errors.h"
#include "daemon/image-config.h"
#include "daemon/run-record.h"
#include "runtime/capability.h"
#include "shared/fd.h"
#include "shared/process.h"

#define PATH_DEFAULT "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int add_all(char ***list, char *const *more) {
        for (; more && *more; more++)
                TRY(strv_extend(list, *more));
        return 0;
}

/* Entry point and command, as with other container managers: an entry point that is given takes away the
 * image's command too, which was meant for its own entry point. */
static int make_argv(const RunOptions *o, const ImageDefaults *image, ContainerRecord *record) {
        char ***argv = &record->spec->process.argv;
        bool own = strv_length(o->command) > 0;

        TRY(add_all(argv, o->entrypoint ?: image->entrypoint));
        record->entrypoint_words = (uint32_t)strv_length(*argv);
        return add_all(argv, own ? o->command : o->entrypoint ? NULL : image->command);
}

/* What every container's has, unless the image or the user says otherwise. */
static int make_usual_env(const char *hostname, bool tty, char ***ret) {
        _cleanup_free_ char *host = strf("HOSTNAME=%s", hostname);

        if (!host)
                return -ENOMEM;
        TRY(env_set(ret, PATH_DEFAULT));
        TRY(env_set(ret, host));
        return tty ? env_set(ret, "TERM=xterm") : 0;
}

static int make_env(const RunOptions *o, const ImageDefaults *image, const char *hostname,
                    char ***ret) {
        TRY(make_usual_env(hostname, o->tty, ret));
        TRY(env_merge(ret, image->env));
        return env_merge(ret, o->env);
}

int run_record_own_env(const ContainerRecord *record, char *const *image_env, char ***ret) {
        const ProcessSpec *process = &record->spec->process;
        _cleanup_strv_free_ char **usual = NULL;

        TRY(make_usual_env(record->spec->hostname, process->tty, &usual));
        for (char **entry = process->env; entry && *entry; entry++)
                if (!strv_contains(usual, *entry) || strv_contains(image_env, *entry))
                        TRY(strv_extend(ret, *entry));
        return 0;
}

static bool names_capability(char *const *names, const char *capability) {
        const char *brief = startswith(capability, "CAP_");

        return strv_contains(names, "ALL") || strv_contains(names, capability) ||
               strv_contains(names, brief);
}

static int make_capabilities(const RunOptions *o, char ***ret) {
        for (int i = 0; capability_to_name(i); i++) {
                const char *name = capability_to_name(i);
                bool has = strv_contains((char *const *)capability_defaults, name);

                /* What is named counts more than "ALL". */
                if (names_capability(o->cap_drop, name))
                        has = false;
                if (names_capability(o->cap_add, name) &&
                    !(strv_contains(o->cap_add, "ALL") && strv_contains(o->cap_drop, name + 4)))
                        has = true;
                if (has)
                        TRY(strv_extend(ret, name));
        }
        return 0;
}

static int make_process(const RunOptions *o, const ImageDefaults *image, ContainerRecord *record) {
        ProcessSpec *process = &record->spec->process;
        const char *workdir = o->workdir ?: image->workdir;

        TRY(make_argv(o, image, record));
        TRY(make_env(o, image, record->spec->hostname, &process->env));
        TRY(make_capabilities(o, &process->capabilities));
        if (!isempty(workdir)) {
                process->cwd = workdir[0] == '/' ? strdup(workdir) : strf("/%s", workdir);
                if (!process->cwd)
                        return -ENOMEM;
        }
        if (o->user || !isempty(image->user))
                TRY(free_and_strdup(&process->user, o->user ?: image->user));
        process->tty = o->tty;
        process->rows = o->rows;
        process->columns = o->columns;
        /* Descriptors of the caller's are for the first start alone. */
        process->streams[0] = o->open_stdin ? STREAM_PIPE : STREAM_NULL;
        process->stdin_once = o->stdin_once;
        process->streams[1] = process->streams[2] = STREAM_LOG;
        process->no_new_privileges = o->no_new_privileges;
        process->init = o->init;
        TRY(add_all(&process->ulimits, o->ulimits));
        process->seccomp = !streq_ptr(o->seccomp, "unconfined");
        return 0;
}

/* A directory that the caller opened: where it lies, and which one it is, for later starts. */
static int describe_fd(int fd, const Caller *caller, Volume *volume, sd_bus_error *error) {
        char link[FD_PATH_MAX], path[PATH_MAX];
        struct statx st;
        ssize_t n;
        int flags, r;

        flags = fcntl(fd, F_GETFL);
        if (flags < 0)
                return bus_failure(error, errno, "volume-fds");
        /* Anybody may have that of a directory that only others can read. */
        if ((flags & O_PATH) && caller->uid != 0)
                return sd_bus_error_set(error, ERROR_INVALID_ARGS,
                                        "Option volume-fds has a directory that is not opened "
                                        "for reading");
        /* Nothing that could wait for a file system of the caller's own. */
        if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &st) < 0)
                return bus_failure(error, errno, "volume-fds");
        if (!S_ISDIR(st.stx_mode))
                return sd_bus_error_set(error, ERROR_INVALID_ARGS,
                                        "Option volume-fds has a descriptor that is no directory");
        n = readlink(fd_path(fd, link), path, sizeof(path) - 1);
        if (n < 0)
                return bus_failure(error, errno, "volume-fds");
        path[n] = '\0';
        if (path[0] != '/')
                return sd_bus_error_set(error, ERROR_INVALID_ARGS,
                                        "Option volume-fds has a directory without a path");
        volume->device = makedev(st.stx_dev_major, st.stx_dev_minor);
        volume->inode = st.stx_ino;
        volume->uid = caller->uid;
        if (caller->uid != 0) {
                r = caller_primary_group(caller, &volume->gid);
                if (r < 0)
                        return bus_failure(error, r, "cannot find out the caller's group");
        }
        return free_and_strdup(&volume->source, path) < 0 ?
                       bus_failure(error, ENOMEM, "volume-fds") :
                       0;
}

static int make_volume(const VolumeOption *option, const Caller *caller, Volume *volume,
                       sd_bus_error *error) {
        if (path_normalize(option->target, &volume->target) < 0)
                return bus_failure(error, ENOMEM, "volumes");
        if (streq(volume->target, "/"))
                return sd_bus_error_set(error, ERROR_INVALID_ARGS,
                                        "Option volumes: cannot take the place of /");
        volume->read_only = streq(option->mode, "ro");
        if (!option->source)
                return describe_fd(option->fd, caller, volume, error);
        if (path_normalize(option->source, &volume->source) < 0)
                return bus_failure(error, ENOMEM, "volumes");
        return 0;
}

static int check_targets(const ContainerSpec *spec, sd_bus_error *error) {
        for (size_t i = 0; i < spec->n_volumes; i++) {
                const char *target = spec->volumes[i].target;
                bool twice = strv_contains(spec->tmpfs, target);

                for (size_t j = 0; j < i; j++)
                        twice = twice || streq(spec->volumes[j].target, target);
                if (twice)
                        return sd_bus_error_setf(error, ERROR_INVALID_ARGS,
                                                 "Option volumes: %s is the target of two", target);
        }
        return 0;
}

static int make_volumes(const RunOptions *o, const Caller *caller, ContainerSpec *spec,
                        sd_bus_error *error) {
        for (char **path = o->tmpfs; path && *path; path++) {
                _cleanup_free_ char *normal = NULL;

                if (path_normalize(*path, &normal) < 0 || strv_extend(&spec->tmpfs, normal) < 0)
                        return bus_failure(error, ENOMEM, "tmpfs");
                if (streq(normal, "/"))
                        return sd_bus_error_set(error, ERROR_INVALID_ARGS,
                                                "Option tmpfs: cannot take the place of /");
        }
        spec->volumes = calloc(o->volumes.n + 1, sizeof(Volume));
        if (!spec->volumes)
                return bus_failure(error, ENOMEM, "volumes");
        for (; spec->n_volumes < o->volumes.n; spec->n_volumes++) {
                /* Counted when it fails, too, so that it is freed. */
                int r = make_volume(&o->volumes.items[spec->n_volumes], caller,
                                    &spec->volumes[spec->n_volumes], error);
                if (r < 0) {
                        spec->n_volumes++;
                        return r;
                }
        }
        return check_targets(spec, error);
}

static int make_devices(const RunOptions *o, ContainerSpec *spec) {
        spec->devices = calloc(o->devices.n + 1, sizeof(Device));
        if (!spec->devices)
                return -ENOMEM;
        for (size_t i = 0; i < o->devices.n; i++) {
                Device *device = &spec->devices[spec->n_devices++];

                TRY(free_and_strdup(&device->source, o->devices.items[i].source));
                TRY(free_and_strdup(&device->target, o->devices.items[i].target));
        }
        return 0;
}

static int merge_labels(Json *labels, Json *more) {
        if (!more)
                return 0;
        json_object_object_foreach(more, key, value) {
                if (!json_object_is_type(value, json_type_string))
                        return -EBADMSG;
                TRY(json_add(labels, key, json_object_get(value)));
        }
        return 0;
}

/* As it was named, but for ids: a record that has one has all of it, so that it is no name. */
static int name_image(const Image *image, const char *reference, char **ret) {
        _cleanup_free_ char *name = NULL;

        TRY(image_describe(image, reference, &name));
        if (!id_is_valid(name) && !id_is_valid(reference))
                return free_and_strdup(ret, reference);
        *ret = TAKE_PTR(name);
        return 0;
}

/* A user other than root must not fill the disk: the configured size is the largest. */
static uint64_t make_log_size(const Manager *m, const RunOptions *o, uid_t owner) {
        uint64_t usual = m->config.log_max_size;

        if (o->log_max_size == UINT64_MAX)
                return usual;
        if (owner != 0 && usual != 0 && (o->log_max_size == 0 || o->log_max_size > usual))
                return usual;
        return o->log_max_size;
}

/* What cannot fail but for lack of memory, or an image whose configuration makes no sense. */
static int fill(Manager *m, const RunOptions *o, const Image *image, const ImageDefaults *defaults,
                ContainerRecord *record) {
        ContainerSpec *spec = record->spec;
        const char *driver = o->log_driver ?: "file";

        spec->layers = strv_copy(image->record->layers);
        if (!spec->layers)
                return -ENOMEM;
        if (o->hostname)
                TRY(free_and_strdup(&spec->hostname, o->hostname));
        else if (!(spec->hostname = strndup(spec->id, 12)))
                return -ENOMEM;
        TRY(make_process(o, defaults, record));
        TRY(make_devices(o, spec));
        TRY(merge_labels(record->labels, defaults->labels));
        TRY(merge_labels(record->labels, o->labels));
        TRY(free_and_strdup(&spec->log.driver, driver));
        TRY(free_and_strdup(&spec->log.tag, o->log_tag));
        TRY(free_and_strdup(&record->name, o->name));
        TRY(name_image(image, o->image, &record->image));
        memcpy(record->image_id, image->record->id, sizeof(record->image_id));
        spec->log.max_size = make_log_size(m, o, record->owner);
        spec->host_network = streq_ptr(o->network, "host");
        spec->host_userns = streq_ptr(o->userns, "host");
        spec->read_only = o->read_only;
        record->stop_signal = o->stop_signal        ? o->stop_signal :
                              defaults->stop_signal ? defaults->stop_signal :
                                                      STOP_SIGNAL_DEFAULT;
        record->stop_timeout = o->stop_timeout;
        record->auto_remove = o->auto_remove;
        TRY(health_options_apply(&o->health, &defaults->health, &record->health_check));
        TRY(restart_policy_parse(o->restart ?: "no", &record->restart));
        record->created_at = now_realtime();
        return 0;
}

int run_record_make(Manager *m, const RunOptions *o, const Image *image, const Caller *caller,
                    ContainerRecord **ret, sd_bus_error *error) {
        _cleanup_(container_record_freep) ContainerRecord *record = container_record_new();
        _cleanup_(image_defaults_done) ImageDefaults defaults = {};
        int r;

        if (!record || id_make(record->spec->id) < 0)
                return bus_failure(error, ENOMEM, "container");
        record->owner = caller->uid;
        r = image_config_read(image->record->config, &defaults);
        if (r >= 0)
                r = fill(m, o, image, &defaults, record);
        if (r == -EBADMSG)
                return sd_bus_error_set(error, ERROR_IMAGE_CORRUPT,
                                        "The image's configuration makes no sense");
        if (r < 0)
                return bus_failure(error, r, "container");
        if (strv_length(record->spec->process.argv) == 0)
                return sd_bus_error_set(error, ERROR_INVALID_ARGS,
                                        "No command is given, and the image has none");
        TRY(make_volumes(o, caller, record->spec, error));
        TRY(limits_apply(&o->limits, false, &record->spec->limits, error));
        if (caller->uid != 0)
                TRY(health_options_limit(&o->health, &record->health_check, error));
        if (caller->uid != 0)
                limits_default(&m->config, &o->limits, &record->spec->limits);
        *ret = TAKE_PTR(record);
        return 0;
}

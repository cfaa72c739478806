/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>

#include "daemon/environment.h"
#include "daemon/errors.h"
#include "daemon/run-options.h"
#include "protocol/ulimit.h"
#include "runtime/capability.h"
#include "shared/fd.h"

#define VOLUMES_MAX 64
#define STOP_TIMEOUT_DEFAULT 10
#define STOP_TIMEOUT_MAX (400U * 24 * 3600)

static const Option options[] = {
        {"name", OPTION_STRING, offsetof(RunOptions, name)},
        {"hostname", OPTION_STRING, offsetof(RunOptions, hostname)},
        {"labels", OPTION_LABELS, offsetof(RunOptions, labels)},
        {"entrypoint", OPTION_STRV, offsetof(RunOptions, entrypoint)},
        {"env", OPTION_STRV, offsetof(RunOptions, env)},
        {"workdir", OPTION_STRING, offsetof(RunOptions, workdir)},
        {"user", OPTION_STRING, offsetof(RunOptions, user)},
        {"stop-signal", OPTION_INT, offsetof(RunOptions, stop_signal)},
        {"stop-timeout", OPTION_U32, offsetof(RunOptions, stop_timeout)},
        {"restart", OPTION_STRING, offsetof(RunOptions, restart)},
        {"auto-remove", OPTION_BOOL, offsetof(RunOptions, auto_remove)},
        {"tty", OPTION_BOOL, offsetof(RunOptions, tty)},
        {"rows", OPTION_U16, offsetof(RunOptions, rows)},
        {"columns", OPTION_U16, offsetof(RunOptions, columns)},
        {"open-stdin", OPTION_BOOL, offsetof(RunOptions, open_stdin)},
        {"stdin-once", OPTION_BOOL, offsetof(RunOptions, stdin_once)},
        {"log-driver", OPTION_STRING, offsetof(RunOptions, log_driver)},
        {"log-tag", OPTION_STRING, offsetof(RunOptions, log_tag)},
        {"log-max-size", OPTION_U64, offsetof(RunOptions, log_max_size)},
        {"volumes", OPTION_VOLUMES, offsetof(RunOptions, volumes)},
        {"volume-fds", OPTION_VOLUME_FDS, offsetof(RunOptions, volumes)},
        {"devices", OPTION_VOLUMES, offsetof(RunOptions, devices)},
        {"tmpfs", OPTION_STRV, offsetof(RunOptions, tmpfs)},
        {"read-only", OPTION_BOOL, offsetof(RunOptions, read_only)},
        LIMIT_OPTION_LINES(offsetof(RunOptions, limits)),
        {"ulimits", OPTION_STRV, offsetof(RunOptions, ulimits)},
        {"init", OPTION_BOOL, offsetof(RunOptions, init)},
        HEALTH_OPTION_LINES(offsetof(RunOptions, health)),
        {"network", OPTION_STRING, offsetof(RunOptions, network)},
        {"userns", OPTION_STRING, offsetof(RunOptions, userns)},
        {"cap-add", OPTION_STRV, offsetof(RunOptions, cap_add)},
        {"cap-drop", OPTION_STRV, offsetof(RunOptions, cap_drop)},
        {"seccomp", OPTION_STRING, offsetof(RunOptions, seccomp)},
        {"no-new-privileges", OPTION_BOOL, offsetof(RunOptions, no_new_privileges)},
        /* Run only */
        {"stdin", OPTION_FD, offsetof(RunOptions, streams[0])},
        {"stdout", OPTION_FD, offsetof(RunOptions, streams[1])},
        {"stderr", OPTION_FD, offsetof(RunOptions, streams[2])},
        {"attach-stdout", OPTION_FD, offsetof(RunOptions, attach[0])},
        {"attach-stderr", OPTION_FD, offsetof(RunOptions, attach[1])},
};

void run_options_done(RunOptions *o) {
        free(o->image);
        strv_free(o->command);
        free(o->name);
        free(o->hostname);
        json_object_put(o->labels);
        strv_free(o->entrypoint);
        strv_free(o->env);
        free(o->workdir);
        free(o->user);
        free(o->restart);
        fd_close_many(o->streams, 3);
        fd_close_many(o->attach, 2);
        free(o->log_driver);
        free(o->log_tag);
        volume_options_done(&o->volumes);
        volume_options_done(&o->devices);
        strv_free(o->tmpfs);
        free(o->limits.cpuset);
        strv_free(o->ulimits);
        strv_free(o->health.command);
        free(o->network);
        free(o->userns);
        strv_free(o->cap_add);
        strv_free(o->cap_drop);
        free(o->seccomp);
        *o = RUN_OPTIONS_INIT;
}

static int bad(sd_bus_error *error, const char *key, const char *why) {
        return sd_bus_error_setf(error, ERROR_INVALID_ARGS, "Option %s %s", key, why);
}

/* USER[:GROUP]; who that is, is found out inside. */
static bool user_is_valid(const char *user) {
        const char *colon = strchr(user, ':');

        return !isempty(user) && strlen(user) <= 512 && colon != user &&
               !(colon && (isempty(colon + 1) || strchr(colon + 1, ':')));
}

int process_options_check(char *const *env, const char *workdir, const char *user, bool tty,
                          uint16_t rows, uint16_t columns, const int streams[static 3],
                          bool open_stdin, sd_bus_error *error) {
        for (; env && *env; env++)
                if (!env_is_valid(*env))
                        return bad(error, "env", "has an entry that is not KEY=VALUE");
        if (workdir && (workdir[0] != '/' || strlen(workdir) >= PATH_MAX))
                return bad(error, "workdir", "is not an absolute path");
        if (user && !user_is_valid(user))
                return bad(error, "user", "is not USER[:GROUP]");
        if (tty && (streams[0] >= 0 || streams[1] >= 0 || streams[2] >= 0))
                return bad(error, "tty", "cannot be combined with stdin, stdout or stderr");
        if (open_stdin && streams[0] >= 0)
                return bad(error, "open-stdin", "cannot be combined with stdin");
        if (!tty && (rows != 0 || columns != 0))
                return bad(error, rows != 0 ? "rows" : "columns", "needs tty");
        return 0;
}

/* One of a few words; NULL is the default. */
static int check_word(const char *value, const char *const *words, const char *key,
                      sd_bus_error *error) {
        if (!value || strv_contains((char *const *)words, value))
                return 0;
        return bus_error_setf(error, ERROR_INVALID_ARGS, "Option %s: “%.64s” is not known", key,
                              value);
}

static int check_words(const RunOptions *o, sd_bus_error *error) {
        static const char *const log_drivers[] = {"file", "journald", "none", NULL};
        static const char *const networks[] = {"none", "host", NULL};
        static const char *const users[] = {"private", "host", NULL};
        static const char *const filters[] = {"default", "unconfined", NULL};

        TRY(check_word(o->log_driver, log_drivers, "log-driver", error));
        TRY(check_word(o->network, networks, "network", error));
        TRY(check_word(o->userns, users, "userns", error));
        return check_word(o->seccomp, filters, "seccomp", error);
}

int restart_option_parse(const char *value, bool auto_remove, RestartPolicy *ret,
                         sd_bus_error *error) {
        if (restart_policy_parse(value, ret) < 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGS,
                                         "Option restart: “%.64s” is no policy", value);
        if (auto_remove && ret->kind != RESTART_NO)
                return bad(error, "restart", "cannot be combined with auto-remove");
        return 0;
}

static int check_capabilities(char *const *names, const char *key, sd_bus_error *error) {
        for (; names && *names; names++) {
                _cleanup_free_ char *full = NULL;

                if (streq(*names, "ALL"))
                        continue;
                full = startswith(*names, "CAP_") ? strdup(*names) : strf("CAP_%s", *names);
                if (!full)
                        return bus_failure(error, ENOMEM, key);
                if (capability_from_name(full) < 0)
                        return bus_error_setf(error, ERROR_INVALID_ARGS,
                                              "Option %s: there is no capability %.64s", key,
                                              *names);
        }
        return 0;
}

static int check_volumes(const RunOptions *o, sd_bus_error *error) {
        if (o->volumes.n > VOLUMES_MAX)
                return bad(error, "volumes", "has too many entries");
        for (size_t i = 0; i < o->volumes.n; i++) {
                const VolumeOption *volume = &o->volumes.items[i];
                const char *key = volume->source ? "volumes" : "volume-fds";

                if (volume->source &&
                    (volume->source[0] != '/' || strlen(volume->source) >= PATH_MAX))
                        return bad(error, key, "has a source that is no absolute path");
                if (volume->target[0] != '/' || strlen(volume->target) >= PATH_MAX)
                        return bad(error, key, "has a target that is no absolute path");
                if (*volume->mode && !streq(volume->mode, "rw") && !streq(volume->mode, "ro"))
                        return bad(error, key, "has a mode that is neither rw nor ro");
        }
        for (char **path = o->tmpfs; path && *path; path++)
                if ((*path)[0] != '/' || strlen(*path) >= PATH_MAX)
                        return bad(error, "tmpfs", "has an entry that is no absolute path");
        return 0;
}

/* What the process writes can go to a client's pipe beside the log. */
static int check_attach(const RunOptions *o, sd_bus_error *error) {
        static const char *const keys[] = {"attach-stdout", "attach-stderr"};

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                if (o->attach[i] < 0)
                        continue;
                if (o->tty)
                        return bad(error, keys[i], "cannot be combined with tty");
                if (o->streams[i + 1] >= 0)
                        return bad(error, keys[i], "cannot be combined with the same stream's own");
                if (fd_check_pipe(o->attach[i], O_WRONLY) < 0)
                        return bad(error, keys[i], "is not a pipe that is open for writing");
        }
        return 0;
}

static int check_devices(const RunOptions *o, sd_bus_error *error) {
        if (o->devices.n > VOLUMES_MAX)
                return bad(error, "devices", "has too many entries");
        for (size_t i = 0; i < o->devices.n; i++) {
                const VolumeOption *device = &o->devices.items[i];

                if (!path_is_normalized(device->source) || !startswith(device->source, "/dev/"))
                        return bad(error, "devices", "has a source that is no path below /dev");
                if (!path_is_normalized(device->target) || streq(device->target, "/"))
                        return bad(error, "devices", "has a target that is no absolute path");
                if (*device->mode && !streq(device->mode, "rwm") && !streq(device->mode, "rw"))
                        return bad(
                                error, "devices",
                                "has a mode other than rw: what a device allows its own mode says");
        }
        return 0;
}

static int check_ulimits(char *const *ulimits, sd_bus_error *error) {
        for (; ulimits && *ulimits; ulimits++)
                if (ulimit_parse(*ulimits, &(Ulimit){}) < 0)
                        return sd_bus_error_setf(error, ERROR_INVALID_ARGS,
                                                 "Option ulimits: “%.64s” is not NAME=SOFT[:HARD]",
                                                 *ulimits);
        return 0;
}

static int check(const RunOptions *o, sd_bus_error *error) {
        RestartPolicy policy;
        Limits limits = {};
        int r;

        if (o->name && !container_name_is_valid(o->name))
                return bad(error, "name", "is no name for a container");
        if (o->hostname && !hostname_is_valid(o->hostname))
                return bad(error, "hostname", "is no name for a host");
        if (o->stop_signal < 0 || o->stop_signal > SIGRTMAX)
                return bad(error, "stop-signal", "is no number of a signal");
        if (o->stop_timeout > STOP_TIMEOUT_MAX)
                return bad(error, "stop-timeout", "is too large");
        TRY(process_options_check(o->env, o->workdir, o->user, o->tty, o->rows, o->columns,
                                  o->streams, false, error));
        if (o->stdin_once && !o->open_stdin)
                return bad(error, "stdin-once", "needs open-stdin");
        if (o->log_tag && !log_tag_is_valid(o->log_tag))
                return bad(error, "log-tag", "is no text that can mark an entry");
        TRY(check_attach(o, error));
        TRY(check_words(o, error));
        TRY(restart_option_parse(o->restart ?: "no", o->auto_remove, &policy, error));
        TRY(check_capabilities(o->cap_add, "cap-add", error));
        TRY(check_capabilities(o->cap_drop, "cap-drop", error));
        TRY(check_volumes(o, error));
        TRY(check_devices(o, error));
        TRY(check_ulimits(o->ulimits, error));
        TRY(health_options_check(&o->health, error));
        r = limits_apply(&o->limits, false, &limits, error);
        limits_done(&limits);
        return r;
}

int run_options_read(sd_bus_message *message, bool create, RunOptions *o, sd_bus_error *error) {
        size_t n = ELEMENTSOF(options) - (create ? 5 : 0);
        const char *image;

        *o = (RunOptions){
                .streams = {-EBADF, -EBADF, -EBADF},
                .attach = {-EBADF, -EBADF},
                .stop_timeout = STOP_TIMEOUT_DEFAULT,
                .log_max_size = UINT64_MAX,
                .limits = LIMIT_OPTIONS_INIT,
                .health = HEALTH_OPTIONS_INIT,
                .no_new_privileges = true,
        };
        TRY(sd_bus_message_read(message, "s", &image));
        if (free_and_strdup(&o->image, image) < 0)
                return bus_failure(error, ENOMEM, "image");
        TRY(argument_read_strv(message, "command", 0, &o->command, error));
        TRY(options_read(message, options, n, o, error));
        return check(o, error);
}

/* Others of the host's would have to wait for whoever has a priority of his own. */
static bool raises_priority(char *const *ulimits) {
        Ulimit ulimit;

        for (; ulimits && *ulimits; ulimits++)
                if (ulimit_parse(*ulimits, &ulimit) >= 0 && ulimit.limit.rlim_max > 0 &&
                    (ulimit.resource == RLIMIT_NICE || ulimit.resource == RLIMIT_RTPRIO))
                        return true;
        return false;
}

bool run_options_privileged(const RunOptions *o) {
        return streq_ptr(o->network, "host") || streq_ptr(o->userns, "host") ||
               strv_length(o->cap_add) > 0 || o->devices.n > 0 ||
               streq_ptr(o->seccomp, "unconfined") || raises_priority(o->ulimits);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/container-options.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "cli/environment.h"
#include "cli/human.h"
#include "cli/report.h"
#include "cli/volume.h"
#include "shared/error.h"
#include "shared/fd.h"
#include "shared/strutil.h"

#define UNSET UINT64_MAX

ContainerOptions container_options = {
        .memory = UNSET,
        .memory_swap = UNSET,
        .cpu_shares = UNSET,
        .cpu_percent = UNSET,
        .pids = UNSET,
        .stop_timeout = UNSET,
        .health_interval = UNSET,
        .health_timeout = UNSET,
        .health_start_period = UNSET,
        .health_start_interval = UNSET,
        .health_retries = UNSET,
        .cpus = -1,
};
#define O container_options

int option_cpus(const char *value, void *target) {
        char *end;
        double cpus = strtod(value, &end);

        if (end == value || *end || !(cpus >= 0 && cpus < 1e6))
                return -EINVAL;
        *(double *)target = cpus;
        return 0;
}

int option_limit(const char *value, void *target) {
        if (!streq(value, "-1"))
                return option_u64(value, target);
        *(uint64_t *)target = 0;
        return 0;
}

int option_size_limit(const char *value, void *target) {
        return streq(value, "-1") ? option_limit(value, target) : option_size(value, target);
}

static int option_duration(const char *value, void *target) {
        int64_t us = streq(value, "0") ? 0 : parse_duration(value);

        if (us < 0)
                return -EINVAL;
        *(uint64_t *)target = (uint64_t)us;
        return 0;
}

const Option container_option_table[] = {
        {"cap-add", "list", "Add Linux capabilities", option_list, &O.cap_add},
        {"cap-drop", "list", "Drop Linux capabilities", option_list, &O.cap_drop},
        {"cidfile", "string", "Write the container ID to the file", option_string, &O.cidfile},
        {"-cpu", "percent", "How much of one CPU may be used", option_u64, &O.cpu_percent},
        {"c cpu-shares", "int", "CPU shares (relative weight)", option_u64, &O.cpu_shares},
        {"cpus", "decimal", "Number of CPUs", option_cpus, &O.cpus},
        {"cpuset-cpus -cpuset", "string", "CPUs in which to allow execution (0-3, 0,1)",
         option_string, &O.cpuset},
        {"detach-keys", "string", "Override the key sequence for detaching a container",
         option_string, &O.detach_keys},
        {"device", "list", "Add a host device to the container, SOURCE[:TARGET]", option_list,
         &O.devices},
        {"entrypoint", "string", "Overwrite the default ENTRYPOINT of the image", option_string,
         &O.entrypoint},
        {"e env", "list", "Set environment variables", option_list, &O.env},
        {"env-file", "list", "Read in a file of environment variables", option_list, &O.env_files},
        {"health-cmd", "string", "Command to run to check health", option_string,
         &O.health_command},
        {"health-interval", "duration", "Time between running the check (default 30s)",
         option_duration, &O.health_interval},
        {"health-retries", "int", "Consecutive failures needed to report unhealthy (default 3)",
         option_u64, &O.health_retries},
        {"health-start-interval", "duration",
         "Time between running the check during the start period (default 5s)", option_duration,
         &O.health_start_interval},
        {"health-start-period", "duration",
         "Time for the container to initialize before failures count", option_duration,
         &O.health_start_period},
        {"health-timeout", "duration", "Maximum time to allow one check to run (default 30s)",
         option_duration, &O.health_timeout},
        {"h hostname", "string", "Container host name", option_string, &O.hostname},
        {"init", NULL, "Run an init inside the container that forwards signals and reaps processes",
         option_bool, &O.init},
        {"i interactive", NULL, "Keep STDIN open even if not attached", option_bool,
         &O.interactive},
        {"l label", "list", "Set meta data on a container", option_list, &O.labels},
        {"label-file", "list", "Read in a line delimited file of labels", option_list,
         &O.label_files},
        {"log-driver", "string", "Where output goes: file, journald, none", option_string,
         &O.log_driver},
        {"log-opt", "list", "Log driver options (max-size=SIZE, tag=TEXT)", option_list,
         &O.log_options},
        {"m memory -mem", "bytes", "Memory limit", option_size, &O.memory},
        {"memory-swap", "bytes", "Limit of memory plus swap: '-1' for unlimited swap",
         option_size_limit, &O.memory_swap},
        {"-name", "string", "Assign a name to the container", option_string, &O.name},
        {"network net", "network", "Connect to a network: none, host", option_string, &O.network},
        {"no-healthcheck", NULL, "Disable any container-specified HEALTHCHECK", option_bool,
         &O.no_health_check},
        {"pids-limit", "int", "Limit the number of processes (-1 for unlimited)", option_limit,
         &O.pids},
        {"privileged", NULL, NULL, option_bool, &O.privileged},
        {"pull", "string",
         "Pull image before: missing, never; images are never pulled by themselves", option_string,
         &O.pull},
        {"read-only", NULL, "Mount the container's root filesystem as read only", option_bool,
         &O.read_only},
        {"restart", "string", "Restart policy to apply when a container exits", option_string,
         &O.restart},
        {"rm", NULL, "Remove the container when it exits", option_bool, &O.remove},
        {"security-opt", "list", "seccomp=unconfined, no-new-privileges=false", option_list,
         &O.security},
        {"stop-signal", "string", "Signal to stop the container", option_signal, &O.stop_signal},
        {"stop-timeout", "int", "Timeout (in seconds) to stop a container", option_u64,
         &O.stop_timeout},
        {"tmpfs", "list", "Mount a tmpfs directory", option_list, &O.tmpfs},
        {"t tty", NULL, "Allocate a pseudo-TTY", option_bool, &O.tty},
        {"ulimit", "ulimit", "Ulimit options, NAME=SOFT[:HARD]", option_list, &O.ulimits},
        {"u user", "string", "Username or UID (format: <name|uid>[:<group|gid>])", option_string,
         &O.user},
        {"userns", "string", "User namespace: private, host", option_string, &O.userns},
        {"v volume", "list", "Bind mount a volume, SOURCE:TARGET[:ro]", option_list, &O.volumes},
        {"w workdir", "string", "Working directory inside the container", option_string,
         &O.workdir},
        {},
};

static int add_string(sd_bus_message *call, const char *key, const char *value) {
        return value ? options_add(call, key, "s", value) : 0;
}

static int add_strv(sd_bus_message *call, const char *key, char *const *list) {
        return list ? options_add_strv(call, key, list) : 0;
}

static int add_u64(sd_bus_message *call, const char *key, uint64_t value) {
        return value != UNSET ? options_add(call, key, "t", value) : 0;
}

static int add_simple(sd_bus_message *call) {
        TRY(add_string(call, "name", O.name));
        TRY(add_string(call, "hostname", O.hostname));
        TRY(add_string(call, "user", O.user));
        TRY(add_string(call, "workdir", O.workdir));
        TRY(add_string(call, "network", O.network));
        TRY(add_string(call, "userns", O.userns));
        TRY(add_string(call, "restart", O.restart));
        TRY(add_string(call, "log-driver", O.log_driver));
        TRY(add_strv(call, "tmpfs", O.tmpfs));
        TRY(add_strv(call, "cap-add", O.cap_add));
        TRY(add_strv(call, "cap-drop", O.cap_drop));
        TRY(add_strv(call, "ulimits", O.ulimits));
        if (O.init)
                TRY(options_add(call, "init", "b", true));
        if (O.read_only)
                TRY(options_add(call, "read-only", "b", true));
        if (O.remove)
                TRY(options_add(call, "auto-remove", "b", true));
        if (O.tty)
                TRY(options_add(call, "tty", "b", true));
        if (O.stop_signal > 0)
                TRY(options_add(call, "stop-signal", "i", O.stop_signal));
        if (O.stop_timeout != UNSET)
                TRY(options_add(call, "stop-timeout", "u",
                                (uint32_t)MIN(O.stop_timeout, UINT32_MAX)));
        return 0;
}

static int add_health(sd_bus_message *call) {
        char *const shell[] = {(char *)"/bin/sh", (char *)"-c", (char *)O.health_command, NULL};

        if (O.health_command)
                TRY(options_add_strv(call, "health-command", shell));
        TRY(add_u64(call, "health-interval", O.health_interval));
        TRY(add_u64(call, "health-timeout", O.health_timeout));
        TRY(add_u64(call, "health-start-period", O.health_start_period));
        TRY(add_u64(call, "health-start-interval", O.health_start_interval));
        if (O.health_retries != UNSET)
                TRY(options_add(call, "health-retries", "u",
                                (uint32_t)MIN(O.health_retries, UINT32_MAX)));
        return O.no_health_check ? options_add(call, "health-none", "b", true) : 0;
}

static int add_limits(sd_bus_message *call) {
        TRY(add_u64(call, "memory", O.memory));
        TRY(add_u64(call, "memory-swap", O.memory_swap));
        TRY(add_u64(call, "cpu-shares", O.cpu_shares));
        TRY(add_u64(call, "pids", O.pids));
        TRY(add_string(call, "cpuset", O.cpuset));
        if (O.cpus >= 0)
                return options_add(call, "cpus", "d", O.cpus);
        return O.cpu_percent != UNSET ?
                       options_add(call, "cpus", "d", (double)O.cpu_percent / 100) :
                       0;
}

/* An empty entry point takes away the image's. */
static int add_entrypoint(sd_bus_message *call) {
        char *list[] = {(char *)O.entrypoint, NULL};

        if (!O.entrypoint)
                return 0;
        return options_add_strv(call, "entrypoint", *O.entrypoint ? list : list + 1);
}

static int add_labels(sd_bus_message *call, char *const *labels) {
        if (!labels)
                return 0;
        TRY(sd_bus_message_open_container(call, 'e', "sv"));
        TRY(sd_bus_message_append_basic(call, 's', "labels"));
        TRY(sd_bus_message_open_container(call, 'v', "a{ss}"));
        TRY(sd_bus_message_open_container(call, 'a', "{ss}"));
        for (; *labels; labels++) {
                size_t n = strcspn(*labels, "=");
                _cleanup_free_ char *key = strndup(*labels, n);

                if (!key)
                        return -ENOMEM;
                TRY(sd_bus_message_append(call, "{ss}", key, (*labels)[n] ? *labels + n + 1 : ""));
        }
        TRY(sd_bus_message_close_container(call));
        TRY(sd_bus_message_close_container(call));
        return sd_bus_message_close_container(call);
}

/* SOURCE[:TARGET][:rwm] */
static int append_devices(sd_bus_message *call) {
        TRY(sd_bus_message_open_container(call, 'e', "sv"));
        TRY(sd_bus_message_append_basic(call, 's', "devices"));
        TRY(sd_bus_message_open_container(call, 'v', "a(sss)"));
        TRY(sd_bus_message_open_container(call, 'a', "(sss)"));
        for (char **device = O.devices; *device; device++) {
                _cleanup_strv_free_ char **parts = strv_split(*device, ':');
                size_t n = strv_length(parts);
                const char *target, *mode;

                if (!parts)
                        return -ENOMEM;
                target = n > 1 && parts[1][0] == '/' ? parts[1] : parts[0];
                mode = n > 1 && parts[n - 1][0] != '/' ? parts[n - 1] : "";
                TRY(sd_bus_message_append(call, "(sss)", parts[0], target, n > 3 ? *device : mode));
        }
        TRY(sd_bus_message_close_container(call));
        TRY(sd_bus_message_close_container(call));
        return sd_bus_message_close_container(call);
}

/* Those of files first, so that others are in force where both name one. */
static int add_all_labels(Client *client, sd_bus_message *call) {
        _cleanup_strv_free_ char **labels = NULL;
        int r = 0;

        for (char **file = O.label_files; file && *file && r >= 0; file++) {
                r = lines_read(*file, &labels);
                if (r < 0)
                        return report_errno(client, r, *file);
        }
        for (char **label = O.labels; label && *label && r >= 0; label++)
                r = strv_extend(&labels, *label);
        if (r >= 0)
                r = add_labels(call, labels);
        return r < 0 ? report_errno(client, r, "cannot make a message") : 0;
}

static int add_security(Client *client, sd_bus_message *call) {
        for (char **s = O.security; s && *s; s++) {
                const char *profile = startswith(*s, "seccomp=") ?: startswith(*s, "seccomp:");
                const char *value = startswith(*s, "no-new-privileges");
                bool on = true;
                int r;

                if (profile)
                        r = options_add(call, "seccomp", "s", profile);
                else if (value && (!*value || ((*value == '=' || *value == ':') &&
                                               option_bool(value + 1, &on) >= 0)))
                        r = options_add(call, "no-new-privileges", "b", on);
                else
                        return report(client, "unknown --security-opt: %s", *s);
                if (r < 0)
                        return report_errno(client, r, "cannot make a message");
        }
        return 0;
}

static int add_log_options(Client *client, sd_bus_message *call) {
        for (char **s = O.log_options; s && *s; s++) {
                const char *size_text = startswith(*s, "max-size="), *tag = startswith(*s, "tag=");
                uint64_t size;
                int r;

                if (!size_text && !tag)
                        return report(client, "unknown --log-opt: %s", *s);
                if (size_text && parse_size(size_text, &size) < 0)
                        return report(client, "invalid size in --log-opt: %s", *s);
                r = tag ? options_add(call, "log-tag", "s", tag) :
                          options_add(call, "log-max-size", "t", size);
                if (r < 0)
                        return report_errno(client, r, "cannot make a message");
        }
        return 0;
}

typedef struct Volumes {
        VolumeArgument *items;
        int *fds; /* -EBADF: by its path */
        size_t n;
} Volumes;

static void volumes_done(Volumes *volumes) {
        for (size_t i = 0; i < volumes->n; i++) {
                volume_argument_done(&volumes->items[i]);
                safe_close(volumes->fds[i]);
        }
        free(volumes->items);
        free(volumes->fds);
}

/* Root names paths, and so does who works on another machine. Others open the directory themselves, which needs no
 * permission of the daemon's; what they cannot open they can only ask for by its path. */
static int parse_volumes(Client *client, Volumes *volumes) {
        _cleanup_free_ char *here = client->host ? NULL : getcwd(NULL, 0);
        size_t n = strv_length(O.volumes);

        volumes->items = calloc(n + 1, sizeof(VolumeArgument));
        volumes->fds = calloc(n + 1, sizeof(int));
        if (!volumes->items || !volumes->fds)
                return report_errno(client, ENOMEM, "cannot go on");
        for (; volumes->n < n; volumes->n++) {
                _cleanup_free_ char *message = NULL;
                VolumeArgument *v = &volumes->items[volumes->n];
                int r = volume_argument_parse(O.volumes[volumes->n], here, v, &message);

                if (r == -EINVAL)
                        return report_usage(client, EXIT_OUR_FAILURE, "%s", message);
                if (r < 0)
                        return report_errno(client, r, "cannot go on");
                volumes->fds[volumes->n] =
                        geteuid() == 0 || client->host ? -EBADF : volume_open(v->source);
        }
        return 0;
}

static int append_volumes(sd_bus_message *call, const Volumes *volumes, bool opened) {
        size_t n = 0;

        for (size_t i = 0; i < volumes->n; i++)
                n += (volumes->fds[i] >= 0) == opened;
        if (n == 0)
                return 0;
        TRY(sd_bus_message_open_container(call, 'e', "sv"));
        TRY(sd_bus_message_append_basic(call, 's', opened ? "volume-fds" : "volumes"));
        TRY(sd_bus_message_open_container(call, 'v', opened ? "a(hss)" : "a(sss)"));
        TRY(sd_bus_message_open_container(call, 'a', opened ? "(hss)" : "(sss)"));
        for (size_t i = 0; i < volumes->n; i++) {
                const VolumeArgument *v = &volumes->items[i];

                if ((volumes->fds[i] >= 0) != opened)
                        continue;
                if (opened)
                        TRY(sd_bus_message_append(call, "(hss)", volumes->fds[i], v->target,
                                                  v->options));
                else
                        TRY(sd_bus_message_append(call, "(sss)", v->source, v->target, v->options));
        }
        TRY(sd_bus_message_close_container(call));
        TRY(sd_bus_message_close_container(call));
        return sd_bus_message_close_container(call);
}

static int add_volumes(Client *client, sd_bus_message *call) {
        __attribute__((cleanup(volumes_done))) Volumes volumes = {};
        int r;

        if (!O.volumes)
                return 0;
        r = parse_volumes(client, &volumes);
        if (r != 0)
                return r;
        r = append_volumes(call, &volumes, false);
        if (r >= 0)
                r = append_volumes(call, &volumes, true);
        return r < 0 ? report_errno(client, r, "cannot make a message") : 0;
}

int container_options_call(Client *client, const char *member, char **operands,
                           sd_bus_message **ret) {
        int r;

        if (O.remove && O.restart && !streq(O.restart, "no"))
                return report_usage(client, EXIT_OUR_FAILURE,
                                    "Conflicting options: --restart and --rm");
        if (O.privileged)
                return report(
                        client,
                        "--privileged is not offered: root in a container is never the host's. Give it "
                        "what it needs: --cap-add, --device, --security-opt seccomp=unconfined, "
                        "--network host or --userns host");
        if (O.pull && !streq(O.pull, "missing") && !streq(O.pull, "never"))
                return report(client, "--pull %s is not offered: see mydocker pull", O.pull);
        if (O.cidfile && access(O.cidfile, F_OK) == 0)
                return report(
                        client,
                        "container ID file found, make sure the other container isn't running or "
                        "delete %s",
                        O.cidfile);
        r = client_new_call(client, MANAGER_PATH, MANAGER_INTERFACE, member, ret);
        if (r != 0)
                return r;
        r = sd_bus_message_append(*ret, "s", operands[0]);
        if (r >= 0)
                r = sd_bus_message_append_strv(*ret, operands + 1);
        if (r >= 0)
                r = options_open(*ret);
        if (r >= 0)
                r = add_simple(*ret);
        if (r >= 0)
                r = add_limits(*ret);
        if (r >= 0)
                r = add_health(*ret);
        if (r >= 0 && O.devices)
                r = append_devices(*ret);
        if (r >= 0)
                r = add_entrypoint(*ret);
        if (r < 0)
                return report_errno(client, r, "cannot make a message");
        r = add_all_labels(client, *ret);
        if (r == 0)
                r = environment_add(client, *ret, O.env_files, O.env);
        if (r == 0)
                r = add_security(client, *ret);
        if (r == 0)
                r = add_log_options(client, *ret);
        return r != 0 ? r : add_volumes(client, *ret);
}

static int write_cidfile(Client *client, const char *path) {
        _cleanup_close_ int fd = -EBADF;
        const char *id = path_id(path);
        int r;

        if (!O.cidfile)
                return 0;
        fd = open(O.cidfile, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        r = fd < 0 ? -errno : fd_write_all(fd, id, strlen(id));
        return r < 0 ? report_errno(client, r, O.cidfile) : 0;
}

int container_options_open_stdin(sd_bus_message *call, bool once) {
        TRY(options_add(call, "open-stdin", "b", true));
        return once ? options_add(call, "stdin-once", "b", true) : 0;
}

int container_options_send(Client *client, sd_bus_message *call, char **operands, char **ret) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *path;
        int r = options_close(call);

        if (r < 0)
                return report_errno(client, r, "cannot make a message");
        r = client_exchange(client, call, &error, &reply);
        if (r < 0)
                return report_bus_error(client, &error, r,
                                        error_is(&error, "NameInUse") ? O.name : operands[0]);
        r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
                r = free_and_strdup(ret, path);
        return r < 0 ? report_errno(client, r, "cannot read the daemon's answer") :
                       write_cidfile(client, path);
}

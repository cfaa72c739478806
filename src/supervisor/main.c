/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "shared/fd.h"
#include "shared/log.h"
#include "shared/process.h"
#include "shared/strutil.h"
#include "supervisor/container.h"
#include "supervisor/fdstore.h"
#include "supervisor/notify.h"
#include "supervisor/record.h"
#include "supervisor/request.h"
#include "supervisor/upgrade.h"

/* How long a process that a killed supervisor was just making is waited for. */
#define LOCK_MSEC 2000

static void print_help(void) {
        printf("mydocker-supervisor [OPTION…]\n\n"
               "Parent of all containers; started and used by mydockerd.\n\n"
               "      --state-dir=PATH      images and containers [" STATE_DIR "]\n"
               "      --runtime-dir=PATH    socket and run-time state [" RUNTIME_DIR "]\n"
               "      --cgroup-parent=PATH  control group of the containers [/mydocker]\n"
               "  -h, --help                show this help\n"
               "      --version             show the version\n");
}

static void options_done(SupervisorOptions *options) {
        free(options->program);
        free(options->state_dir);
        free(options->runtime_dir);
        free(options->cgroup_parent);
}

/* The working directory is another later. Return: 0 or a negative errno. */
static int set_path(char **option, const char *path) {
        _cleanup_free_ char *dir = path[0] == '/' ? strdup("") : getcwd(NULL, 0);
        char *absolute = dir ? strf("%s%s%s", dir, *dir ? "/" : "", path) : NULL;

        if (!absolute)
                return dir ? -ENOMEM : -errno;
        free(*option);
        *option = absolute;
        return 0;
}

static int set_defaults(SupervisorOptions *options, const char *program) {
        TRY(set_path(&options->program, program));
        TRY(set_path(&options->state_dir, STATE_DIR));
        TRY(set_path(&options->runtime_dir, RUNTIME_DIR));
        return free_and_strdup(&options->cgroup_parent, "/mydocker");
}

/* Return: 1 to go on, 0 to exit successfully, or a negative errno. */
static int parse_options(int argc, char **argv, SupervisorOptions *options) {
        enum {
                OPTION_STATE_DIR = 256,
                OPTION_RUNTIME_DIR,
                OPTION_CGROUP_PARENT,
                OPTION_VERSION,
        };
        static const struct option table[] = {
                {"state-dir", required_argument, NULL, OPTION_STATE_DIR},
                {"runtime-dir", required_argument, NULL, OPTION_RUNTIME_DIR},
                {"cgroup-parent", required_argument, NULL, OPTION_CGROUP_PARENT},
                {"version", no_argument, NULL, OPTION_VERSION},
                {"help", no_argument, NULL, 'h'},
                {},
        };
        int c;

        TRY(set_defaults(options, argv[0]));
        while ((c = getopt_long(argc, argv, "h", table, NULL)) >= 0)
                switch (c) {
                case OPTION_STATE_DIR:
                        TRY(set_path(&options->state_dir, optarg));
                        break;
                case OPTION_RUNTIME_DIR:
                        TRY(set_path(&options->runtime_dir, optarg));
                        break;
                case OPTION_CGROUP_PARENT:
                        TRY(free_and_strdup(&options->cgroup_parent, optarg));
                        break;
                case OPTION_VERSION:
                        printf("mydocker-supervisor " PACKAGE_VERSION "\n");
                        return 0;
                case 'h':
                        print_help();
                        return 0;
                default:
                        return -EINVAL;
                }
        if (optind < argc) {
                log_error("Unexpected argument \"%s\"", argv[optind]);
                return -EINVAL;
        }
        return 1;
}

static int open_dir(const char *path, int *ret, Error *e) {
        *ret = fd_open_or_make_dir(AT_FDCWD, path, 0700);
        if (*ret < 0)
                return error_set(e, *ret, "setup", "opening directory %s", path);
        return 0;
}

/* Two supervisors on the same files would each clear away what belongs to the other. The lock lasts
 * as long as the process. */
static int take_lock(int dir, Error *e) {
        int r = fd_lock(dir, LOCK_MSEC);

        return r < 0 ? error_set(e, r, "setup", "another supervisor uses this runtime directory") :
                       0;
}

/* The lock on it belongs to the descriptor, which the program before may have left us. */
static int open_runtime_dir(Supervisor *supervisor, Error *e) {
        int r = 0;

        if (supervisor->state)
                r = state_take_fd(supervisor->state, state_root(supervisor->state), "runtime-dir",
                                  &supervisor->runtime_dir);
        if (r <= 0)
                TRY(open_dir(supervisor->options.runtime_dir, &supervisor->runtime_dir, e));
        return take_lock(supervisor->runtime_dir, e);
}

static int make_cgroups(Supervisor *supervisor, Error *e) {
        int lock = -EBADF;

        if (supervisor->state)
                (void)state_take_fd(supervisor->state, state_root(supervisor->state), "cgroup-lock",
                                    &lock);
        return cgroup_tree_new(supervisor->options.cgroup_parent, lock, &supervisor->cgroups, e);
}

/* A directory of records. */
static int open_sub_dir(int dir, const char *name, int *ret, Error *e) {
        int r;

        *ret = fd_open_or_make_dir(dir, name, 0700);
        if (*ret < 0)
                return error_set(e, *ret, "setup", "opening directory %s", name);
        r = fd_remove_temporary_files(*ret);
        return r < 0 ? error_set(e, r, "setup", "tidying directory %s", name) : 0;
}

static int set_up(Supervisor *supervisor, Error *e) {
        const SupervisorOptions *options = &supervisor->options;
        const ServerConfig server = {
                .handler = request_handle,
                .closed = request_connection_closed,
                .data = supervisor,
        };
        int r;

        upgrade_receive(supervisor);
        if (fdstore_receive(&supervisor->kept) < 0)
                return error_oom(e);
        r = event_loop_new(&supervisor->loop);
        if (r >= 0)
                r = reaper_new(supervisor->loop, &supervisor->reaper);
        if (r < 0)
                return error_set(e, r, "setup", "making the event loop");
        r = boot_id(supervisor->boot_id);
        if (r < 0)
                return error_set(e, r, "setup", "reading the boot id");
        /* Each container takes about ten. Its processes get limits of their own. */
        r = fd_raise_limit();
        if (r < 0)
                return error_set(e, r, "setup", "raising the limit of open files");
        TRY(open_dir(options->state_dir, &supervisor->state_dir, e));
        TRY(open_runtime_dir(supervisor, e));
        TRY(open_sub_dir(supervisor->runtime_dir, "state", &supervisor->records, e));
        TRY(open_sub_dir(supervisor->runtime_dir, "exits", &supervisor->exit_records, e));
        TRY(runtime_new(options->state_dir, &supervisor->runtime, e));
        TRY(runtime_prune_mounts(supervisor->runtime,
                                 (const char *const[]){options->runtime_dir, NULL}, e));
        reaper_watch(supervisor->reaper, mount_release(supervisor->runtime, -EBADF));
        TRY(make_cgroups(supervisor, e));
        upgrade_load_containers(supervisor);
        TRY(record_adopt(supervisor, e));
        TRY(upgrade_load_server(supervisor, &server, e));
        upgrade_finish(supervisor);
        supervisor->kept = fdstore_free(supervisor->kept);
        return 0;
}

/* Containers are left alone. */
static void tear_down(Supervisor *supervisor) {
        if (supervisor->server)
                unlinkat(supervisor->runtime_dir, SUPERVISOR_SOCKET, 0);
        supervisor->server = server_free(supervisor->server);
        LIST_FOREACH(container, supervisor->list, containers)
        container_free(container, false);
        map_done(&supervisor->containers);
        event_timer_cancel(&supervisor->upgrade);
        event_timer_cancel(&supervisor->strangers);
        state_free(supervisor->state);
        fdstore_free(supervisor->kept);
        reaper_free(supervisor->reaper);
        cgroup_tree_free(supervisor->cgroups);
        runtime_free(supervisor->runtime);
        event_loop_free(supervisor->loop);
        safe_close(supervisor->records);
        safe_close(supervisor->exit_records);
        safe_close(supervisor->runtime_dir);
        safe_close(supervisor->state_dir);
}

typedef struct Signals {
        Supervisor *supervisor;
        int fd;
        EventSource source;
} Signals;

static void on_signal(void *data, uint32_t events) {
        Signals *signals = data;
        struct signalfd_siginfo info;

        if (read(signals->fd, &info, sizeof(info)) < (ssize_t)sizeof(info))
                return;
        if (info.ssi_signo == SIGHUP) {
                upgrade_begin(signals->supervisor);
                return;
        }
        log_info("Stopping, containers go on");
        event_loop_stop(signals->supervisor->loop);
}

/* From the very beginning, so that none is lost: those that come meanwhile wait, also over an execve(2). */
static int block_signals(sigset_t *ret, Error *e) {
        sigemptyset(ret);
        sigaddset(ret, SIGTERM);
        sigaddset(ret, SIGINT);
        sigaddset(ret, SIGHUP);
        if (sigprocmask(SIG_BLOCK, ret, NULL) < 0)
                return error_set(e, errno, "setup", "blocking signals");
        return 0;
}

static int watch_signals(Signals *signals, const sigset_t *set, Error *e) {
        int r;

        signals->fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
        r = signals->fd < 0 ? -errno :
                              event_source_add(signals->supervisor->loop, &signals->source,
                                               signals->fd, EPOLLIN, on_signal, signals);
        return r < 0 ? error_set(e, r, "setup", "watching for signals") : 0;
}

static int run(Supervisor *supervisor, const sigset_t *set, Error *e) {
        Signals signals = {.supervisor = supervisor, .fd = -EBADF};
        Watchdog watchdog = {};
        int r;

        r = watch_signals(&signals, set, e);
        if (r >= 0) {
                notify_ready(supervisor->loop, &watchdog);
                r = event_loop_run(supervisor->loop);
                if (r < 0)
                        error_set(e, r, "setup", "waiting for events");
        }
        event_timer_cancel(&watchdog.timer);
        event_source_remove(&signals.source);
        safe_close(signals.fd);
        return r;
}

/* Return: 0 or a negative errno. */
static int supervise(Supervisor *supervisor, char **argv, Error *e) {
        sigset_t signals;
        int r;

        if (geteuid() != 0)
                return error_set(e, EPERM, "setup", "the supervisor has to be started by root");
        TRY(block_signals(&signals, e));
        TRY(runtime_seal_self(argv, environ, e));
        umask(0022);
        signal(SIGPIPE, SIG_IGN);
        r = set_up(supervisor, e);
        if (r >= 0)
                r = run(supervisor, &signals, e);
        tear_down(supervisor);
        return r;
}

int main(int argc, char **argv) {
        Supervisor supervisor = {
                .state_dir = -EBADF,
                .runtime_dir = -EBADF,
                .records = -EBADF,
                .exit_records = -EBADF,
        };
        Error e = ERROR_INIT;
        int status, r;

        r = parse_options(argc, argv, &supervisor.options);
        status = r < 0 ? 2 : 0;
        if (r > 0 && supervise(&supervisor, argv, &e) < 0) {
                log_error_object(LOG_ERR, &e, "Can't go on");
                status = 1;
        }
        options_done(&supervisor.options);
        return status;
}

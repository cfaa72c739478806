/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "shared/fd.h"
#include "shared/log.h"
#include "shared/strutil.h"
#include "supervisor/container.h"
#include "supervisor/notify.h"
#include "supervisor/record.h"
#include "supervisor/request.h"

typedef struct Options {
        const char *state_dir;
        const char *runtime_dir;
        const char *cgroup_parent;
} Options;

static void print_help(void) {
        printf("mydocker-supervisor [OPTION…]\n\n"
               "Parent of all containers; started and used by mydockerd.\n\n"
               "      --state-dir=PATH      images and containers [" STATE_DIR "]\n"
               "      --runtime-dir=PATH    socket and run-time state [" RUNTIME_DIR "]\n"
               "      --cgroup-parent=PATH  control group of the containers [/mydocker]\n"
               "  -h, --help                show this help\n"
               "      --version             show the version\n");
}

/* Return: 1 to go on, 0 to exit successfully, or -EINVAL. */
static int parse_options(int argc, char **argv, Options *options) {
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

        while ((c = getopt_long(argc, argv, "h", table, NULL)) >= 0)
                switch (c) {
                case OPTION_STATE_DIR:
                        options->state_dir = optarg;
                        break;
                case OPTION_RUNTIME_DIR:
                        options->runtime_dir = optarg;
                        break;
                case OPTION_CGROUP_PARENT:
                        options->cgroup_parent = optarg;
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

/* A directory of records. */
static int open_sub_dir(int dir, const char *name, int *ret, Error *e) {
        int r;

        *ret = fd_open_or_make_dir(dir, name, 0700);
        if (*ret < 0)
                return error_set(e, *ret, "setup", "opening directory %s", name);
        r = fd_remove_temporary_files(*ret);
        return r < 0 ? error_set(e, r, "setup", "tidying directory %s", name) : 0;
}

/* Two supervisors on the same files would each clear away what belongs to the other. The lock lasts
 * as long as the process. */
static int take_lock(int dir, Error *e) {
        if (flock(dir, LOCK_EX | LOCK_NB) < 0)
                return error_set(e, errno, "setup",
                                 "another supervisor uses this runtime directory");
        return 0;
}

/* Each container takes about ten descriptors. Its processes get limits of their own. */
static int raise_descriptor_limit(Error *e) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return error_set(e, errno, "setup", "reading the limit of open files");
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
                return error_set(e, errno, "setup", "raising the limit of open files");
        return 0;
}

static int set_up(Supervisor *supervisor, const Options *options, Error *e) {
        int r;

        r = event_loop_new(&supervisor->loop);
        if (r >= 0)
                r = reaper_new(supervisor->loop, &supervisor->reaper);
        if (r < 0)
                return error_set(e, r, "setup", "making the event loop");
        TRY(raise_descriptor_limit(e));
        TRY(open_dir(options->state_dir, &supervisor->state_dir, e));
        TRY(open_dir(options->runtime_dir, &supervisor->runtime_dir, e));
        TRY(take_lock(supervisor->runtime_dir, e));
        TRY(open_sub_dir(supervisor->runtime_dir, "state", &supervisor->records, e));
        TRY(open_sub_dir(supervisor->runtime_dir, "exits", &supervisor->exit_records, e));
        TRY(runtime_new(options->state_dir, -EBADF, &supervisor->runtime, e));
        TRY(runtime_prune_mounts(supervisor->runtime,
                                 (const char *const[]){options->runtime_dir, NULL}, e));
        supervisor->cgroup_parent = options->cgroup_parent;
        TRY(cgroup_tree_new(options->cgroup_parent, &supervisor->cgroups, e));
        TRY(record_adopt(supervisor, e));
        return server_new(supervisor->loop, supervisor->runtime_dir, request_handle,
                          request_connection_closed, supervisor, &supervisor->server, e);
}

/* Containers are left alone. */
static void tear_down(Supervisor *supervisor) {
        if (supervisor->server)
                unlinkat(supervisor->runtime_dir, SUPERVISOR_SOCKET, 0);
        supervisor->server = server_free(supervisor->server);
        LIST_FOREACH(container, supervisor->list, containers)
        container_free(container, false);
        map_done(&supervisor->containers);
        reaper_free(supervisor->reaper);
        cgroup_tree_free(supervisor->cgroups);
        runtime_free(supervisor->runtime);
        event_loop_free(supervisor->loop);
        safe_close(supervisor->records);
        safe_close(supervisor->exit_records);
        safe_close(supervisor->runtime_dir);
        safe_close(supervisor->state_dir);
}

static void on_signal(void *data, uint32_t events) {
        Supervisor *supervisor = data;

        log_info("Stopping, containers go on");
        event_loop_stop(supervisor->loop);
}

static int run(Supervisor *supervisor, Error *e) {
        _cleanup_close_ int fd = -EBADF;
        EventSource source = {};
        Watchdog watchdog = {};
        sigset_t signals;
        int r;

        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return error_set(e, errno, "setup", "blocking signals");
        fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
        r = fd < 0 ?
                    -errno :
                    event_source_add(supervisor->loop, &source, fd, EPOLLIN, on_signal, supervisor);
        if (r < 0)
                return error_set(e, r, "setup", "watching for signals");
        notify_ready(supervisor->loop, &watchdog);
        r = event_loop_run(supervisor->loop);
        event_timer_cancel(&watchdog.timer);
        event_source_remove(&source);
        return r < 0 ? error_set(e, r, "setup", "waiting for events") : 0;
}

int main(int argc, char **argv) {
        Supervisor supervisor = {
                .state_dir = -EBADF,
                .runtime_dir = -EBADF,
                .records = -EBADF,
                .exit_records = -EBADF,
        };
        Options options = {
                .state_dir = STATE_DIR,
                .runtime_dir = RUNTIME_DIR,
                .cgroup_parent = "/mydocker",
        };
        Error e = ERROR_INIT;
        int r;

        r = parse_options(argc, argv, &options);
        if (r <= 0)
                return r < 0 ? 2 : 0;
        if (geteuid() != 0) {
                log_error("The supervisor has to be started by root");
                return 1;
        }
        if (runtime_seal_self(argv, environ, &e) < 0) {
                log_error_object(LOG_ERR, &e, "Can't start");
                return 1;
        }
        umask(0022);
        signal(SIGPIPE, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        r = set_up(&supervisor, &options, &e);
        if (r >= 0)
                r = run(&supervisor, &e);
        if (r < 0)
                log_error_object(LOG_ERR, &e, "Can't go on");
        tear_down(&supervisor);
        return r < 0 ? 1 : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* mydockerd: the command line, and the event loop until a signal ends it. */

#include <getopt.h>
#include <signal.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "daemon/manager.h"
#include "shared/fd.h"
#include "shared/log.h"
#include "shared/strutil.h"

static void usage(FILE *file) {
        fputs("mydockerd [OPTION…]\n\n"
              "The container manager on the system bus; see mydockerd(8).\n\n"
              "  --state-dir DIR      where images and containers are kept\n"
              "  --runtime-dir DIR    where sockets and the state of running containers are kept\n"
              "  --config FILE        the configuration\n"
              "  --libexec-dir DIR    where mydocker-supervisor and the workers are\n"
              "  --cgroup-parent PATH control group of the containers\n"
              "  --debug              log more\n"
              "  --version, --help\n",
              file);
}

typedef struct Arguments {
        const char *config;
        const char *cgroup_parent;
} Arguments;

/* Return: 1 to go on, 0 when all is done, or a negative errno. */
static int parse_arguments(int argc, char *argv[], Config *config, Arguments *arguments) {
        static const struct option options[] = {
                {"state-dir", required_argument, NULL, 's'},
                {"runtime-dir", required_argument, NULL, 'r'},
                {"config", required_argument, NULL, 'c'},
                {"libexec-dir", required_argument, NULL, 'l'},
                {"cgroup-parent", required_argument, NULL, 'g'},
                {"debug", no_argument, NULL, 'd'},
                {"version", no_argument, NULL, 'v'},
                {"help", no_argument, NULL, 'h'},
                {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case 's':
                        TRY(free_and_strdup(&config->state_dir, optarg));
                        break;
                case 'r':
                        TRY(free_and_strdup(&config->runtime_dir, optarg));
                        break;
                case 'l':
                        TRY(free_and_strdup(&config->libexec_dir, optarg));
                        break;
                case 'c':
                        arguments->config = optarg;
                        break;
                case 'g':
                        arguments->cgroup_parent = optarg;
                        break;
                case 'd':
                        log_set_max_level(LOG_DEBUG);
                        break;
                case 'v':
                        puts("mydockerd " PACKAGE_VERSION);
                        return 0;
                case 'h':
                        usage(stdout);
                        return 0;
                default:
                        return -EINVAL;
                }
        if (optind < argc) {
                fprintf(stderr, "mydockerd: unexpected argument: %s\n", argv[optind]);
                return -EINVAL;
        }
        return 1;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Manager *m = userdata;

        (void)sd_notify(false, "STOPPING=1");
        return sd_event_exit(m->event, EXIT_SUCCESS);
}

static int run(Manager *m) {
        int r;

        r = sd_event_add_signal(m->event, NULL, SIGTERM, on_signal, m);
        if (r >= 0)
                r = sd_event_add_signal(m->event, NULL, SIGINT, on_signal, m);
        if (r < 0)
                return log_errno(LOG_ERR, r, "Cannot wait for signals");
        r = sd_event_set_watchdog(m->event, true);
        if (r < 0)
                return log_errno(LOG_ERR, r, "Cannot answer the service manager's watchdog");
        return sd_event_loop(m->event);
}

int main(int argc, char *argv[]) {
        _cleanup_(manager_freep) Manager *m = NULL;
        _cleanup_(config_done) Config config = {};
        Arguments arguments = {};
        Error e = ERROR_INIT;
        sigset_t set;
        int r;

        if (config_init(&config) < 0)
                return EXIT_FAILURE;
        r = parse_arguments(argc, argv, &config, &arguments);
        if (r <= 0)
                return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigprocmask(SIG_BLOCK, &set, NULL);
        signal(SIGPIPE, SIG_IGN);
        umask(0022);
        /* A call without room for its descriptors ends the connection with the bus, and us with it. */
        r = fd_raise_limit();
        if (r < 0)
                log_errno(LOG_WARNING, r, "Cannot raise the limit of open files");
        /* What whoever started us forgot to close is neither for us nor for our programs. */
        (void)close_range(3, ~0U, 0);

        r = config_read(&config, arguments.config ?: CONFIG_FILE, !arguments.config, &e);
        if (r >= 0 && arguments.cgroup_parent &&
            free_and_strdup(&config.cgroup_parent, arguments.cgroup_parent) < 0)
                r = error_oom(&e);
        if (r >= 0)
                r = manager_new(&config, &m, &e);
        if (r < 0) {
                log_error_object(LOG_ERR, &e, "Cannot start");
                return EXIT_FAILURE;
        }
        return run(m) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

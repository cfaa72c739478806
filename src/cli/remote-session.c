/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/remote-session.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "cli/remote.h"
#include "cli/report.h"
#include "cli/session.h"
#include "shared/error.h"
#include "shared/strutil.h"

/* The signal on the bus by which "exec" there tells us what it has begun. */
#define TELLING_MEMBER "Begun"

typedef struct Link {
        Client *client;
        const RemoteSession *session;
        pid_t ssh;
        char *process;  /* the path of what "exec" has begun */
        int early;      /* a signal that came before that */
        bool connected; /* to the bus there; without it streams go on */
        int n_interrupts;
        int status;
        bool ended;
} Link;

int remote_ask_to_tell(Client *client, char ***words) {
        const char *name;

        TRY(sd_bus_get_unique_name(client->bus, &name));
        return remote_add(words, "--tell", name, NULL);
}

void remote_tell(Client *client, const char *to, const char *process) {
        _cleanup_message_ sd_bus_message *m = NULL;

        /* Who asked for it may have gone; nothing depends on it but signals for the process. */
        if (sd_bus_message_new_signal(client->bus, &m, process, PROCESS_INTERFACE,
                                      TELLING_MEMBER) >= 0 &&
            sd_bus_message_set_destination(m, to) >= 0)
                (void)sd_bus_send(client->bus, m, NULL);
}

static int get_uid(sd_bus *bus, const char *name, uid_t *ret) {
        sd_bus_creds *creds = NULL;
        int r = sd_bus_get_name_creds(bus, name, SD_BUS_CREDS_EUID, &creds);

        if (r >= 0)
                r = sd_bus_creds_get_euid(creds, ret);
        sd_bus_creds_unref(creds);
        return r;
}

/* Anybody may send us a signal on the bus: only our own user's word counts, of the container that we asked for. */
static bool is_credible(const Link *link, sd_bus_message *m) {
        const char *path = startswith(sd_bus_message_get_path(m), link->session->container), *name;
        uid_t sender, own;

        return path && startswith(path, "/processes/") &&
               sd_bus_get_unique_name(link->client->bus, &name) >= 0 &&
               get_uid(link->client->bus, name, &own) >= 0 &&
               get_uid(link->client->bus, sd_bus_message_get_sender(m), &sender) >= 0 &&
               sender == own;
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Link *link = userdata;

        if (link->process || !sd_bus_message_is_signal(m, PROCESS_INTERFACE, TELLING_MEMBER) ||
            !is_credible(link, m))
                return 0;
        link->process = strdup(sd_bus_message_get_path(m));
        return link->process ? 0 : -ENOMEM;
}

static void pass_on(Link *link, int number) {
        const char *path = link->session->exec ? link->process : link->session->container;
        const char *interface = link->session->exec ? PROCESS_INTERFACE : CONTAINER_INTERFACE;

        /* It may have ended by now, of which ssh tells. */
        (void)sd_bus_call_method_async(link->client->bus, NULL, BUS_NAME, path, interface, "Kill",
                                       NULL, NULL, "ia{sv}", number, 0);
}

static void end_by(Link *link, int number) {
        kill(link->ssh, SIGTERM);
        while (waitpid(link->ssh, NULL, 0) < 0 && errno == EINTR)
                ;
        link->status = 128 + number;
        link->ended = true;
}

static void take_signal(Link *link, int number) {
        if (number == SIGCHLD || number == SIGWINCH)
                return;
        if (!link->session->signal_proxy || link->session->tty || !link->connected ||
            session_is_insisting(number, &link->n_interrupts))
                end_by(link, number);
        else if (link->session->exec && !link->process)
                link->early = number;
        else
                pass_on(link, number);
}

static void look_for_end(Link *link) {
        int status;

        if (link->ended || waitpid(link->ssh, &status, WNOHANG) <= 0)
                return;
        link->ended = true;
        link->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void process_bus(Link *link) {
        int r;

        do
                r = sd_bus_process(link->client->bus, NULL);
        while (r > 0);
        link->connected = r >= 0;
        if (link->early > 0 && link->process) {
                pass_on(link, link->early);
                link->early = 0;
        }
}

static int loop(Link *link, int signal_fd) {
        struct signalfd_siginfo info;

        while (!link->ended) {
                struct pollfd pollfds[2] = {{.fd = signal_fd, .events = POLLIN}, {.fd = -1}};

                if (link->connected)
                        process_bus(link);
                if (link->connected)
                        pollfds[1] = (struct pollfd){
                                .fd = sd_bus_get_fd(link->client->bus),
                                .events = (short)sd_bus_get_events(link->client->bus)};
                if (poll(pollfds, ELEMENTSOF(pollfds), -1) < 0 && errno != EINTR)
                        return -errno;
                look_for_end(link);
                while (!link->ended && read(signal_fd, &info, sizeof(info)) == sizeof(info))
                        take_signal(link, (int)info.ssi_signo);
        }
        return 0;
}

static int open_signals(void) {
        sigset_t signals;
        int fd;

        TRY(session_block_signals(&signals));
        sigaddset(&signals, SIGCHLD);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return -errno;
        fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
        return fd < 0 ? -errno : fd;
}

static int start_and_wait(Link *link, char *const *words) {
        _cleanup_close_ int signal_fd = open_signals(), null_fd = -EBADF;
        Client *client = link->client;
        int r = signal_fd;

        if (r >= 0) {
                null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
                r = null_fd < 0 ? -errno : 0;
        }
        if (r < 0)
                return report_errno(client, r, "cannot go on");
        r = remote_start(client, words, link->session->input ? STDIN_FILENO : null_fd,
                         STDOUT_FILENO, true, &link->ssh);
        if (r != 0)
                return r;
        r = loop(link, signal_fd);
        return r < 0 ? report_errno(client, r, "cannot wait for ssh") : link->status;
}

int remote_session(Client *client, const RemoteSession *session, char *const *words) {
        Link link = {.client = client, .session = session, .connected = true};
        sd_bus_slot *slot = NULL;
        int r;

        if (session->tty && isatty(STDIN_FILENO) && (session->input || isatty(STDOUT_FILENO)))
                return remote_exec(client, words, true);
        r = sd_bus_add_filter(client->bus, &slot, on_message, &link);
        r = r < 0 ? report_errno(client, r, "cannot listen to the bus") :
                    start_and_wait(&link, words);
        sd_bus_slot_unref(slot);
        free(link.process);
        return r;
}

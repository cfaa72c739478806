/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/remote-session.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "cli/containers.h"
#include "cli/properties.h"
#include "cli/remote.h"
#include "cli/report.h"
#include "cli/session.h"
#include "shared/error.h"
#include "shared/strutil.h"

/* The signal on the bus by which "exec" there tells us what it has begun. */
#define TELLING_MEMBER "Begun"

/* Its exit status when it could not do its work. */
#define SSH_FAILED 255
/* How long to wait for an answer over a connection that may be broken. */
#define LOOK_USEC (5ULL * 1000 * 1000)

typedef struct Link {
        Client *client;
        const RemoteSession *session;
        pid_t ssh;
        char *process;  /* the path of what "exec" has begun */
        bool told;      /* somebody says that it has begun something */
        bool started;   /* the container was */
        int early;      /* a signal that came before what it is for */
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

static int read_state(Link *link, sd_bus_message *m) {
        static const PropertyMap map[] = {{"State", "s", 0}, {}};
        _cleanup_free_ char *state = NULL;
        int r = sd_bus_message_skip(m, "s");

        if (r >= 0)
                r = properties_read(m, map, &state);
        link->started = link->started || (state && streq(state, "running"));
        return MIN(r, 0);
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Link *link = userdata;

        if (client_is_from_daemon(link->client, m) &&
            sd_bus_message_is_signal(m, PROPERTIES_INTERFACE, "PropertiesChanged") &&
            streq_ptr(sd_bus_message_get_path(m), link->session->container))
                return read_state(link, m);

        if (link->process || !sd_bus_message_is_signal(m, PROCESS_INTERFACE, TELLING_MEMBER))
                return 0;
        link->told = true;
        if (!is_credible(link, m))
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

/* Whether what signals are for is there. */
static bool has_begun(const Link *link) {
        return link->session->exec ? link->process != NULL :
                                     !link->session->starts || link->started;
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
        else if (!has_begun(link))
                link->early = number;
        else
                pass_on(link, number);
}

static void look_for_end(Link *link) {
        int status;

        if (link->ended || waitpid(link->ssh, &status, WNOHANG) <= 0)
                return;
        link->ended = true;
        link->status = WIFEXITED(status) ? WEXITSTATUS(status) : SSH_FAILED;
}

static void process_bus(Link *link) {
        int r;

        do
                r = sd_bus_process(link->client->bus, NULL);
        while (r > 0);
        link->connected = r >= 0;
        if (link->early > 0 && has_begun(link)) {
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
                /* First these: what a terminal sends may have ended ssh, too. */
                while (!link->ended && read(signal_fd, &info, sizeof(info)) == sizeof(info))
                        take_signal(link, (int)info.ssi_signo);
                look_for_end(link);
        }
        return 0;
}

/* What is known of a container in the end. */
typedef enum Fate {
        FATE_UNKNOWN, /* nobody can be asked any more */
        FATE_REMOVED,
        FATE_KNOWN,
} Fate;

static Fate look_at_container(Link *link, Container *ret) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
        sd_bus *bus = link->client->bus;
        int r = link->connected ? 0 : -ENOTCONN;

        if (r >= 0)
                r = sd_bus_message_new_method_call(bus, &call, BUS_NAME, link->session->container,
                                                   PROPERTIES_INTERFACE, "GetAll");
        if (r >= 0)
                r = sd_bus_message_append(call, "s", CONTAINER_INTERFACE);
        /* This connection may be as dead as the other one. */
        if (r >= 0)
                r = sd_bus_call(bus, call, LOOK_USEC, &error, &reply);
        if (r < 0)
                return sd_bus_error_has_name(&error, SD_BUS_ERROR_UNKNOWN_OBJECT) ||
                                       error_is(&error, "NoSuchContainer") ?
                               FATE_REMOVED :
                               FATE_UNKNOWN;
        /* Of a process that "exec" had begun it has been told before. */
        process_bus(link);
        return container_read(reply, ret) < 0 ? FATE_UNKNOWN : FATE_KNOWN;
}

static bool process_goes_on(const Link *link) {
        int running = 0;

        return sd_bus_get_property_trivial(link->client->bus, BUS_NAME, link->process,
                                           PROCESS_INTERFACE, "Running", NULL, 'b',
                                           &running) >= 0 &&
               running;
}

/* What ssh says when something of its own went wrong, a process may have said, too. */
static int explain(const Link *link, Fate fate, const Container *c) {
        const RemoteSession *session = link->session;
        const Client *client = link->client;

        if (fate == FATE_UNKNOWN)
                return report(client,
                              "the connection to %s broke: what became of the process is not known",
                              client->host);
        if (fate == FATE_REMOVED)
                return SSH_FAILED;
        /* Whoever told it may have gone since, and so cannot be asked who it was. */
        if (!has_begun(link) && link->told)
                return SSH_FAILED;
        if (!has_begun(link))
                return report(client, "the connection to %s broke before the process was begun",
                              client->host);
        if (session->exec)
                return process_goes_on(link) ?
                               report(client,
                                      "the connection to %s broke: the process goes on in container %s",
                                      client->host, c->name) :
                               SSH_FAILED;
        if (container_is_running(c))
                return report(client, "the connection to %s broke: container %s goes on",
                              client->host, c->name);
        if (c->exit_code != SSH_FAILED)
                (void)report(client, "the connection to %s broke before container %s had exited",
                             client->host, c->name);
        return c->exit_code >= 0 ? c->exit_code : client->verb->failure;
}

/* Return: the exit status of the session. */
static int conclude(Link *link) {
        const Client *client = link->client;
        Container c = {};
        int status = link->status;
        Fate fate;

        if (status == 0 || (status != SSH_FAILED && !link->session->created))
                return status;
        fate = look_at_container(link, &c);
        if (status == SSH_FAILED)
                status = explain(link, fate, &c);
        if (link->session->created && fate == FATE_KNOWN && streq(c.state, "created"))
                (void)sd_bus_call_method(client->bus, BUS_NAME, link->session->container,
                                         CONTAINER_INTERFACE, "Remove", NULL, NULL, "a{sv}", 0);
        container_done(&c);
        return status;
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

/* ssh makes the terminal there of the one here. */
static bool needs_terminal(const RemoteSession *session) {
        return session->tty && isatty(STDIN_FILENO) && (session->input || isatty(STDOUT_FILENO));
}

static int start_and_wait(Link *link, char *const *words) {
        _cleanup_close_ int signal_fd = open_signals(), null_fd = -EBADF;
        Client *client = link->client;
        bool terminal = needs_terminal(link->session);
        int r = signal_fd;

        if (r >= 0) {
                null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
                r = null_fd < 0 ? -errno : 0;
        }
        if (r < 0)
                return report_errno(client, r, "cannot go on");
        r = remote_start(client, words, terminal || link->session->input ? STDIN_FILENO : null_fd,
                         STDOUT_FILENO, terminal ? REMOTE_TERMINAL : REMOTE_SHIELDED, &link->ssh);
        if (r != 0)
                link->status = r; /* a container that was created for it must go all the same */
        else
                r = loop(link, signal_fd);
        if (r < 0)
                link->status = report_errno(client, r, "cannot wait for ssh");
        return conclude(link);
}

static int watch(Link *link, sd_bus_slot **slot) {
        _cleanup_free_ char *rule = strf("type='signal',sender='" BUS_NAME
                                         "',interface='" PROPERTIES_INTERFACE "',path='%s'",
                                         link->session->container);

        if (!rule)
                return -ENOMEM;
        TRY(sd_bus_add_filter(link->client->bus, slot, on_message, link));
        return client_match(link->client, rule);
}

int remote_session(Client *client, const RemoteSession *session, char *const *words) {
        Link link = {.client = client, .session = session, .connected = true};
        sd_bus_slot *slot = NULL;
        int r = watch(&link, &slot);

        r = r < 0 ? report_errno(client, r, "cannot listen to the bus") :
                    start_and_wait(&link, words);
        sd_bus_slot_unref(slot);
        free(link.process);
        return r;
}

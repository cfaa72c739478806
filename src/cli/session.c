/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/session.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/report.h"
#include "cli/session-watch.h"
#include "cli/terminal.h"
#include "shared/error.h"
#include "shared/fd.h"
#include "shared/strutil.h"

/* How long a lone beginning of the detach keys is held back. */
#define KEYS_DELAY_MS 400
/* After this time a process is taken for a long-running one: see session_settle(). */
#define SETTLE_MS 300
/* How much of the output our own reader may leave untaken until the process has to wait. */
#define BEHIND_MAX (64UL * 1024 * 1024)
/* After so many signals to end we do. */
#define INTERRUPTS_MAX 3
/* How long to wait for the end of the streams and for the container's removal, once the process has ended. */
#define END_MS 5000

int session_init(Session *session, Client *client, const char *interface, const char *detach_keys) {
        *session = (Session){
                .client = client,
                .interface = interface,
                .given = {-EBADF, -EBADF, -EBADF},
                .signal_fd = -EBADF,
        };
        if (detach_keys_parse(detach_keys ?: DETACH_KEYS_DEFAULT, &session->keys) < 0)
                return report(client, "invalid detach keys (%s)", detach_keys);
        return session_watch_init(session);
}

void session_done(Session *session) {
        terminal_restore();
        for (size_t i = 0; i < ELEMENTSOF(session->relays); i++)
                relay_free(session->relays[i]);
        for (size_t i = 0; i < ELEMENTSOF(session->given); i++)
                if (session->given[i] > STDERR_FILENO)
                        safe_close(session->given[i]);
        if (session->signal_fd > STDERR_FILENO) /* not if session_init() was never reached */
                safe_close(session->signal_fd);
        sd_bus_slot_unref(session->filter);
        sd_bus_slot_unref(session->wait);
        free(session->path);
        *session = (Session){};
}

static int add_relay(Session *session, size_t stream, int from, int to, bool awaits_end) {
        Relay *relay = relay_new(from, to, stream != STDIN_FILENO);

        if (!relay)
                return -ENOMEM;
        relay->awaits_end = awaits_end;
        relay->behind_max = BEHIND_MAX;
        session->relays[stream] = relay;
        return 0;
}

/* Whether a container may have this very descriptor. With a terminal or a socket it could read what is not meant for
 * it; what other devices allow is anybody's guess; a directory leads out of the container. */
static bool may_be_given(const struct stat *st) {
        static const dev_t null_device = 0x103;

        return S_ISREG(st->st_mode) || S_ISFIFO(st->st_mode) ||
               (S_ISCHR(st->st_mode) && st->st_rdev == null_device);
}

static int give_pipe(Session *session, int stream) {
        int fds[2], r;
        bool input = stream == STDIN_FILENO;
        bool awaits_end = !input && session->logged;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        session->given[stream] = fds[input ? 0 : 1];
        r = fd_set_nonblock(fds[input ? 1 : 0], true);
        if (r >= 0)
                r = input ? add_relay(session, stream, stream, fds[1], false) :
                            add_relay(session, stream, fds[0], stream, awaits_end);
        if (r < 0)
                safe_close(fds[input ? 1 : 0]);
        return r;
}

int session_give_streams(Session *session, bool input) {
        struct stat st[3];

        for (int i = input ? STDIN_FILENO : STDOUT_FILENO; i <= STDERR_FILENO; i++) {
                bool copied = i > STDIN_FILENO && session->logged;
                int r = 0;

                if (fstat(i, &st[i]) < 0)
                        return report_errno(session->client, errno, "cannot use a standard stream");
                if (!copied && may_be_given(&st[i]))
                        session->given[i] = i;
                else if (!copied && i == STDERR_FILENO && session->relays[1] &&
                         st[2].st_rdev == st[1].st_rdev && st[2].st_ino == st[1].st_ino &&
                         st[2].st_dev == st[1].st_dev) {
                        /* The same terminal: one pipe keeps the order of what is written. */
                        session->given[i] = fcntl(session->given[1], F_DUPFD_CLOEXEC, 3);
                        if (session->given[i] < 0)
                                r = -errno;
                } else
                        r = give_pipe(session, i);
                if (r < 0)
                        return report_errno(session->client, r, "cannot make a pipe");
        }
        return 0;
}

int session_add_streams(Session *session, sd_bus_message *call) {
        static const char *const names[] = {"stdin", "stdout", "stderr"};
        static const char *const logged_names[] = {"stdin", "attach-stdout", "attach-stderr"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                if (session->given[i] < 0)
                        continue;
                TRY(options_add(call, session->logged ? logged_names[i] : names[i], "h",
                                session->given[i]));
                if (session->given[i] > STDERR_FILENO)
                        safe_close(session->given[i]); /* the message has its own copy */
                session->given[i] = -EBADF;
        }
        return 0;
}

int session_add_size(sd_bus_message *call) {
        uint16_t rows, columns;

        terminal_size(STDOUT_FILENO, &rows, &columns);
        if (rows == 0 || columns == 0)
                return 0;
        TRY(options_add(call, "rows", "q", rows));
        return options_add(call, "columns", "q", columns);
}

static int take_tty(Session *session, int fd, bool input) {
        TRY(add_relay(session, STDOUT_FILENO, fd, STDOUT_FILENO, true));
        /* What a person has interrupted has soon left the screen. */
        session->relays[STDOUT_FILENO]->behind_max = 0;
        if (!input)
                return 0;
        TRY(add_relay(session, STDIN_FILENO, STDIN_FILENO, fd, true));
        session->relays[STDIN_FILENO]->shares_to = true;
        if (session->keys.size > 0 && isatty(STDIN_FILENO))
                session->relays[STDIN_FILENO]->keys = &session->keys;
        return 0;
}

static int take_stream(Session *session, const char *name, int fd, bool input, bool output) {
        static const char *const names[] = {"stdin", "stdout", "stderr"};

        TRY(fd_set_nonblock(fd, true));
        if (streq(name, "tty"))
                return take_tty(session, fd, input);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(name, names[i])) {
                        if (i > STDIN_FILENO && output)
                                return add_relay(session, i, fd, (int)i, true);
                        if (i == STDIN_FILENO && input)
                                return add_relay(session, i, STDIN_FILENO, fd, true);
                }
        safe_close(fd); /* not wanted, or a stream of a later version */
        return 0;
}

static int take_streams(Session *session, sd_bus_message *reply, bool input, bool output) {
        const char *name;
        int fd, r;

        TRY(sd_bus_message_enter_container(reply, 'a', "{sv}"));
        while ((r = sd_bus_message_read(reply, "{sv}", &name, "h", &fd)) > 0) {
                fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
                if (fd < 0)
                        return -errno;
                r = take_stream(session, name, fd, input, output);
                if (r < 0) {
                        safe_close(fd);
                        return r;
                }
        }
        return r < 0 ? r : sd_bus_message_exit_container(reply);
}

int session_take_streams(Session *session, sd_bus_message *reply, bool input) {
        return take_streams(session, reply, input, true);
}

int session_take_input(Session *session, sd_bus_message *reply) {
        return take_streams(session, reply, true, false);
}

static uint64_t now_ms(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void resize(Session *session) {
        uint16_t rows, columns;

        terminal_size(STDOUT_FILENO, &rows, &columns);
        if (rows > 0)
                (void)sd_bus_call_method_async(session->client->bus, NULL, BUS_NAME, session->path,
                                               session->interface, "Resize", NULL, NULL, "qqa{sv}",
                                               rows, columns, 0);
}

static void pass_on(Session *session, int number) {
        (void)sd_bus_call_method_async(session->client->bus, NULL, BUS_NAME, session->path,
                                       session->interface, "Kill", NULL, NULL, "ia{sv}", number, 0);
}

bool session_is_insisting(int number, int *n_interrupts) {
        if (number != SIGINT && number != SIGTERM)
                return false;
        if (++*n_interrupts < INTERRUPTS_MAX)
                return false;
        fprintf(stderr, "got %d SIGTERM/SIGINTs, forcefully exiting\n", INTERRUPTS_MAX);
        return true;
}

static void handle_signal(Session *session, int number) {
        bool proxy = session->signal_proxy && !session->tty && !session->daemon_lost;

        if (number == SIGWINCH) {
                if (session->tty)
                        resize(session);
                return;
        }
        if (proxy)
                pass_on(session, number);
        if ((!proxy || session_is_insisting(number, &session->n_interrupts)) &&
            session->end == SESSION_RUNNING) {
                session->end = SESSION_KILLED;
                session->status = 128 + number;
        }
}

static void handle_signals(Session *session) {
        struct signalfd_siginfo info;

        while (read(session->signal_fd, &info, sizeof(info)) == sizeof(info))
                handle_signal(session, (int)info.ssi_signo);
}

int session_block_signals(sigset_t *ret) {
        static const int numbers[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
                                      SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH};
        struct sigaction action;

        sigemptyset(ret);
        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                /* What nohup(1) or a shell lets us ignore stays ignored. */
                if (sigaction(numbers[i], NULL, &action) >= 0 && action.sa_handler != SIG_IGN)
                        sigaddset(ret, numbers[i]);
        if (sigprocmask(SIG_BLOCK, ret, NULL) < 0)
                return -errno;
        /* Of writing to a process that has closed its end we want to hear as an error. */
        signal(SIGPIPE, SIG_IGN);
        return 0;
}

int session_open_signals(Session *session) {
        sigset_t set;

        if (session->signal_fd >= 0)
                return 0;
        TRY(session_block_signals(&set));
        session->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return session->signal_fd < 0 ? -errno : 0;
}

/* Whether output may still come that session_run()'s last look at our own pipes would not see. */
static bool awaits_output(const Session *session) {
        for (size_t i = STDOUT_FILENO; i <= STDERR_FILENO; i++) {
                const Relay *relay = session->relays[i];

                if (relay && relay->awaits_end && relay->from >= 0)
                        return true;
        }
        return false;
}

/* Whether our own reader still has to take something. That may last. */
static bool has_rest(const Session *session) {
        for (size_t i = STDOUT_FILENO; i <= STDERR_FILENO; i++)
                if (session->relays[i] && relay_has_rest(session->relays[i]))
                        return true;
        return false;
}

static bool output_has_ended(const Session *session) {
        const Relay *relay = session->relays[STDOUT_FILENO];

        return relay && relay->awaits_end && !awaits_output(session);
}

/* Whether nothing more is to come, or has come until `deadline`, which is set at the process's end. */
static bool is_over(Session *session, uint64_t *deadline) {
        bool removal = session->wait_removed && !session->removed && !session->daemon_lost;

        /* If output has ended, so has the process, but only the daemon knows how. */
        if (session->end == SESSION_RUNNING && !(session->daemon_lost && output_has_ended(session)))
                return false;
        if (session->end == SESSION_EXITED && !removal && !awaits_output(session) &&
            !has_rest(session))
                return true;
        if (session->end != SESSION_EXITED && session->end != SESSION_RUNNING)
                return true;
        if (has_rest(session))
                return false;
        if (*deadline == 0)
                *deadline = now_ms() + END_MS;
        if (now_ms() < *deadline)
                return false;
        if (session->end == SESSION_RUNNING)
                session->end = SESSION_LOST;
        return true;
}

static void step_relays(Session *session, const struct pollfd *pollfds) {
        Relay *input = session->relays[STDIN_FILENO];

        for (size_t i = 0; i < ELEMENTSOF(session->relays); i++) {
                Relay *relay = session->relays[i];

                if (relay && (pollfds[2 * i].revents || pollfds[2 * i + 1].revents))
                        relay_step(relay);
                /* As it would be if it wrote there itself: nobody wants it. The process goes on. */
                if (relay && relay->broken && session->end == SESSION_RUNNING) {
                        session->end = SESSION_KILLED;
                        session->status = 128 + SIGPIPE;
                }
        }
        if (input && input->shares_to && !relay_is_open(session->relays[STDOUT_FILENO]))
                relay_done(input);
        if (input && input->detached && session->end == SESSION_RUNNING)
                session->end = SESSION_DETACHED;
}

/* What sd-bus waits for, as poll(2) wants it. Return: milliseconds until it wants to be called anyway, or -1. */
static int bus_poll(Session *session, struct pollfd *pollfd) {
        uint64_t until = UINT64_MAX;
        struct timespec ts;
        uint64_t now;

        pollfd->fd = sd_bus_get_fd(session->client->bus);
        pollfd->events = (short)sd_bus_get_events(session->client->bus);
        (void)sd_bus_get_timeout(session->client->bus, &until);
        if (until == UINT64_MAX)
                return -1;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        now = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
        return until > now ? (int)MIN((until - now) / 1000 + 1, UINT64_C(60000)) : 0;
}

static int shorter(int timeout, int other) {
        return timeout < 0 ? other : MIN(timeout, other);
}

/* Waits for anything to happen, and lets it happen. Return: 0 or a negative errno. */
static int step(Session *session, uint64_t started) {
        struct pollfd pollfds[8] = {};
        int timeout = bus_poll(session, &pollfds[7]);
        uint64_t age = now_ms() - started;
        bool held = session->keys.matched > 0;

        for (size_t i = 0; i < ELEMENTSOF(session->relays); i++)
                if (session->relays[i])
                        relay_poll(session->relays[i], &pollfds[2 * i]);
                else
                        pollfds[2 * i].fd = pollfds[2 * i + 1].fd = -1;
        pollfds[6] = (struct pollfd){.fd = session->signal_fd, .events = POLLIN};

        if (!session->settled)
                timeout = shorter(timeout, age < SETTLE_MS ? (int)(SETTLE_MS - age) : 0);
        if (held)
                timeout = shorter(timeout, KEYS_DELAY_MS);
        if (session->end != SESSION_RUNNING || session->daemon_lost)
                timeout = shorter(timeout, 100);

        if (poll(pollfds, ELEMENTSOF(pollfds), timeout) < 0)
                return errno == EINTR ? 0 : -errno;
        step_relays(session, pollfds);
        handle_signals(session);
        if (held && !pollfds[0].revents)
                relay_flush_keys(session->relays[STDIN_FILENO]);
        if (!session->settled && now_ms() - started >= SETTLE_MS)
                return session_settle(session);
        return 0;
}

static int loop(Session *session) {
        uint64_t started = now_ms(), deadline = 0;
        int r;

        for (;;) {
                do {
                        r = sd_bus_process(session->client->bus, NULL);
                        if (r < 0)
                                return r;
                } while (r > 0);
                if (is_over(session, &deadline))
                        return 0;
                TRY(step(session, started));
        }
}

/* What a process of ours left in our own pipes before it ended. */
static void drain(Session *session) {
        for (size_t i = STDOUT_FILENO; i <= STDERR_FILENO; i++)
                if (session->relays[i])
                        relay_drain(session->relays[i]);
}

static int finish(Session *session) {
        Client *client = session->client;

        terminal_restore();
        switch (session->end) {
        case SESSION_DETACHED:
                fputs("read escape sequence\n", stderr);
                return 0;
        case SESSION_LOST:
                return report(client, "the mydocker daemon cannot say how the process ended");
        default:
                break;
        }
        if (session->status < 0)
                return report(client, "the process ended while nobody could see how");
        return session->status;
}

int session_run(Session *session) {
        bool raw = session->tty && session->relays[STDIN_FILENO] && isatty(STDIN_FILENO);
        int r = session_open_signals(session);

        if (r >= 0 && raw)
                r = terminal_raw(STDIN_FILENO);
        if (r < 0)
                return report_errno(session->client, r, "cannot prepare the terminal");
        if (session->tty)
                resize(session); /* it may have changed since the process was started */

        r = loop(session);
        terminal_restore();
        if (r < 0)
                return report_unreachable(session->client, r);
        if (session->end == SESSION_EXITED)
                drain(session);
        return finish(session);
}

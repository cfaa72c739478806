/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A daemon for tests: runs a supervisor with directories of its own and speaks the protocol with
 * it. Every failure ends the test. */

#include "protocol/message.h"
#include "shared/fd.h"
#include "shared/test.h"

/* Where the supervisor under test works. */
extern char test_dir[64];

/* Makes the directories, with one layer that has a static busybox. Return: false when the test
 * can't run here. */
bool client_prepare(const char *program);
/* Removes all of it. */
void client_clean_up(void);

/* Lets the program under test be another copy of it in test_dir, in which each `from` is `to`, of the same length;
 * NULL: as it is. */
void client_install(const char *from, const char *to);
/* The copy's path. */
const char *client_program(void);
/* Asks the supervisor to upgrade. */
void client_ask_upgrade(void);
/* Waits until it is the one that was installed last. */
void client_await_upgrade(void);
/* Installs it as it is, has it upgrade, and hears of the new one. */
void client_upgrade(void);

/* Starts the supervisor and connects to it; client_stop_supervisor() ends it by this signal. */
pid_t client_start_supervisor(void);
pid_t client_supervisor(void);
/* What it is passed, as a service manager passes what it has kept; once. */
void client_pass(const int *fds, size_t n, const char *names);
void client_stop_supervisor(int signal);

/* Connects anew after the supervisor has closed the connection. */
void client_reconnect(void);
/* Connects once more; returns the socket. */
int client_connect(void);

/* A specification of a container in which the shell runs `command`, with STREAM_LOG for stdout and
 * stderr. Its directory is made anew. To be freed with container_spec_free(). */
ContainerSpec *client_spec(const char *command);

/* Sends a request and waits for its reply; events that come before are kept. The reply is to be
 * freed with reply_done(). Descriptors that came along are in client_fds. */
Reply client_ask(const Request *request, const int *fds, size_t n_fds);
extern int client_fds[FD_PASS_MAX];
extern size_t client_n_fds;

/* The halves of client_ask(), for requests that are answered later: sends one; waits for the next reply, which must be to
 * the request with this serial. */
uint64_t client_send(const Request *request);
Reply client_answer(uint64_t serial);
/* Sends one by another connection, whose replies nobody reads. */
void client_send_by(int socket, const Request *request);

/* Ends the test, saying why, when a reply isn't success. */
void client_check(const Reply *reply);

/* As client_ask(), for a request with only a container; the reply must be success. */
Reply client_do(RequestType type, const char *container);

/* Starts a container, which must work. Return: its pid. */
pid_t client_run(const ContainerSpec *spec);

/* Sends the main process a signal, which must work. */
void client_signal(const char *container, int signo);

/* Waits for the next event. */
Event client_event(void);
/* Waits for the exit of a container's process. */
Event client_exit(const char *container, uint64_t process);

/* Reads until the end of the file, and closes it. Return: a static string. */
const char *client_read(int fd);

/* The log of a container, without times; to be freed. */
char *client_log(const char *container);
/* Waits until this is in it. Return: the same. */
char *client_await_log(const char *container, const char *text);

/* Waits until there is one. */
void client_await_file(const char *path);

/* Reads from a descriptor until `text` has come. */
void client_expect(int fd, const char *text);

/* A request to execute the shell with `command`, STREAM_PIPE for stdout and stderr. To be released
 * with request_done(). */
Request client_exec(const ContainerSpec *spec, uint64_t process, const char *command);
/* Executes it and waits for its end, which must be a good one; its output is of no interest. */
void client_command(const ContainerSpec *spec, uint64_t process, const char *command);

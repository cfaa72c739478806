/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One run of the command: its verb, what was asked for beside it, and the connection to the bus.
 *
 * Unless they say otherwise, functions that take a Client, and all verbs, return an exit status: 0 for success;
 * anything else only after the failure was reported on standard error. */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "cli/options.h"
#include "shared/cleanup.h"

#define BUS_NAME "org.mydocker.Manager"
#define ROOT_PATH "/org/mydocker"
#define MANAGER_PATH ROOT_PATH "/Manager"
#define CONTAINERS_PATH ROOT_PATH "/containers"
#define MANAGER_INTERFACE "org.mydocker.Manager"
#define CONTAINER_INTERFACE "org.mydocker.Container"
#define IMAGE_INTERFACE "org.mydocker.Image"
#define PROCESS_INTERFACE "org.mydocker.Process"
#define JOB_INTERFACE "org.mydocker.Job"
#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"
#define OBJECT_MANAGER_INTERFACE "org.freedesktop.DBus.ObjectManager"

/* The exit status of a program that failed before it did what it was asked for, as docker has it. */
#define EXIT_OUR_FAILURE 125

typedef enum OperandKind {
        OPERAND_NONE,
        OPERAND_CONTAINER,
        OPERAND_RUNNING_CONTAINER,
        OPERAND_IMAGE,
        OPERAND_OBJECT, /* a container or an image */
        OPERAND_FILE,
        OPERAND_COPY, /* a file, or CONTAINER:FILE */
} OperandKind;

typedef struct Client Client;

typedef struct Verb {
        const char *name;
        const char *aliases; /* further names of the verb by itself; NULL: none */
        const char *synopsis;
        const char *summary; /* NULL: hidden */
        const Option *options, *more_options;
        unsigned min_operands, max_operands; /* UINT_MAX: any number */
        bool command;              /* a command with its own options follows the first operand */
        OperandKind first, others; /* for completion */
        /* What --filter can be or begin with, ended by NULL; for completion too. */
        const char *const *filter_words;
        int failure; /* the exit status for a failure of ours */
        int (*run)(Client *client, char **operands);
} Verb;

struct Client {
        const Verb *verb;
        const char *title; /* of the verb in messages: "run", "image rm" */
        const char *host;  /* [USER@]HOST, NULL for this machine */
        bool ask_password, pager, legend;
        sd_bus *bus;  /* after client_connect() */
        pid_t ssh;    /* what carries it from another machine, or 0 */
        char *daemon; /* unique name of who answered last */
};

/* Connects to the bus, once. */
int client_connect(Client *client);

/* Ends the connection; the next call makes a new one. */
void client_disconnect(Client *client);

/* The same with what was started beside it. */
void client_done(Client *client);

/* A new method call to the daemon, on a connection made if need be. */
int client_new_call(Client *client, const char *path, const char *interface, const char *member,
                    sd_bus_message **ret);

/* Sends a call and waits as long as it takes. If the caller has to authenticate, asks for it and sends the call
 * again. Return: as sd_bus_call(); nothing is reported. */
int client_exchange(Client *client, sd_bus_message *call, sd_bus_error *error,
                    sd_bus_message **ret);

/* The same, reporting a failure. `subject` is what the user called the thing; NULL: nothing.
 * `ret` may be NULL. */
int client_send(Client *client, sd_bus_message *call, const char *subject, sd_bus_message **ret);

/* Makes and sends a call with arguments as of sd_bus_message_append(). */
int client_call(Client *client, const char *subject, const char *path, const char *interface,
                const char *member, sd_bus_message **ret, const char *types, ...);

/* The object path of a container or an image from its name, id, or the beginning of its id. */
int client_find_container(Client *client, const char *operand, char **ret);
int client_find_image(Client *client, const char *operand, char **ret);

/* The same with a method of the manager, but NULL if there is none: if the method fails with the error `absent`, named
 * as for error_is(). */
int client_look_up(Client *client, const char *method, const char *absent, const char *operand,
                   char **ret);

/* The container path of a full id, else NULL; *ret is NULL also when out of memory. */
char *container_path_from_id(const char *operand);

/* The last component of an object path. */
const char *path_id(const char *path);

/* Opens and closes an a{sv} in a call; adds a pair to it. Return: a negative errno on failure. */
int options_open(sd_bus_message *call);
int options_close(sd_bus_message *call);
#define options_add(call, key, type, ...)                                                          \
        sd_bus_message_append(call, "{sv}", key, type, __VA_ARGS__)
int options_add_strv(sd_bus_message *call, const char *key, char *const *list);

/* Whether an error is the one with this name; `name` without "org.mydocker.Error." */
bool error_is(const sd_bus_error *error, const char *name);

/* Adds a match rule without waiting for the bus to confirm it: what is sent afterwards is handled afterwards. The
 * signals are seen by filters only. Return: a negative errno on failure. */
int client_match(Client *client, const char *rule);
int client_unmatch(Client *client, const char *rule);
/* Whether a signal is the daemon's. Any user of the bus may send us signals that look like it. */
bool client_is_from_daemon(const Client *client, sd_bus_message *signal);

/* Asks for the signals that say that a daemon comes or goes; and takes one, if it is one.
 * Return: 1 if a new daemon is there, which client_is_from_daemon() knows from then on; else 0 or a negative errno. */
int client_match_owner(Client *client);
int client_take_owner(Client *client, sd_bus_message *signal);

static inline void message_unrefp(sd_bus_message **p) {
        sd_bus_message_unref(*p);
}
#define _cleanup_message_ _cleanup_(message_unrefp)
#define _cleanup_error_ _cleanup_(sd_bus_error_free)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Attacks: what a user tries who has an account on the machine and may run containers, and nothing more. The programs
 * test-attack-*.c share this frame; docs/security.md says which test tries what. */

#include "harness.h"

#define NOBODY 65534
#define SOMEBODY 1 /* "daemon": dbus-daemon wants users that exist */
#define AS_SOMEBODY "setpriv --reuid=1 --regid=1 --clear-groups "

/* Connections of the attacker and of another user. */
extern GDBusConnection *nobody, *somebody;

/* As harness_init() and harness_run(), with a rule that allows all users org.mydocker.container.run and nothing else. */
void attack_init(int *argc, char ***argv);
int attack_run(void);

/* Allows something more, as a condition of a polkit rule on `action` and `subject`, until attack_forbid(). Waits until
 * nobody's permission for `action_name`, which must then be allowed without details, shows it; NULL: does not wait. */
void attack_allow(const char *condition, const char *action_name);
void attack_forbid(const char *action_name);

/* Runs `sh -c COMMAND` in a container of the image busybox as this user. `options` is GVariant text, NULL for none;
 * `fds` may be NULL. Return: the container's path, to be freed, or NULL with *error set. */
char *attack_run_container(GDBusConnection *caller, GUnixFDList *fds, const char *options,
                           const char *command, GError **error);

/* Calls a method of a container as this user, without arguments but empty options. */
bool attack_call(GDBusConnection *caller, const char *path, const char *method, GError **error);

/* What a command prints in a running container of this user's; it may fail. Return: to be freed. */
char *attack_exec(GDBusConnection *caller, const char *path, const char *command);
void attack_remove(GDBusConnection *caller, const char *path);

/* A list with the directory's descriptor, opened as this user could open it. To be unreferenced. */
GUnixFDList *attack_open(const char *path, int flags);

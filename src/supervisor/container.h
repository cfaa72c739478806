/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Containers and their processes as objects: making, finding, and what happens when they end. */

#include "supervisor/supervisor.h"

/* Makes an object without a process and enters it in the table. Return: 0 or a negative errno,
 * EEXIST when there is one with this id. */
int container_new(Supervisor *supervisor, const char *id, Container **ret);

/* Forgets a container: frees the object with its processes, without doing anything to them (but for
 * those that are still being made, which are killed and whose callers get an error). Its control
 * group is left to the reaper with `remove_group`. */
void container_free(Container *container, bool remove_group);

/* For what needs a container that has ended. Return: -ESRCH. */
int container_error_ended(Error *e);
/* Whether the main process, which runs as far as we know, is about to end. */
bool container_is_ending(const Container *container);

/* Return: the container whose main process runs, or NULL with *e set (container_error_ended()). */
Container *container_find(Supervisor *supervisor, const char *id, Error *e);

/* Return: the process that runs, or NULL with *e set (ESRCH). */
Process *container_find_process(Container *container, uint64_t number, Error *e);

/* Makes an object, entered in the container's list. Return: 0 or -ENOMEM. */
int process_new(Container *container, uint64_t number, Process **ret);
void process_free(Process *process);

/* Kills a process that is still being made; the reaper waits for its end. */
void process_abort_launch(Process *process);
/* Whether a process is being made in the container, its first one or another. */
bool container_is_launching(const Container *container);

/* Waits for the end of a process, pid and pidfd of which are set. Return: 0 or a negative errno. */
int process_watch(Process *process);

/* Opens the log as far as the container has one of its own, for the outputs that are added later.
 * Return: 0 or a negative errno. */
int container_open_log(Container *container, const LogSpec *log, Error *e);

/* Reads output `i` (0: stdout or the terminal, 1: stderr) of a process from `fd`, which is taken, also
 * on failure. With `log` it goes to the journal if that says so. Return: 0 or a negative errno. */
int process_add_output(Process *process, size_t i, int fd, const LogSpec *log);

/* The same from the state of the program whose place we took. */
int container_load_log(Container *container, Json *json, Error *e);
int process_load_output(Process *process, size_t i, State *state, Json *json);

/* Goes on with a container that was loaded with its processes. May free it. */
void container_resume(Container *container);

/* Watches for what the kernel kills. A container without that is not worse off. */
void container_watch_oom(Container *container);

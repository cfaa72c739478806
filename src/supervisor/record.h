/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the supervisor keeps in files for the next one: state/ID.json for each container that runs,
 * exits/ID.json for each that has ended. */

#include "supervisor/supervisor.h"

/* Writes the state of a container which has just been started from `spec`. Return: 0 or a negative
 * errno. */
int record_write(const Container *container, const ContainerSpec *spec);

/* Removes it. */
void record_remove(const Container *container);

/* Writes the exit record of a container. Return: 0 or a negative errno. */
int record_exit(const Supervisor *supervisor, const Event *event);

/* Takes over the containers that another supervisor has left running and that aren't known yet, writes
 * the exit records of those that have ended meanwhile, and removes what else is left of them: control
 * groups. Return: 0 or a negative errno. */
int record_adopt(Supervisor *supervisor, Error *e);

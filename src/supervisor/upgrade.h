/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The supervisor is upgraded by execve(2): the program that now lies where this one did takes its place, with all its
 * children and descriptors. What it knows passes as a state (state.h). It is read in as far as it can be; containers that
 * aren't in it are adopted from their records, as those of a supervisor that was killed. */

#include "supervisor/supervisor.h"

/* Upgrades as soon as no request is being worked on: no more are heard until then, and a start or exec that hangs is
 * given up after some seconds. When the new program can't be executed everything goes on as before. */
void upgrade_begin(Supervisor *supervisor);

/* Receives what the program before has left, if one has. One that can't be read is reported, and is as none. */
void upgrade_receive(Supervisor *supervisor);

/* What is in it, when there is one: the containers, to be called before others are adopted, and all
 * connections. Return: 0 or a negative errno. */
void upgrade_load_containers(Supervisor *supervisor);
int upgrade_load_server(Supervisor *supervisor, const ServerConfig *config, Error *e);

/* The last step: containers go on. */
void upgrade_finish(Supervisor *supervisor);

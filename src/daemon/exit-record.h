/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How containers ended, as the supervisor writes it to RUNTIME-DIR/exits/ID.json for a daemon that does not
 * listen at that moment. A record is deleted when the container's own record has what it says. */

#include "daemon/manager.h"

/* Return: whether there is one. */
bool exit_record_read(const Manager *m, const char *id, Event *ret);

/* Deletes it, if there is one. */
void exit_record_forget(const Manager *m, const char *id);

/* Deletes those of containers that do not exist any more: an earlier daemon was ended between removing a
 * container and this. */
void exit_records_sweep(const Manager *m);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files about containers in a directory of RUNTIME-DIR, one for each: DIRECTORY/ID.json. */

#include "daemon/manager.h"

/* Return: 0 or a negative errno; -ENOENT when there is none. */
int runtime_file_read(const Manager *m, const char *directory, const char *id, Json **ret);

/* Makes the directory, for root alone, if it is missing. Return: 0 or a negative errno. */
int runtime_directory_make(const Manager *m, const char *directory, Error *e);

/* Return: 0 or a negative errno. */
int runtime_file_write(const Manager *m, const char *directory, const char *id, Json *json);

/* Deletes it, if there is one. */
void runtime_file_forget(const Manager *m, const char *directory, const char *id);

/* Deletes those of containers that do not exist any more: an earlier daemon was ended between removing a container and
 * its file. */
void runtime_files_sweep(const Manager *m, const char *directory);

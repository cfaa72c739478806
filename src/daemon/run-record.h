/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From what a caller asked for, an image and the configuration: the complete record of a container. */

#include "daemon/caller.h"
#include "daemon/image.h"
#include "daemon/run-options.h"

/* Makes the record, without a name if none was given, of which nothing is on disk yet. The volumes that
 * were given as descriptors are in the order of the record's, and stay in the options.
 * Return: 0 or a negative errno with `error` set. */
int run_record_make(Manager *m, const RunOptions *options, const Image *image, const Caller *caller,
                    ContainerRecord **ret, sd_bus_error *error);

/* The container's environment without what run_record_make() adds of its own accord, unless the image says the same.
 * Return: 0 or -ENOMEM; *ret is to be freed. */
int run_record_own_env(const ContainerRecord *record, char *const *image_env, char ***ret);

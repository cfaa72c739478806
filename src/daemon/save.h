/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Writing images and containers as archives, into a pipe whose other end the caller gets. */

#include "daemon/container.h"
#include "daemon/image.h"

typedef struct SaveOptions {
        char *format; /* NULL: oci-archive */
        /* The one of its names that the archive tells, none if it is no name of the image; NULL:
         * all. */
        char *name;
} SaveOptions;

void save_options_done(SaveOptions *options);

bool save_format_is_valid(const char *format);

/* Answers the call with the pipe to read the image from. Return: 1, or a negative errno with `error`
 * set. */
int image_save(Image *image, const SaveOptions *options, sd_bus_message *message,
               sd_bus_error *error);

/* The same for a container's file system without its volumes. */
int container_export(Container *c, sd_bus_message *message, sd_bus_error *error);

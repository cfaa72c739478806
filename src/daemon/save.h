/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Writing images and containers as archives, into a pipe whose other end the caller gets. */

#include "daemon/container.h"
#include "daemon/image.h"

#define SAVE_FORMAT_DEFAULT "oci-archive"

bool save_format_is_valid(const char *format);

/* Answers the call with the pipe to read the image from. Return: 1, or a negative errno with `error`
 * set. */
int image_save(Image *image, const char *format, sd_bus_message *message, sd_bus_error *error);

/* The same for a container's file system without its volumes. */
int container_export(Container *c, sd_bus_message *message, sd_bus_error *error);

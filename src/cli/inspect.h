/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Containers and images as JSON with docker's keys. */

#include "cli/containers.h"
#include "shared/json.h"

/* `config` is what GetConfig tells, or NULL if the caller may not know. Return: 0 or -ENOMEM. */
int inspect_container(const Container *container, Json *config, Json **ret);
int inspect_image(const Image *image, Json *config, Json **ret);

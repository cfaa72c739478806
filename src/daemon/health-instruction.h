/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The instruction HEALTHCHECK, as a Dockerfile has it and a commit may change an image by. */

#include "shared/json.h"

/* Puts the member "Healthcheck" into an image's configuration; `value` is what follows the instruction's name. Return: 0,
 * -EINVAL for what is not understood, or -ENOMEM. */
int health_instruction_apply(Json *config, const char *value);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The layers that a job makes: staging/0, staging/1, … */

#include <stddef.h>

#include "shared/error.h"

/* Opens staging/N. Return: a descriptor or a negative errno. */
int part_open(int staging, size_t n, Error *e);
/* The same for a new one. */
int part_make(int staging, size_t n, Error *e);

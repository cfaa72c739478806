/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Writing an image, its layers and its configuration, as an archive that other tools load. */

#include "worker/job.h"

/* The order's descriptors are the output and each layer's directory. Fills in the outcome.
 * Return: 0 or a negative errno. */
int save_oci(Job *job, Json *done, Error *e);
int save_docker(Job *job, Json *done, Error *e);

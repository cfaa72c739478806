/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The configuration of an image that is made of a container: as the container was made, and as its image says where a
 * container has nothing to say. */

#include "shared/json.h"
#include "store/container-record.h"

/* Changes `config`, that of the container's image, or an empty one when that is gone. What the service itself puts into
 * every environment stays out. Return: 0, -EBADMSG when the image's makes no sense, or -ENOMEM. */
int commit_config_fill(Json *config, const ContainerRecord *record);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* Hides in the layer `root` all that the layers below it have in their root directories. Overlay
 * does not look for its mark of opaque directories there. To be called when the layer is complete:
 * what itself has stays. Return: 0 or a negative errno. */
int whiteout_all(int root, const int *lowers, size_t n);

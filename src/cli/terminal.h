/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The user's own terminal. */

#include <stdint.h>

/* Lets every key through unchanged, until terminal_restore(). Return: 0 or a negative errno. */
int terminal_raw(int fd);

/* Puts the terminal back as it was. Nothing happens if it is not raw; exit(3) does it too. */
void terminal_restore(void);

/* Rows and columns of a terminal, 0 if unknown or if it is none. */
void terminal_size(int fd, uint16_t *rows, uint16_t *columns);
